using System.CommandLine;
using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench data list|fetch|show</c>.</summary>
internal static class DataCommand
{
    public static Command Create(Workbench bench) => new("data", "Datasets: what there is, getting it, looking at it") { List(bench), Fetch(bench), Show(bench) };

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
        var name = new Argument<string>("NAME") { Description = "A dataset that a study may name (pbench list)" };
        var user = new Option<int>("--user") { Description = "Which user to show, from 1", DefaultValueFactory = _ => 1 };
        var documents = new Option<int>("--documents") { Description = "Documents and probes to show", DefaultValueFactory = _ => 3 };
        var command = new Command("show", "A user of a dataset: documents and probes, with the default settings") { name, user, documents };
        command.SetAction(parse =>
        {
            var word = parse.GetRequiredValue(name);
            var loader = bench.Datasets.FirstOrDefault(d => d.Name == word)
                ?? throw new PbenchException($"unknown dataset '{word}'; expected one of {string.Join(", ", bench.Datasets.Select(d => d.Name))}");
            var empty = new YamlSection("defaults", 1, "", YamlKind.Mapping);
            Print(bench.Output, loader.Load(StrictYaml.Bind(loader.OptionsType, empty)), parse.GetValue(user), parse.GetValue(documents));
        });
        return command;
    }

    private static void Print(TextWriter output, Dataset dataset, int number, int count)
    {
        output.WriteLine($"{dataset.Name}: {dataset.Users.Count} users, {dataset.TuningUsers.Count} tuning users, {dataset.Users.Sum(u => u.History.Count)} documents, {dataset.Users.Sum(u => u.Probes.Count)} probes; digest {dataset.Digest}");
        if (number < 1 || number > dataset.Users.Count) throw new PbenchException($"--user: expected 1 to {dataset.Users.Count}, found {number}");
        var user = dataset.Users[number - 1];
        output.WriteLine($"\n# {user.Id} ({user.Name}): {user.History.Count} documents, {user.Probes.Count} probes");
        foreach (var document in user.History.Take(count)) output.WriteLine($"\n## {document.Id}, {document.Kind}\n{document.Text}");
        foreach (var probe in user.Probes.DistinctBy(p => p.Kind).Concat(user.Probes).Distinct().Take(Math.Max(count, user.Probes.DistinctBy(p => p.Kind).Count())))
            output.WriteLine($"\n? {probe.Id}, {probe.Kind}: {probe.Prompt}\n= {probe.Gold}");
    }
}
