using System.Diagnostics;
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

    /// <summary>With PBENCH_UPDATE_GOLDEN=1 its outputs are kept: to be done when results/quickstart was published anew.</summary>
    [SkippableTheory]
    [InlineData("tests/PersonalizationBench.Reporting.Tests/Fixtures/quickstart")]
    [InlineData("results/quickstart")]
    public void The_Python_notebook_runs_with_Debians_packages_and_draws(string results)
    {
        var (status, _) = Run("/usr/bin/python3", Root, ["-c", "import pandas, matplotlib, nbconvert, ipykernel"]);
        Skip.If(status != 0, "python3-pandas, python3-matplotlib, python3-nbconvert and python3-ipykernel are not installed");
        Skip.IfNot(File.Exists(Path.Combine(Root, results, "runs.csv")), $"{results} is not there");
        var path = Path.Combine(Root, "notebooks", "read.ipynb");
        var (code, executed) = Run("/usr/bin/python3", Path.GetDirectoryName(path)!, ["-m", "nbconvert", "--to", "notebook", "--execute", "--ExecutePreprocessor.record_timing=False", "--stdout", "read.ipynb"], ("PBENCH_RESULTS", Path.Combine(Root, results)));
        Assert.True(code == 0, executed);
        using var notebook = JsonDocument.Parse(executed);
        var outputs = notebook.RootElement.GetProperty("cells").EnumerateArray().Where(IsCode).SelectMany(c => c.GetProperty("outputs").EnumerateArray()).ToList();
        Assert.Contains(outputs, o => o.TryGetProperty("text", out var text) && text.ToString().Contains("cells, ", StringComparison.Ordinal));
        Assert.Contains(outputs, o => o.TryGetProperty("data", out var data) && data.TryGetProperty("text/html", out _));
        Assert.Contains(outputs, o => o.TryGetProperty("data", out var data) && data.TryGetProperty("image/png", out _));
        if (Environment.GetEnvironmentVariable("PBENCH_UPDATE_GOLDEN") == "1" && results.StartsWith("results", StringComparison.Ordinal)) File.WriteAllText(path, executed);
    }

    [Fact]
    public void The_file_based_program_prints_who_is_ahead_and_its_tables()
    {
        var (code, output) = Run("dotnet", Root, ["run", "notebooks/read.cs", "--", "tests/PersonalizationBench.Reporting.Tests/Fixtures/quickstart"]);
        Assert.True(code == 0, output);
        Assert.Contains("- recall", output, StringComparison.Ordinal);
        Assert.Contains("| arm | prompt tokens | stored per user |", output, StringComparison.Ordinal);
    }

    /// <summary>The exit code, and standard output (of a failure, standard error too).</summary>
    private static (int Code, string Output) Run(string program, string folder, IReadOnlyList<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        try
        {
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, process.ExitCode == 0 ? output : output + error.Result);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (127, e.Message); // no such program
        }
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
