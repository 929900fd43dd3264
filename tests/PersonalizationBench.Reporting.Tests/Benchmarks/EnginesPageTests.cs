using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Reporting.Tests.Benchmarks;

public sealed class EnginesPageTests
{
    private static EngineRecord Record(string engine, double ofOld, double ofOperators, double? loss = 5, string precision = "bfloat16", string workload = "training-step", string level = EngineRecord.Best) => new()
    {
        Workload = workload,
        Model = "1M",
        Precision = precision,
        Level = level,
        Engine = engine,
        Libraries = "",
        Threads = 2,
        Rounds = 3,
        Unit = "ms",
        Value = 20 / ofOld,
        ValueMin = 19 / ofOld,
        ValueMax = 21 / ofOld,
        OfOld = ofOld,
        OfOldMin = 0.9 * ofOld,
        OfOldMax = 1.1 * ofOld,
        OfOperators = ofOperators,
        OfOperatorsMin = 0.9 * ofOperators,
        OfOperatorsMax = 1.1 * ofOperators,
        Loss = loss,
    };

    [Fact]
    public void Each_goal_is_judged_by_the_median_against_its_own_engine()
    {
        EngineRecord[] met = [Record(EngineRecord.Old, 1, 2.6), Record(EngineRecord.Operators, 0.38, 1), Record(EngineRecord.Kernels, 1.02, 2.6)];
        Assert.True(EnginesPage.MeetsGoals(met));
        Assert.Equal(2, EnginesPage.Verdicts(met).Count(v => v.EndsWith(" met", StringComparison.Ordinal)));

        EngineRecord[] missed = [.. met[..2], Record(EngineRecord.Kernels, 1.02, 2.49)];
        Assert.False(EnginesPage.MeetsGoals(missed));
        Assert.Contains("best: training-step of 1M in bfloat16, kernels: 2.49 times operators, goal 2.5 MISSED", EnginesPage.Verdicts(missed));
    }

    [Fact]
    public void A_level_is_judged_by_goals_of_its_own()
    {
        EngineRecord[] records =
        [
            Record(EngineRecord.Old, 1, 1, null, "float32", "decode-one", EngineRecord.Avx2),
            Record(EngineRecord.Kernels, 4.9, 1.2, null, "float32", "decode-one", EngineRecord.Avx2),
        ];
        Assert.False(EnginesPage.MeetsGoals(records));
        Assert.Contains("avx2: decode-one of 1M in float32, kernels: 4.90 times old, goal 5.0 MISSED", EnginesPage.Verdicts(records));
        Assert.Contains("avx2: decode-one of 1M in float32, kernels: 1.20 times operators, goal 1.0 met", EnginesPage.Verdicts(records));
    }

    [Fact]
    public void An_engine_that_learns_something_else_is_named()
    {
        EngineRecord[] records = [Record(EngineRecord.Old, 1, 2.6), Record(EngineRecord.Kernels, 1.1, 2.8, loss: 5.2)];
        Assert.False(EnginesPage.Agrees(records));
        Assert.Contains(EnginesPage.Verdicts(records), v => v.Contains("DISAGREE: best training-step of 1M in bfloat16: kernels 5.2", StringComparison.Ordinal));
        Assert.True(EnginesPage.Agrees([Record(EngineRecord.Old, 1, 2.6), Record(EngineRecord.Kernels, 1.1, 2.8, loss: 5.01)]));
    }
}
