using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Analysis;

/// <summary>When a strategy that is trained has paid for itself against one that reads more at every query.</summary>
/// <param name="Unit">One of <see cref="Costs.Units"/>.</param>
/// <param name="Queries">Per user; infinite where it never pays.</param>
/// <param name="Interval">Over repeated runs; null where there are none.</param>
public sealed record Repayment(Arm Invested, Arm Alternative, string Unit, double Queries, Interval? Interval);

/// <summary>What arms cost one user, from the columns of <c>runs.csv</c>.</summary>
public static class Costs
{
    public const string Seconds = "seconds", Flops = "FLOPs", FlopsWithKeptKeys = "FLOPs, keys and values kept";

    /// <summary>What a peak of memory is told by: the kernel sums pages up by the batch (proc(5): VmRSS and VmHWM are inaccurate).</summary>
    public const int MemoryGrain = 1 << 20;

    /// <summary>A peak, and no less than can be told.</summary>
    public static double? Told(double? bytes) => bytes is { } peak ? Math.Max(MemoryGrain, peak) : null;

    /// <summary>Each with what a user costs in it: once, and at every query.</summary>
    private static readonly IReadOnlyList<(string Name, Func<Arm, RunRecord, UserCost?> CostOf)> s_units =
    [
        // Answers are timed one at a time, of one run for all.
        (Seconds, (arm, r) => r is { AdaptSeconds: { } adapt, Users: > 0 and var users } && arm.Mean(a => a.AnswerMsP50) is { } answer ? new UserCost(adapt / users, answer / 1000) : null),
        (Flops, (_, r) => r is { AdaptFlops: { } adapt, Users: > 0 and var users, FlopsPerProbe: { } query } ? new UserCost(adapt / users, query) : null),
        (FlopsWithKeptKeys, (_, r) => r is { AdaptFlops: { } adapt, Users: > 0 and var users, FlopsOncePerUser: { } once, FlopsPerQuery: { } query } ? new UserCost((adapt / users) + once, query) : null),
    ];

    public static IReadOnlyList<string> Units => [.. s_units.Select(u => u.Name)];

    /// <summary>FLOPs of one query, its prompt included; null where not measured.</summary>
    public static double? FlopsPerQuery(Arm arm) => arm.Mean(r => r.FlopsPerProbe);

    /// <summary>FLOPs of one query with adapting spread over <paramref name="queries"/> of them; null where not measured.</summary>
    public static double? AmortisedFlops(Arm arm, int queries) => FlopsPerQuery(arm) + (arm.Mean(r => r.AdaptFlops / r.Users) / queries);

    /// <summary>Every strategy that trains against every one that puts text in the prompt and trains nothing, on the same base and dataset.</summary>
    public static IReadOnlyList<Repayment> Repayments(StudyResults results) =>
    [..
        from invested in results.Arms
        where invested.IsTrained && !invested.IsReference
        from alternative in results.Arms
        where !alternative.IsTrained && !alternative.IsReference && alternative.IsComparable(invested)
        from unit in s_units
        let ours = invested.Runs.Select(r => unit.CostOf(invested, r)).OfType<UserCost>().ToList()
        let theirs = alternative.Runs.Select(r => unit.CostOf(alternative, r)).OfType<UserCost>().ToList()
        where ours.Count > 0 && theirs.Count > 0
        select new Repayment(invested, alternative, unit.Name, BreakEven.Queries(BreakEven.Mean(ours), BreakEven.Mean(theirs)), BreakEven.WithInterval(ours, theirs)),
    ];
}
