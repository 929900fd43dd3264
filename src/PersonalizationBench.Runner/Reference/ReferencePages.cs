using System.Text;
using System.Text.RegularExpressions;

namespace PersonalizationBench.Runner.Reference;

/// <summary>The pages that are made of the vocabulary: <c>docs/settings.md</c> and the columns in <c>results/README.md</c>.</summary>
public static partial class ReferencePages
{
    /// <summary>All of <c>docs/settings.md</c>.</summary>
    public static string Settings(Vocabulary words)
    {
        var page = new StringBuilder("""
            # Settings

            Every key of a study file. Written by `./bench explain --settings` from the comments in the source; a test holds that it is what that
            command prints. `./bench explain WORD` prints one of them, and `docs/study.schema.json` is the same for editors: with
            `# yaml-language-server: $schema=../docs/study.schema.json` as a study's first line they complete keys and mark mistakes.

            A list where a setting takes one value is an axis of the grid. Keys may be written with `-` for `_`.

            ## A study

            """.ReplaceLineEndings("\n"));
        page.Append('\n');
        Table(page, Vocabulary.Study);
        page.Append("\n## Strategies\n\nEach item of `strategies` has `type`; any may have `control: wrong-user` (every user is answered with another one's data),\n`bases`, a list of those of the study's bases that it is for, and `tuned`, the family under `tune` whose chosen settings it takes.\n");
        foreach (var strategy in words.Strategies) Section(page, strategy);
        page.Append("\n## Data sets\n\n`dataset` has `name`, and these.\n");
        foreach (var dataset in words.Datasets) Section(page, dataset);
        page.Append("\n## Kinds of probes\n\n");
        Words(page, Vocabulary.Kinds, "kind");
        page.Append("\n## Metrics\n\nA study names no metric: how a probe is scored says which one it is.\n\n");
        Words(page, Vocabulary.Metrics, "metric");
        return page.ToString();
    }

    /// <summary>The columns as two tables, without a heading.</summary>
    public static string Columns()
    {
        var text = new StringBuilder();
        foreach (var file in Vocabulary.Columns.GroupBy(c => c.What[(c.What.LastIndexOf(' ') + 1)..]))
        {
            text.Append($"{(text.Length == 0 ? "" : "\n")}`{file.Key}`:\n\n");
            Words(text, file, "column");
        }
        return text.ToString();
    }

    /// <summary>A page with what stands between <c>columns</c> markers replaced.</summary>
    public static string WithColumns(string page) => ColumnsBlock().Replace(page, m => $"{m.Groups[1].Value}\n{Columns()}{m.Groups[2].Value}");

    private static void Section(StringBuilder page, Entry entry)
    {
        page.Append($"\n### `{entry.Word}`\n\n{entry.Text}\n");
        if (entry.Settings.Count == 0) return;
        page.Append('\n');
        Table(page, entry.Settings);
    }

    private static void Table(StringBuilder page, IEnumerable<Setting> settings)
    {
        page.Append("| key | what | default | |\n| --- | --- | --- | --- |\n");
        foreach (var setting in settings.SelectMany(s => s.AndWithin)) page.Append($"| `{setting.Name}` | {Cell(setting.Kind)} | {(setting.Default is { } value ? Cell(value) : "must be given")} | {Cell(setting.Text)} |\n");
    }

    private static void Words(StringBuilder page, IEnumerable<Entry> words, string heading)
    {
        page.Append($"| {heading} | |\n| --- | --- |\n");
        foreach (var word in words) page.Append($"| `{word.Word}` | {Cell(word.Text)} |\n");
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    [GeneratedRegex(@"(<!-- columns -->).*?(<!-- /columns -->)", RegexOptions.Singleline)]
    private static partial Regex ColumnsBlock();
}
