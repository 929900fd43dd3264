using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Reporting.Tests.Benchmarks;

public sealed class CostOrdersTests
{
    private static CostOrderRecord Row(string label, string control, double forward, double reversed, long? adapt, long? adaptReversed) => new()
    {
        Study = "s",
        Base = "b",
        Dataset = "d",
        Strategy = "rag",
        Label = label,
        Control = control,
        Probes = 30,
        FirstTokenMs = forward,
        FirstTokenMsLow = forward - 0.5,
        FirstTokenMsHigh = forward + 0.5,
        FirstTokenMsReversed = reversed,
        FirstTokenMsReversedLow = reversed - 0.1,
        FirstTokenMsReversedHigh = reversed + 0.1,
        MemoryAdaptBytes = adapt,
        MemoryAdaptBytesReversed = adaptReversed,
        MemoryAnswerBytes = 1000,
        MemoryAnswerBytesReversed = 990,
    };

    [Fact]
    public void What_was_to_be_shown_is_said_from_the_rows()
    {
        CostOrderRecord[] rows =
        [
            Row("rag", "", 4, 4.4, 100_000_000, 104_000_000),
            Row("rag", "wrong-user", 5, 4.4, null, null) with { MemoryAnswerBytes = null, MemoryAnswerBytesReversed = null },
            Row("lora", "", 2, 3, 200_000, 1_200_000),
        ];
        Assert.Equal(
            [
                "Peak memory of the two orders differs by at most 4 MB; where it differs by more than 1 MiB, which is what the kernel tells, by at most 4.0 %.",
                "Of 3 arms, 1 have the median of one order in the interval of the other.",
                "Identical computations, an arm and its wrong-user control, are at most 1.25 times as slow as each other.",
            ],
            CostOrdersPage.Verdicts(rows));
        Assert.Contains("| b | rag (wrong-user) | 5.00 [4.50, 5.50] | 4.40 [4.30, 4.50] | – | – | – | – |", CostOrdersPage.Of(rows), StringComparison.Ordinal);
    }
}
