using System.Text.Json;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;

namespace PersonalizationBench.Reporting.Tests;

/// <summary>Stands in for the notebook's front end: keeps what cells display.</summary>
public static class NotebookHost
{
    public static List<(string MimeType, string Text)> Displayed { get; } = [];

    public static void Show(string text, string mimeType) => Displayed.Add((mimeType, text));
}

public sealed class NotebookTests
{
    // The kernel brings this extension method; here the host brings it.
    private const string Prelude = "public static void DisplayAs(this string text, string mimeType) => PersonalizationBench.Reporting.Tests.NotebookHost.Show(text, mimeType);";

    private static readonly string Root = Path.GetFullPath(Path.Combine(GoldenFile.TestFolder(), "..", ".."));
    private static readonly string Notebook = Path.Combine(Root, "notebooks", "quickstart.ipynb");

    [Fact]
    public void The_notebook_is_of_format_4_5_and_keeps_no_outputs()
    {
        using var notebook = JsonDocument.Parse(File.ReadAllText(Notebook));
        Assert.Equal((4, 5), (notebook.RootElement.GetProperty("nbformat").GetInt32(), notebook.RootElement.GetProperty("nbformat_minor").GetInt32()));
        Assert.Equal("C#", notebook.RootElement.GetProperty("metadata").GetProperty("kernelspec").GetProperty("language").GetString());
        var cells = notebook.RootElement.GetProperty("cells").EnumerateArray().ToList();
        Assert.Equal(cells.Count, cells.Select(c => c.GetProperty("id").GetString()).Distinct().Count());
        Assert.All(cells.Where(IsCode), c => Assert.Empty(c.GetProperty("outputs").EnumerateArray()));
    }

    [Fact]
    public async Task Its_cells_run_on_the_fixture_and_draw() => await RunOn(Path.Combine(GoldenFile.TestFolder(), "Fixtures", "quickstart"), figures: 3);

    [SkippableFact]
    public async Task Its_cells_run_on_the_committed_results_and_draw()
    {
        var results = Path.Combine(Root, "results", "quickstart");
        Skip.IfNot(File.Exists(Path.Combine(results, "runs.csv")), "results/quickstart is not there: pbench run experiments/quickstart.yaml makes it");
        await RunOn(results, figures: 3);
    }

    private static async Task RunOn(string results, int figures)
    {
        NotebookHost.Displayed.Clear();
        Environment.SetEnvironmentVariable("PBENCH_RESULTS", results);
        try
        {
            var folder = Path.GetDirectoryName(Notebook)!;
            var options = ScriptOptions.Default.WithFilePath(Notebook)
                .WithMetadataResolver(ScriptMetadataResolver.Default.WithBaseDirectory(folder))
                .AddReferences(typeof(NotebookHost).Assembly, typeof(Enumerable).Assembly)
                .AddImports("System", "System.IO", "System.Linq", "System.Collections.Generic");
            var state = await CSharpScript.RunAsync(Prelude, options);
            using var notebook = JsonDocument.Parse(File.ReadAllText(Notebook));
            foreach (var cell in notebook.RootElement.GetProperty("cells").EnumerateArray().Where(IsCode))
                state = await state.ContinueWithAsync(string.Concat(cell.GetProperty("source").EnumerateArray().Select(l => l.GetString())), options);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PBENCH_RESULTS", null);
        }
        Assert.Equal(figures, NotebookHost.Displayed.Count(d => d.MimeType == "text/html" && d.Text.StartsWith("<svg", StringComparison.Ordinal)));
        Assert.Contains(NotebookHost.Displayed, d => d.MimeType == "text/html" && d.Text.Contains("<table>", StringComparison.Ordinal));
        Assert.Contains(NotebookHost.Displayed, d => d.MimeType == "text/markdown" && d.Text.StartsWith("- ", StringComparison.Ordinal));
    }

    private static bool IsCode(JsonElement cell) => cell.GetProperty("cell_type").GetString() == "code";
}
