using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Evaluation.Simulations;
using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary><c>results/statistics</c>: what simulated studies say of the intervals and tests, as tables and a page.</summary>
public static class StatisticsPage
{
    /// <summary>Goals: mean coverage of all intervals, and mean errors of a family.</summary>
    public const double LeastCoverage = 0.93, MostCoverage = 0.975, MostErrors = 0.06;

    public static void Write(string folder, IReadOnlyList<CoverageRecord> coverage, IReadOnlyList<ErrorRecord> errors, IReadOnlyList<PowerRecord> power)
    {
        RecordCsv.WriteFile(Path.Combine(folder, "coverage.csv"), coverage);
        RecordCsv.WriteFile(Path.Combine(folder, "errors.csv"), errors);
        RecordCsv.WriteFile(Path.Combine(folder, "power.csv"), power);
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), Of(coverage, errors, power));
    }

    /// <summary>Whether the goals hold: coverage in the mean, family-wise errors in every cell. With few studies a single cell can miss by chance.</summary>
    public static bool Holds(IReadOnlyList<CoverageRecord> coverage, IReadOnlyList<ErrorRecord> errors) =>
        coverage.Average(c => c.Coverage) is >= LeastCoverage and <= MostCoverage && errors.All(e => e.FamilyWiseError <= MostErrors);

    public static string Of(IReadOnlyList<CoverageRecord> coverage, IReadOnlyList<ErrorRecord> errors, IReadOnlyList<PowerRecord> power) => $"""
        # Do the intervals and tests do what they say?

        `pbench bench statistics` draws studies whose truth is known, {coverage[0].Studies} for each row of `coverage.csv`, {errors[0].Studies} for each of `errors.csv` and {power[0].Studies} for each of
        `power.csv`: users with {coverage[0].ProbesPerUser} probes each, whose own rates are Beta-distributed, so that probes of one user are alike. {Summary(coverage, errors)}

        ## Intervals: how often 95 % hold the truth

        Means over rates ({Span(coverage.Where(c => c.Scores == "zero-one").Select(c => c.Rate))}) and correlations of a user's probes ({Span(coverage.Select(c => c.Correlation))}); in brackets the worst cell; w: mean width in points.

        {CoverageTable(coverage)}
        ## Tests: how often a family without any difference has a finding

        Nominally 5 %. max-t: comparisons that nobody declared, arms against a baseline (11) or all pairs of twelve (66). holm: declared contrasts.

        {ErrorTable(errors)}
        ## Power: how often a true difference is found

        Rate {Format.Percent(power[0].Rate)} %, one arm worse by so many points. The smallest detectable difference is what a report would say beside "no difference shown".

        {PowerTable(power)}
        """;

    /// <summary>The headline, for the page and the terminal.</summary>
    public static string Summary(IReadOnlyList<CoverageRecord> coverage, IReadOnlyList<ErrorRecord> errors)
    {
        var worst = coverage.MinBy(c => c.Coverage)!;
        return FormattableString.Invariant($"Coverage is {Format.Percent(coverage.Average(c => c.Coverage))} % in the mean of {coverage.Count} cells; the worst is {Format.Percent(worst.Coverage)} % ({worst.Scores}, {worst.Users} users, rate {worst.Rate}, correlation {worst.Correlation}). ")
            + FormattableString.Invariant($"Family-wise errors are {Format.Percent(errors.Average(e => e.FamilyWiseError))} % in the mean and {Format.Percent(errors.Max(e => e.FamilyWiseError))} % at most.");
    }

    private static string CoverageTable(IReadOnlyList<CoverageRecord> coverage)
    {
        var kinds = coverage.Select(c => c.Scores).Distinct().ToList();
        return new Table(
            ["users", .. kinds],
            [.. coverage.GroupBy(c => c.Users).Select(g => (IReadOnlyList<Field>)[
                $"{g.Key}",
                .. kinds.Select(k => g.Where(c => c.Scores == k).ToList()).Select(cells => (Field)$"{Format.Percent(cells.Average(c => c.Coverage))} ({Format.Percent(cells.Min(c => c.Coverage))}) w{Format.Whole(100 * cells.Average(c => c.Width))}"),
            ])]).ToMarkdown();
    }

    private static string ErrorTable(IReadOnlyList<ErrorRecord> errors)
    {
        var families = errors.Select(e => (e.Method, e.Comparisons, e.Correlation)).Distinct().ToList();
        return new Table(
            ["users", .. families.Select(f => FormattableString.Invariant($"{f.Method}, {f.Comparisons}, correlation {f.Correlation}"))],
            [.. errors.GroupBy(e => e.Users).Select(g => (IReadOnlyList<Field>)[
                $"{g.Key}", .. families.Select(f => (Field)Format.Percent(g.Single(e => (e.Method, e.Comparisons, e.Correlation) == f).FamilyWiseError)),
            ])]).ToMarkdown();
    }

    private static string PowerTable(IReadOnlyList<PowerRecord> power)
    {
        var differences = power.Select(p => p.Difference).Distinct().Order().ToList();
        return new Table(
            ["users, method", .. differences.Select(d => $"{Format.Whole(100 * d)} points"), "smallest detectable"],
            [.. power.GroupBy(p => (p.Users, p.Method, p.Comparisons)).Select(g => (IReadOnlyList<Field>)[
                $"{g.Key.Users}, {g.Key.Method}, {g.Key.Comparisons}",
                .. differences.Select(d => (Field)Format.Percent(g.Single(p => p.Difference == d).Power)),
                g.Average(p => p.StatedSmallestDetectable) is { } stated ? Format.Percent(stated) : "nothing",
            ])]).ToMarkdown();
    }

    private static string Span(IEnumerable<double> values) => FormattableString.Invariant($"{values.Min()} to {values.Max()}");
}
