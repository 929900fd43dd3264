using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench list</c>: what a study may name, and the studies there are.</summary>
internal static class ListCommand
{
    public static Command Create(Workbench bench)
    {
        var formats = new Option<bool>("--formats") { Description = "Instead, what files of bases, tokenizers and adapters are read, as docs/compatibility.md has it" };
        var command = new Command("list", "What there is: strategies, bases, datasets, studies") { formats };
        command.SetAction(parse =>
        {
            if (parse.GetValue(formats))
            {
                bench.Output.Write(CompatibilityPage.Text());
                return;
            }
            Section(bench, "strategies", bench.Strategies.Strategies.Select(s => (s.Type, s.Summary)));
            Section(bench, "bases", bench.Bases.Names.Select(name => (name, Describe(bench, name))));
            Section(bench, "datasets", bench.Datasets.Select(d => (d.Name, d.Summary)));
            Section(bench, "studies", Studies(bench.StudiesFolder));
        });
        return command;
    }

    private static void Section(Workbench bench, string title, IEnumerable<(string Name, string Summary)> entries)
    {
        bench.Output.WriteLine($"{title}:");
        var rows = entries.ToList();
        var width = rows.Count == 0 ? 0 : rows.Max(r => r.Name.Length);
        foreach (var (name, summary) in rows) bench.Output.WriteLine($"  {name.PadRight(width)}  {summary}");
    }

    private static string Describe(Workbench bench, string name)
    {
        try
        {
            var info = bench.Bases.Describe(name);
            return string.Create(CultureInfo.InvariantCulture, $"{info.Architecture}, {info.Parameters:N0} parameters, context of {info.ContextLength} tokens");
        }
        catch (PbenchException e)
        {
            return $"not usable: {e.Message}";
        }
    }

    private static IEnumerable<(string Name, string Summary)> Studies(string folder)
    {
        if (!Directory.Exists(folder)) yield break;
        foreach (var path in Directory.GetFiles(folder, "*.yaml").Order(StringComparer.Ordinal)) yield return (ShownPath.Of(path), Hypothesis(path));
    }

    private static string Hypothesis(string path)
    {
        try
        {
            return StrictYaml.ReadFile(path).Find("hypothesis")?.Text.ReplaceLineEndings(" ").Trim() ?? "no hypothesis";
        }
        catch (PbenchException e)
        {
            return e.Message;
        }
    }
}
