using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Cli.Commands;

/// <summary>The page <c>docs/compatibility.md</c>, from the tables that the code reads by.</summary>
internal static class CompatibilityPage
{
    /// <summary>What another part of the program reads is a further line here.</summary>
    private static IEnumerable<FormatSection> Sections =>
    [
        .. ModelFormats.Sections,
        .. TokenizerFormats.Sections,
        new("Metrics", Metric.All, "A study names no metric: the kind of a question says which one scores it."),
    ];

    public static string Text()
    {
        var page = new StringBuilder("# What is read, and what is refused\n\nWritten by `pbench list --formats`; a test holds that it is what that command prints.\n");
        foreach (var section in Sections)
        {
            page.Append($"\n## {section.Title}\n\nRead: {Names(section.Read)}.\n\n{section.Otherwise}");
            if (section.Refused.Count > 0) page.Append($" Among those: {Names(section.Refused)}.");
            page.Append('\n');
        }
        return page.ToString();
    }

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Select(n => $"`{n}`"));
}
