using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Analysis;

/// <summary>What a careful reader would point out, in plain sentences. Each rule is one row of <see cref="Rules"/>.</summary>
public static class Findings
{
    private const double Saturated = 0.99;
    private const double Solved = 0.9;
    private const int FewestSeeds = 5;

    /// <summary>Fewer cannot be told from chance by the signs of their differences: 2 / 2^5 is 6 %.</summary>
    private const int FewestUsers = 6;

    private static readonly IReadOnlyList<Func<StudyResults, IEnumerable<string>>> Rules =
        [FailedCells, FewUsers, FewSeeds, SolvedByControls, ControlsOffChance, LowCeiling, SaturatedArms, ArmsAtChance, NoDifferenceShown, WorseThanNothing, Forgetting];

    public static IReadOnlyList<string> Of(StudyResults results) => [.. Rules.SelectMany(rule => rule(results))];

    private static IEnumerable<string> FailedCells(StudyResults results)
    {
        if (results.Failed.Count > 0) yield return $"{results.Failed.Count} of {results.Runs.Count} cells were not measured: {List(results.Failed.Select(r => $"{r.Label} seed {r.Seed} ({r.Status})"))}.";
    }

    private static IEnumerable<string> FewUsers(StudyResults results)
    {
        if (Means(results).Select(m => m.Mean.Units).DefaultIfEmpty(FewestUsers).Max() is < FewestUsers and var users)
            yield return $"There are {users} users: with fewer than {FewestUsers} no comparison can reach 5 %, whatever the data, and intervals are wide.";
    }

    private static IEnumerable<string> FewSeeds(StudyResults results)
    {
        var few = results.Arms.Where(a => a.IsTrained && a.Runs.Count < FewestSeeds).ToList();
        if (few.Count > 0) yield return $"Trained with fewer than {FewestSeeds} seeds: {List(few)}.";
    }

    private static IEnumerable<string> SolvedByControls(StudyResults results) =>
        from mean in Means(results)
        where IsBlind(mean.Arm) && mean.Measure.IsHigherBetter && mean.Mean.Estimate >= Solved
        group mean by mean.Measure into solved
        select $"On {solved.Key.Name}, who knows nothing of the user already scores at least {Format.Percent(Solved)} % ({List(solved.Select(m => $"{m.Arm}: {Format.Percent(m.Mean.Estimate)} %"))}): this kind of probe says little about personalisation.";

    private static IEnumerable<string> ControlsOffChance(StudyResults results) =>
        from mean in Means(results)
        where IsBlind(mean.Arm) && mean.Arm.First.Strategy != "majority" && mean.Chance is { } chance && !mean.Mean.Contains(chance) && mean.Mean.Estimate < Solved
        select $"{mean.Arm} is off chance on {mean.Measure.Name}: {mean.Measure.Show(mean.Mean)} % where guessing scores {Format.Percent(mean.Chance!.Value)} %.";

    private static IEnumerable<string> LowCeiling(StudyResults results) =>
        from mean in Means(results)
        where mean.Arm.First.Strategy == "oracle" && !mean.Arm.IsWrongUser && mean.Measure.Metric == "exact-match" && mean.Mean.High < Solved
        select $"Even with the gold evidence in its prompt, the base answers only {Format.Percent(mean.Mean)} % of {mean.Measure.Name}: what strategies lack there may be the base's reading.";

    private static IEnumerable<string> SaturatedArms(StudyResults results) =>
        from mean in Means(results)
        where mean.Measure.IsHigherBetter && mean.Mean.Estimate >= Saturated
        group mean.Arm by mean.Measure into arms
        where arms.Count() > 1
        select $"Saturated on {arms.Key.Name} (at least {Format.Percent(Saturated)} %), so that they cannot be told apart there: {List(arms)}.";

    private static IEnumerable<string> ArmsAtChance(StudyResults results) =>
        from mean in Means(results)
        where !mean.Arm.IsReference && mean.Chance is { } chance && mean.Mean.Contains(chance)
        group mean.Arm by mean.Measure into arms
        select $"Within their interval of chance on {arms.Key.Name}: {List(arms)}.";

    private static IEnumerable<string> NoDifferenceShown(StudyResults results) =>
        from compared in results.Analysis.AgainstBaseline
        where !compared.Arm.IsReference && !compared.Measure.IsSecondary && !compared.Verdict.IsDifference
        group compared by compared.Measure into same
        let largest = same.MaxBy(c => c.Comparison.SmallestDetectable)!
        select $"On {same.Key.Name}, no difference from no personalisation was shown for {List(same.Select(c => c.Arm))} (could have been shown: {Verdict.Detectable(largest.Comparison, same.Key)}{(double.IsInfinity(largest.Comparison.SmallestDetectable) ? "" : " or more")}).";

    private static IEnumerable<string> WorseThanNothing(StudyResults results) =>
        from compared in results.Analysis.AgainstBaseline
        where !compared.Arm.IsReference && compared.Verdict == Verdict.Worse
        group compared by compared.Measure into worse
        select $"Worse than no personalisation on {worse.Key.Name}: {List(worse.Select(c => c.Arm))}.";

    private static IEnumerable<string> Forgetting(StudyResults results)
    {
        var forgot = results.Arms.Where(a => !a.IsWrongUser && Forgotten.Of(a) is { Low: > 0 }).ToList();
        if (forgot.Count > 0) yield return $"General held-out text became harder to predict: {List(forgot.Select(a => $"{a} (+{Format.Bits(Forgotten.Of(a)!.Estimate)} bits per byte)"))}.";
    }

    private static IEnumerable<MeasuredMean> Means(StudyResults results) => results.Accuracy();

    /// <summary>Whether the arm knows nothing of the user asked about.</summary>
    private static bool IsBlind(Arm arm) => arm.IsWrongUser || arm.First.Strategy is "none" or "majority";

    private static string List(IEnumerable<object> items) => string.Join(", ", items);
}

/// <summary>What adaptation made worse on general text.</summary>
public static class Forgotten
{
    /// <summary>Bits per byte on held-out text after adapting minus before: the mean over seeds, with its interval over users (each asked about
    /// texts of its own) and seeds. Null where it was not measured.</summary>
    public static Interval? Of(Arm arm)
    {
        var runs = arm.Runs.Where(r => r.HeldOutBitsPerByteAfter is not null && r.HeldOutBitsPerByteBefore is not null)
            .Select(r => (r.HeldOutBitsPerByteAfter!.Value - r.HeldOutBitsPerByteBefore!.Value, r.HeldOutChangeError)).ToList();
        return runs.Count == 0 ? null : StudentInterval.OfRuns(runs, arm.First.Users ?? 1);
    }
}
