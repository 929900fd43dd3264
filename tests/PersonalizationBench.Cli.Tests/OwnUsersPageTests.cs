using System.Text.RegularExpressions;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Data.Own;

namespace PersonalizationBench.Cli.Tests;

/// <summary>What <c>docs/own-users.md</c> tells a newcomer to do is done here, with a shipped base.</summary>
public sealed partial class OwnUsersPageTests : IDisposable
{
    private readonly Desk _desk = new();
    private readonly Workbench _bench;
    private readonly StringWriter _output = new();

    public OwnUsersPageTests()
    {
        var here = Workbench.OfThisMachine();
        Page = File.ReadAllText(Path.Combine(here.Root, "docs", "own-users.md"));
        _bench = here with { Root = _desk.Folder, Output = _output, Error = _output, IsTerminal = false };
    }

    private string Page { get; }

    public void Dispose()
    {
        _output.Dispose();
        _desk.Dispose();
    }

    private Task<int> Run(params string[] arguments) => PbenchApp.RunAsync(arguments, _bench, CancellationToken.None);

    private string WritePagesFile(string name) =>
        _desk.Write($"mine/{name}", PageFile().Matches(Page).Single(m => m.Groups["name"].Value == name).Groups["text"].Value);

    [Fact]
    public async Task The_pages_example_runs_as_it_stands()
    {
        WritePagesFile("users.jsonl");
        var study = WritePagesFile("mine.yaml");
        Assert.True(await Run("validate", study) == 0, _output.ToString());
        Assert.True(await Run("run", study) == 0, _output.ToString());
        var runs = RecordCsv.ReadFile<RunRecord>(Path.Combine(_desk.Folder, "runs", "mine", "runs.csv"));
        Assert.Equal(12, runs.Count);
        Assert.All(runs, r => Assert.Equal((2, 4, "ok"), (r.Users, r.Probes, r.Status)));
        Assert.Equal(1, runs.Single(r => r.Strategy == "oracle").EvidenceRecall);
        Assert.Equal(["recall", "style"], RecordCsv.ReadFile<ProbeRecord>(Path.Combine(_desk.Folder, "runs", "mine", "probes.csv")).Select(p => p.Kind).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Two_text_files_stand_in_a_study_after_one_command()
    {
        _desk.Write("alice.txt", "Moved to Oslo. It is cold.\n\nRex barked all day. He is old.\n\nWe walked to the fjord. It was grey.\n");
        _desk.Write("bob.txt", "Won at chess. It took long.\n\nLost at chess. My queen was out too early.\n\nRead on openings. Tired now.\n");
        var users = Path.Combine(_desk.Folder, "mine", "users.jsonl");
        Assert.True(await Run("data", "from-text", Path.Combine(_desk.Folder, "alice.txt"), Path.Combine(_desk.Folder, "bob.txt"), "-o", users) == 0, _output.ToString());
        Assert.Contains("2 users, 4 documents, 2 probes", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await Run("data", "show", users));
        Assert.Contains("# alice (alice): 2 documents, 1 probes", _output.ToString(), StringComparison.Ordinal);
        // The page's study but for the oracle, which has no evidence to read.
        var study = WritePagesFile("mine.yaml");
        File.WriteAllText(study, File.ReadAllText(study).Replace("  - type: oracle\n", "", StringComparison.Ordinal));
        Assert.True(await Run("validate", study) == 0, _output.ToString());
        Assert.True(await Run("run", study, "--only", "rag*") == 0, _output.ToString());
    }

    [Fact]
    public async Task The_benchmarks_files_are_converted_by_a_command()
    {
        var questions = _desk.Write("q.json", """[{"id": "1", "input": "What score?", "profile": [{"id": "a", "text": "Broke.", "score": "1"}]}]""");
        var outputs = _desk.Write("o.json", """{"task": "LaMP_3", "golds": [{"id": "1", "output": "2"}]}""");
        var users = Path.Combine(_desk.Folder, "lamp.jsonl");
        Assert.True(await Run("data", "convert", "lamp", questions, outputs, "--output", users) == 0, _output.ToString());
        Assert.Equal("1 is the score for \"Broke.\"", Assert.Single(OwnUsersFile.Read(users)).History[0].Text);
    }

    [Fact]
    public void Every_key_of_the_format_is_on_the_page()
    {
        string[] keys = ["user", "text", "id", "date", "kind", "prompt", "gold", "scoring", "accepted", "choices", "evidence", "topic", "pool_size"];
        Assert.All(keys, key => Assert.Contains($"\n| `{key}` | ", Page, StringComparison.Ordinal));
        var refused = Assert.Throws<PbenchException>(() => OwnUsersFile.Read(_desk.Write("x.jsonl", """{"zzzzzzzz": 1}""")));
        Assert.Equal(keys.Order(StringComparer.Ordinal), refused.Message.Split("expected some of ")[1].Split(", ").Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"<!-- file:(?<name>[^ ]+) -->\n```\w+\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex PageFile();
}
