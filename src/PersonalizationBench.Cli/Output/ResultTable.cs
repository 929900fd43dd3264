using PersonalizationBench.Reporting.Output;
using Spectre.Console;
using Table = PersonalizationBench.Reporting.Output.Table;

namespace PersonalizationBench.Cli.Output;

/// <summary>A report's table on the screen: with lines for a person, in plain columns for a pipe.</summary>
internal static class ResultTable
{
    /// <summary>Characters of a line; what is wider goes on below.</summary>
    public const int Width = 100;

    public static void Print(Table table, TextWriter output, bool isTerminal)
    {
        foreach (var (i, part) in table.Fold(isTerminal ? Width - 2 : Width, isTerminal ? 3 : 2).Index())
        {
            if (i > 0 && !isTerminal) output.WriteLine();
            if (isTerminal) Consoles.For(output).Write(Lined(part));
            else PrintPlain([part.Header, .. part.Rows.Select(r => r.Select(f => f.Text).ToList())], output);
        }
    }

    public static void Print(PublishedBeside beside, TextWriter output, bool isTerminal)
    {
        foreach (var line in beside.Lines) output.WriteLine(line);
        if (beside.Means is null) return;
        Print(beside.Means, output, isTerminal);
        output.WriteLine(beside.Note);
    }

    /// <summary>Columns as wide as their widest field: the first to the left, the others to the right.</summary>
    public static void PrintPlain(IReadOnlyList<IReadOnlyList<string>> rows, TextWriter output)
    {
        if (rows.Count == 0) return;
        var widths = Enumerable.Range(0, rows.Max(r => r.Count)).Select(i => rows.Max(r => i < r.Count ? r[i].Length : 0)).ToList();
        foreach (var row in rows)
            output.WriteLine(string.Join("  ", row.Select((field, i) => i == 0 ? field.PadRight(widths[i]) : field.PadLeft(widths[i]))).TrimEnd());
    }

    private static Spectre.Console.Table Lined(Table table)
    {
        var lined = new Spectre.Console.Table().Border(TableBorder.Rounded);
        for (var i = 0; i < table.Header.Count; i++)
        {
            var column = new TableColumn(Markup.Escape(table.Header[i]));
            lined.AddColumn(i == 0 ? column.LeftAligned() : column.RightAligned());
        }
        foreach (var row in table.Rows) lined.AddRow([.. row.Select(f => new Markup(Markup.Escape(f.Text), f.IsBold ? new Style(decoration: Decoration.Bold) : Style.Plain))]);
        return lined;
    }
}

internal static class Consoles
{
    /// <summary>Spectre's console over a writer; no colours where NO_COLOR is set (no-color.org).</summary>
    public static IAnsiConsole For(TextWriter output) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(output),
        ColorSystem = Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 } ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
    });
}
