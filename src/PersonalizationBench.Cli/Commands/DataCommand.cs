using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Own;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench data</c>: the datasets there are, and users of one's own.</summary>
internal static class DataCommand
{
    public static Command Create(Workbench bench) => new("data", "Datasets: what there is, getting it, looking at it, making one of your own users") { List(bench), Fetch(bench), Show(bench), FromText(bench), Convert(bench) };

    private static Command List(Workbench bench)
    {
        var command = new Command("list", "Datasets and whether their files are here");
        command.SetAction(_ =>
        {
            foreach (var name in DatasetManifest.Names(bench.Files.DatasetsFolder))
            {
                var manifest = DatasetManifest.Load(bench.Files.DatasetsFolder, name);
                var files = bench.Files.AllFiles(name);
                var here = files.Count(f => bench.Files.Locate(f.Path) is not null);
                var state = files.Count == 0 ? "no files" : string.Create(CultureInfo.InvariantCulture, $"{here} of {files.Count} files here, {files.Sum(f => f.Bytes):N0} bytes");
                bench.Output.WriteLine($"{name,-12}  {state}  ({manifest.Licence})  {manifest.Summary}".TrimEnd());
            }
        });
        return command;
    }

    private static Command Fetch(Workbench bench)
    {
        var name = new Argument<string>("NAME") { Description = "A dataset of datasets/" };
        var from = new Option<string?>("--from") { Description = "Copy from this folder instead of downloading" };
        var command = new Command("fetch", "Bring a dataset's files here, each checked by SHA-256") { name, from };
        command.SetAction(async (parse, cancellation) =>
        {
            using var http = new HttpClient();
            await new DatasetFetcher(bench.Files, http).FetchAsync(parse.GetRequiredValue(name), parse.GetValue(from),
                (file, outcome) => bench.Output.WriteLine($"{file.Path}: {outcome switch { FetchOutcome.AlreadyThere => "already there", FetchOutcome.Copied => "copied", _ => "downloaded" }}"), cancellation);
        });
        return command;
    }

    private static Command Show(Workbench bench)
    {
        var name = new Argument<string>("NAME") { Description = "A dataset that a study may name (pbench list), or a file of your own users such as users.jsonl" };
        var user = new Option<int>("--user") { Description = "Which user to show, from 1", DefaultValueFactory = _ => 1 };
        var documents = new Option<int>("--documents") { Description = "Documents and probes to show", DefaultValueFactory = _ => 3 };
        var command = new Command("show", "A user of a dataset: documents and probes, with the default settings") { name, user, documents };
        command.SetAction(parse =>
        {
            DatasetView.Write(bench.Output, Load(bench, parse.GetRequiredValue(name)), parse.GetValue(user), parse.GetValue(documents));
        });
        return command;
    }

    private static Dataset Load(Workbench bench, string name)
    {
        if (name.EndsWith(".jsonl", StringComparison.Ordinal)) return new OwnUsersLoader().Load(new OwnUsersOptions { Users = name });
        var nearest = NearestWord.Find(name, bench.Datasets.Select(d => d.Name));
        var loader = bench.Datasets.FirstOrDefault(d => d.Name == name)
            ?? throw new PbenchException($"unknown dataset '{name}'; {(nearest is null ? $"expected one of {string.Join(", ", bench.Datasets.Select(d => d.Name))}, or a file such as users.jsonl" : $"did you mean '{nearest}'?")}");
        var empty = new YamlSection("defaults", 1, "", YamlKind.Mapping);
        return loader.Load(StrictYaml.Bind(loader.OptionsType, empty));
    }

    private static Command FromText(Workbench bench)
    {
        var files = new Argument<string[]>("FILE") { Description = "Text files, a user each; blank lines part documents, a date on a line before one is its date", Arity = ArgumentArity.OneOrMore };
        var questions = new Option<string?>("--questions") { Description = "Questions about them: a CSV file with the columns user, question, answer" };
        var heldOut = new Option<double>("--held-out") { Description = "Share of each user's documents, the last ones, that is scored and not read", DefaultValueFactory = _ => 0.2 };
        var output = OutputOption();
        var command = new Command("from-text", "Users of your own from text files") { files, questions, heldOut, output };
        command.SetAction(parse => Write(bench, parse.GetRequiredValue(output), TextFile.Users(parse.GetRequiredValue(files), parse.GetValue(questions), parse.GetValue(heldOut))));
        return command;
    }

    private static Command Convert(Workbench bench)
    {
        var questions = new Argument<string>("QUESTIONS") { Description = "LaMP's SPLIT_questions.json of one task" };
        var outputs = new Argument<string>("OUTPUTS") { Description = "LaMP's SPLIT_outputs.json of the same" };
        var instances = new Argument<string>("FILE") { Description = "LongMemEval's instances, such as longmemeval_oracle.json" };
        var output = OutputOption();
        var lamp = new Command("lamp", "A task of LaMP, each question's profile a user") { questions, outputs };
        var longMemEval = new Command("longmemeval", "LongMemEval, each instance a user") { instances };
        lamp.SetAction(parse => Write(bench, parse.GetRequiredValue(output), LampConverter.Convert(parse.GetRequiredValue(questions), parse.GetRequiredValue(outputs))));
        longMemEval.SetAction(parse => Write(bench, parse.GetRequiredValue(output), LongMemEvalConverter.Convert(parse.GetRequiredValue(instances))));
        return new Command("convert", "A public benchmark's files to users as JSON Lines") { lamp, longMemEval, output };
    }

    private static Option<string> OutputOption() =>
        new("--output", "-o") { Description = "Where the users go, such as users.jsonl", DefaultValueFactory = _ => "users.jsonl", Recursive = true };

    private static void Write(Workbench bench, string path, IReadOnlyList<User> users)
    {
        OwnUsersFile.Write(path, users);
        bench.Output.WriteLine(FormattableString.Invariant($"{path}: {users.Count} users, {users.Sum(u => u.History.Count)} documents, {users.Sum(u => u.Probes.Count)} probes"));
    }
}
