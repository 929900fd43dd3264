using System.CommandLine;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Tests.Bench;

/// <summary>Loads on a base of one layer.</summary>
public sealed class LoadTests : IDisposable
{
    private const string Mini = """
        load: mini
        base: small
        server: { slots: 2, sequences: 4, adapter_memory: 1, kv_memory: 1 }
        files: 5
        prompt: [2, 9]
        answer: [3]
        seconds: 0.3
        rounds: 2
        verified: 1000
        cells:
          - { figure: closed, policies: [3, 12], rank: ["2", mixed], zipf: [1], base_share: 0.2, cancel_share: 0.2, bits: true }
          - { figure: busy, policies: [12], rank: ["2"], arrivals: [0.2, 0.5] }
        """;

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task A_load_is_measured_verified_and_written()
    {
        var bench = await SmallBase.TrainAsync(_desk);

        // Ranks of 8, 16 and 64 are more than some of a base so small can have.
        var mini = Mini.Replace(", mixed", "", StringComparison.Ordinal);
        Assert.True(await PbenchApp.RunAsync(["load", _desk.Write("experiments/mini.yaml", mini)], bench, CancellationToken.None) == 0, _desk.Error);

        var folder = Path.Combine(_desk.Folder, "results", "mini");
        var records = RecordCsv.ReadFile<LoadRecord>(Path.Combine(folder, "mini.csv"));
        Assert.Equal(4, records.Count);
        Assert.All(records, r =>
        {
            Assert.Equal((0, 0), (r.Mismatches, r.Failed));
            Assert.InRange(r.Verified, 1, int.MaxValue);
            Assert.True(r.TokensPerSecond > 0 && r.FirstTokenP50Ms > 0 && r.FirstTokenP50Ms <= r.FirstTokenP99Ms);
            Assert.Equal(1, r.SlotShare + r.MemoryShare + r.StorageShare, 1e-9);
            Assert.Equal(Math.Min(5, r.Policies), r.Files);
        });
        Assert.All(records.Where(r => r.Figure == "closed"), r => Assert.True(r is { Arrivals: "closed", Offered: null, Ratio: > 0 } && r.Ceiling is > 0 and < 1 && r.Cancelled > 0 && r.ToldApart > r.VerifiedWithAdapter / 2 && r.BystanderTokenP50Ms > 0));
        Assert.All(records.Where(r => r.Figure == "busy"), r => Assert.True(r is { Arrivals: "poisson", Ratio: null, OfferedPerSecond: > 0, BystanderTokenP50Ms: null }));
        Assert.True(File.Exists(Path.Combine(folder, "manifest.json")) && File.Exists(Path.Combine(folder, "figures", "busy.svg")));
        var page = File.ReadAllText(Path.Combine(folder, "README.md"));
        Assert.Contains("0 differed", page, StringComparison.Ordinal);
        Assert.Contains("## The registry", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_closed_loop_may_end_after_so_many_requests_instead()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var mini = Mini.Replace("seconds: 0.3", "requests: 40", StringComparison.Ordinal).Replace(", mixed", "", StringComparison.Ordinal);

        Assert.True(await PbenchApp.RunAsync(["load", _desk.Write("experiments/mini.yaml", mini[..mini.IndexOf("  - { figure: busy", StringComparison.Ordinal)])], bench, CancellationToken.None) == 0, _desk.Error);

        var records = RecordCsv.ReadFile<LoadRecord>(Path.Combine(_desk.Folder, "results", "mini", "mini.csv"));
        Assert.All(records, r => Assert.Equal((80, 80, 0), (r.Requests, r.Verified, r.Mismatches)));
    }

    [Theory]
    [InlineData("load: mini", "load: other", "mini.yaml:1: load: it is called 'other' and the file 'mini'; expected one name")]
    [InlineData("\"2\", mixed", "\"2\", many", "'many' is neither a rank of 1 to 256 nor mixed")]
    [InlineData("zipf: [1]", "zipf: [-1]", "expected exponents of 0 to 10")]
    [InlineData("arrivals: [0.2, 0.5]", "arrivals: [0]", "expected shares of the base's capacity above 0")]
    [InlineData("prompt: [2, 9]", "prompt: [9, 2]", "prompt")]
    [InlineData("rounds: 2", "round: 2", "round")]
    public async Task What_is_wrong_in_the_file_is_said(string from, string to, string expected)
    {
        Assert.NotEqual(0, await _desk.Run("load", _desk.Write("mini.yaml", Mini.Replace(from, to, StringComparison.Ordinal))));
        Assert.Contains(expected, _desk.Error, StringComparison.Ordinal);
        Assert.Contains("mini.yaml:", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_figure_that_is_not_there_is_said()
    {
        Assert.NotEqual(0, await _desk.Run("load", _desk.Write("mini.yaml", Mini), "--only", "slots"));
        Assert.Contains("has no figure 'slots'; expected closed, busy", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_killed_leaves_nothing_half_done()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var output = Path.Combine(_desk.Folder, "crash");

        var code = await CrashCommand.Create(bench).Parse([Path.Combine(bench.BasesFolder, "small"), "--kills", "3", "--output", output]).InvokeAsync();

        Assert.True(code == 0, _desk.Error);
        var records = RecordCsv.ReadFile<CrashRecord>(Path.Combine(output, "crash.csv"));
        Assert.Equal([1, 2, 3], records.Select(r => r.Kill));
        Assert.All(records, r => Assert.Equal(0, r.Problems));
        Assert.Contains("Problems: none", File.ReadAllText(Path.Combine(output, "README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_under_random_traffic_does_nothing_wrong()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var output = Path.Combine(_desk.Folder, "soak");

        var code = await SoakCommand.Create(bench).Parse([Path.Combine(bench.BasesFolder, "small"), "--minutes", "0.1", "--every", "1", "--output", output]).InvokeAsync();

        Assert.True(code == 0, _desk.Error);
        var records = RecordCsv.ReadFile<SoakRecord>(Path.Combine(output, "soak.csv"));
        Assert.True(records[^1].Requests > 100 && records[^1].Faults == 0 && records[^1].ResidentBytes > 10_000_000);
        Assert.Contains("Faults: none", File.ReadAllText(Path.Combine(output, "README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rollback_under_traffic_is_timed_until_the_next_answer()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var output = Path.Combine(_desk.Folder, "rollback");

        var code = await PbenchApp.RunAsync(["bench", "rollback", Path.Combine(bench.BasesFolder, "small"), "--moves", "5", "--workers", "2", "--output", output], bench, CancellationToken.None);

        Assert.True(code == 0, _desk.Error);
        var records = RecordCsv.ReadFile<RollbackRecord>(Path.Combine(output, "rollback.csv"));
        Assert.Equal(Enumerable.Repeat(("rollback", "publish"), 10).SelectMany(k => new[] { k.Item1, k.Item2 }), records.Select(r => r.Kind));
        Assert.Equal([0, 2], records.Select(r => r.Workers).Distinct());
        Assert.All(records, r => Assert.True(r.BeforeMs > 0 && r.MoveMs > 0 && r.NextMs > 0));
        Assert.Contains("With 2 other requests at a time, 5 rollbacks", File.ReadAllText(Path.Combine(output, "README.md")), StringComparison.Ordinal);
    }
}
