using BenchmarkDotNet.Attributes;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.MicroBenchmarks;

/// <summary>The interval and the paired comparison of one table row: 32 users, 20 probes each, 5 seeds.</summary>
public class StatisticsBenchmarks
{
    private List<ScoredProbe> _treatment = [], _baseline = [];

    [GlobalSetup]
    public void Setup() => (_treatment, _baseline) = (Draw(0.7, 1), Draw(0.5, 2));

    [Benchmark]
    public Interval Posterior() => MeanInterval.Of(_treatment, ScoreKind.ZeroOne);

    [Benchmark]
    public Interval Bootstrap() => MeanInterval.Of(_treatment, ScoreKind.Share);

    [Benchmark]
    public IReadOnlyList<Comparison> Paired() => PairedComparison.Family([new PairedDifferences(_treatment, _baseline)], ScoreKind.ZeroOne);

    private static List<ScoredProbe> Draw(double accuracy, long seed)
    {
        var random = new DeterministicRandom(seed);
        return [.. from user in Enumerable.Range(0, 32) from probe in Enumerable.Range(0, 20) from run in Enumerable.Range(0, 5)
                   select new ScoredProbe($"u{user}", $"p{probe}", run, random.Chance(accuracy) ? 1 : 0)];
    }
}
