using System.Globalization;
using System.Text.Json;
using MathNet.Numerics.Distributions;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Evaluation.Tests.References;

/// <summary>
/// Values by scipy, statsmodels and pytrec_eval for everything here that they compute too, to the tolerance of each file. Which those are, and which
/// of the references have no counterpart here, stands in <c>metrics.json</c>; the order that FTS5 ranks in is tested beside the index.
/// </summary>
public sealed class MetricReferenceTests
{
    private const string Folder = "refs/metrics/";

    [SkippableFact]
    public void The_list_of_what_is_held_names_every_file_of_the_references()
    {
        using var index = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require(Folder + "index.json")));
        using var list = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "References", "metrics.json")));
        Assert.Equal(index.RootElement.GetProperty("cases").EnumerateObject().Select(p => p.Name), list.RootElement.EnumerateObject().Select(p => p.Name));
    }

    [SkippableFact]
    public void Clopper_Pearson_intervals_are_those_of_statsmodels() => Each("proportion_intervals", (given, expected, tolerance) =>
    {
        var interval = ClopperPearson.Of(given.GetProperty("successes").GetInt32(), given.GetProperty("trials").GetInt32(), given.GetProperty("confidence").GetDouble());
        Assert.Equal(Numbers(expected.GetProperty("clopper_pearson")), [interval.Low, interval.High], Within(tolerance));
    });

    [SkippableFact]
    public void Holms_adjusted_p_values_are_those_of_statsmodels() => Each("multiple_comparisons", (given, expected, tolerance) =>
        Assert.Equal(Numbers(expected.GetProperty("holm")), Holm.Adjust(Numbers(given.GetProperty("p_values"))), Within(tolerance)));

    [SkippableFact]
    public void Quantiles_of_resampled_means_are_the_percentile_intervals_of_scipy() => Each("bootstrap", (given, expected, tolerance) =>
    {
        if (given.GetProperty("statistic").GetString() != "mean") return;
        var sample = Numbers(given.GetProperty("sample"));
        var means = given.GetProperty("resamples").EnumerateArray().Select(r => r.EnumerateArray().Average(i => sample[i.GetInt32()])).Order().ToList();
        foreach (var confidence in new[] { 0.95, 0.9 })
        {
            double[] interval = [Samples.OfSorted(means, (1 - confidence) / 2), Samples.OfSorted(means, (1 + confidence) / 2)];
            Assert.Equal(Numbers(expected.GetProperty(FormattableString.Invariant($"percentile/{confidence}"))), interval, Within(tolerance));
        }
    });

    [SkippableFact]
    public void Students_interval_and_the_exact_sign_flip_test_are_those_of_scipy() => Each("paired_tests", (given, expected, tolerance) =>
    {
        var (treatment, baseline) = (Numbers(given.GetProperty("treatment")), Numbers(given.GetProperty("baseline")));
        var interval = StudentInterval.Mean([.. treatment.Zip(baseline, (t, b) => t - b)]);
        Assert.Equal(Numbers(expected.GetProperty("ttest").GetProperty("confidence_interval_95")), [interval.Low, interval.High], Within(tolerance));
        if (!expected.TryGetProperty("sign_flip_exact", out var exact)) return;
        Assert.Equal(exact.GetProperty("two_sided_by_absolute_value").GetDouble(), SignFlips.PValue([.. treatment.Zip(baseline, (t, b) => t - b)]), Within(tolerance));
    });

    [SkippableFact]
    public void Single_step_max_T_is_that_of_the_reference_over_all_sign_patterns() => Each("westfall_young_maxt", (given, expected, tolerance) =>
    {
        var users = given.GetProperty("differences").EnumerateArray().Select(Numbers).ToList();
        var family = Enumerable.Range(0, users[0].Length).Select(j => (IReadOnlyList<double>)[.. users.Select(u => u[j])]).ToList();
        Assert.Equal(Numbers(expected.GetProperty("studentised").GetProperty("single_step")), SignFlips.Adjust(family).PValues, Within(tolerance));
        Assert.Equal(Numbers(expected.GetProperty("studentised").GetProperty("raw")), family.Select(f => SignFlips.PValue(f)), Within(tolerance));
    });

    [SkippableFact]
    public void Token_F1_is_SQuADs() => Each("squad", (given, expected, tolerance) =>
        Assert.Equal(expected.GetProperty("f1").GetDouble(), TokenF1.Score(given.GetProperty("prediction").GetString()!, [.. given.GetProperty("golds").EnumerateArray().Select(g => g.GetString()!)]), tolerance));

    [SkippableFact]
    public void The_smallest_detectable_difference_is_the_normal_approximation_of_the_power() => Each("power", (given, expected, tolerance) =>
    {
        // One-sided at alpha is two-sided at twice that.
        var alpha = given.GetProperty("alpha").GetDouble() * (given.GetProperty("alternative").GetString() == "two-sided" ? 1 : 2);
        var error = given.GetProperty("standard_deviation_of_differences").GetDouble() / Math.Sqrt(given.GetProperty("pairs").GetInt32());
        Assert.Equal(expected.GetProperty("normal_approximation").GetDouble(), PairedComparison.SmallestDetectable(error, Normal.InvCDF(0, 1, 1 - (alpha / 2)), power: given.GetProperty("power").GetDouble()), Within(tolerance));
    });

    [SkippableFact]
    public void Bits_per_byte_are_those_of_the_formula() => Each("perplexity", (given, expected, tolerance) =>
        Assert.Equal(expected.GetProperty("bits_per_byte").GetDouble(), BitsPerByte.Score(Numbers(given.GetProperty("token_log_probabilities")).Sum(), given.GetProperty("text").GetString()!), Within(tolerance)));

    [SkippableFact]
    public void Evidence_recall_of_the_first_ranks_is_that_of_trec_eval() => Each("ranking", (given, expected, tolerance) =>
    {
        foreach (var query in expected.GetProperty("pytrec_eval_per_query").EnumerateObject())
        {
            var relevant = given.GetProperty("qrels").GetProperty(query.Name).EnumerateObject().Where(d => d.Value.GetInt32() >= 1).Select(d => d.Name).ToList();
            // Of equal scores the later name comes first.
            var ranked = given.GetProperty("run").GetProperty(query.Name).EnumerateObject().OrderByDescending(d => d.Value.GetDouble()).ThenByDescending(d => d.Name, StringComparer.Ordinal).Select(d => d.Name).ToList();
            foreach (var k in new[] { 5, 10 })
                Assert.Equal(query.Value.GetProperty(FormattableString.Invariant($"recall_{k}")).GetDouble(), EvidenceRecall.Score([.. ranked.Take(k)], relevant) ?? 0, Within(tolerance));
        }
    });

    private static List<ScoredProbe> Users(double[] scores) => [.. scores.Select((score, i) => new ScoredProbe(i.ToString("000", CultureInfo.InvariantCulture), "p", 0, score))];

    private static void Each(string file, Action<JsonElement, JsonElement, double> check)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require($"{Folder}{file}.json")));
        var cases = document.RootElement.GetProperty("cases");
        Assert.NotEqual(0, cases.GetArrayLength());
        foreach (var given in cases.EnumerateArray()) check(given, given.GetProperty("expected"), document.RootElement.GetProperty("tolerance").GetDouble());
    }

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetDouble())];

    /// <summary>Absolute or relative, as the references state it.</summary>
    private static IEqualityComparer<double> Within(double tolerance) => EqualityComparer<double>.Create((a, b) => Math.Abs(a - b) <= tolerance * Math.Max(1, Math.Abs(a)), _ => 0);
}
