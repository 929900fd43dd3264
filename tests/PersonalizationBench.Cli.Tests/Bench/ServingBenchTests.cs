using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Tests.Bench;

/// <summary>Batches of adapters on a base of one layer.</summary>
public sealed class ServingBenchTests : IDisposable
{
    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task Every_mix_is_measured_beside_the_base_alone()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var output = Path.Combine(_desk.Folder, "serving");

        var code = await PbenchApp.RunAsync(["bench", "serving", Path.Combine(bench.BasesFolder, "small"), "--ranks", "2", "--batches", "1", "3", "--rounds", "2", "--output", output], bench, CancellationToken.None);

        Assert.True(code == 0, _desk.Error);
        var records = RecordCsv.ReadFile<ServingRecord>(Path.Combine(output, "serving.csv"));
        string[] mixes = ["base only", "adapters in the slots, base asked", "one adapter for all", "one adapter, merged", "an adapter each"];
        Assert.Equal([.. mixes.Select(m => (1, m)), .. mixes.Select(m => (3, m))], records.Select(r => (r.Batch, r.Mix)));
        Assert.All(records, r => Assert.True(r.TokensPerSecond > 0 && r.Ratio > 0 && r.Ceiling is > 0 and <= 1));
        Assert.Equal([0, 0, 1, 0, 3], records.Skip(5).Select(r => r.Distinct));
        Assert.All(records.Where(r => r.Mix == mixes[3]), r => Assert.Equal(1, r.Ceiling));
        Assert.Contains("| 2 | 3 | an adapter each |", File.ReadAllText(Path.Combine(output, "README.md")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(output, "figures", "ratios.svg")));
    }
}
