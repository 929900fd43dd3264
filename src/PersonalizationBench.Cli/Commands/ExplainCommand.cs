using PersonalizationBench.Core;
using PersonalizationBench.Runner.Reference;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench explain WORD</c>: what a word of a study file or of its results means.</summary>
internal static class ExplainCommand
{
    public static Command Create(Workbench bench)
    {
        var word = new Argument<string?>("WORD") { Description = "A strategy, data set, setting, column, kind of probe or metric, such as lora, rank, kv_bytes, absence", Arity = ArgumentArity.ZeroOrOne };
        var settings = new Option<bool>("--settings") { Description = "Instead, all of docs/settings.md" };
        var schema = new Option<bool>("--schema") { Description = "Instead, the JSON schema of study files, as docs/study.schema.json has it" };
        var columns = new Option<bool>("--columns") { Description = "Instead, the columns of runs.csv and probes.csv, as results/README.md has them" };
        var command = new Command("explain", "What a strategy, setting, column, kind of probe or metric is") { word, settings, schema, columns };
        command.SetAction(parse =>
        {
            var words = new Vocabulary(bench.Strategies.Strategies, bench.Datasets);
            if (parse.GetValue(settings)) bench.Output.Write(ReferencePages.Settings(words));
            else if (parse.GetValue(schema)) bench.Output.Write(StudySchema.Text(words));
            else if (parse.GetValue(columns)) bench.Output.Write(ReferencePages.Columns());
            else foreach (var entry in words.Explain(parse.GetValue(word) ?? throw new PbenchException("explain: expected a word, such as lora or rank; pbench list names strategies and data sets"))) bench.Output.Write(entry);
        });
        return command;
    }
}
