using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Analysis;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting;

/// <summary>A figure of the report.</summary>
/// <param name="Name">Its file's name without extension.</param>
/// <param name="Caption">What is to be seen, and what the bars are.</param>
/// <param name="VegaLite">The same as a specification with its data.</param>
public sealed record Figure(string Name, string Title, string Caption, Picture Picture, string VegaLite);

/// <summary>The figures of a study. Each is null where the study lacks what it shows.</summary>
public static class Figures
{
    private const string Bars = "Bars are 95 % intervals over users and seeds. Hollow: the wrong user's history or adapter.";

    private const string Lines = " Dashed: chance, and for style what a text reaches that is the same for everyone. Dotted: the majority answer, common to all users.";

    public static IReadOnlyList<Figure> All(StudyResults results) =>
        [.. new[] { AccuracyByStrategy(results), ChoiceByStrategy(results), LikelihoodByStrategy(results), ByAdapterBytes(results), Forgetting(results) }.OfType<Figure>(), .. CostFigures.All(results), .. ScalingFigures.All(results), .. KindFigures.All(results)];

    /// <summary>One panel per kind of probe, chance drawn.</summary>
    public static Figure? AccuracyByStrategy(StudyResults results) =>
        ByStrategy(results, "accuracy-by-strategy", "Accuracy by strategy", results.Measures.Where(m => m.IsHigherBetter && !m.IsSecondary));

    /// <summary>The same for the choice accuracy of kinds that also have an exact match.</summary>
    public static Figure? ChoiceByStrategy(StudyResults results) =>
        ByStrategy(results, "choice-by-strategy", "Choice accuracy beside the exact match", results.Measures.Where(m => m.IsHigherBetter && m.IsSecondary));

    /// <summary>Bits per byte, and the paired difference to no personalisation.</summary>
    public static Figure? LikelihoodByStrategy(StudyResults results)
    {
        var measures = results.Measures.Where(m => !m.IsHigherBetter).ToList();
        if (measures.Count == 0) return null;
        var rows = Rows(results.Arms);
        var panels = new List<DotPanel>();
        foreach (var measure in measures)
        {
            var means = results.Arms.Select(a => DotOf(results.Mean(a, measure)?.Mean)).ToList();
            panels.Add(new DotPanel(measure.Name, "", Around(means), "bits per byte (lower is better)", null, means));
            var differences = results.Arms.Select(a => DotOf(results.Analysis.AgainstBaseline.FirstOrDefault(c => c.Arm == a && c.Measure == measure)?.Comparison.Difference)
                ?? (a.First.Strategy == "none" && !a.IsWrongUser ? new Dot(0, null, null) : null)).ToList();
            if (differences.Any(d => d?.Low is not null))
                panels.Add(new DotPanel($"{measure.Name}: difference", "dashed: no personalisation; left of it is better", Around([.. differences, new Dot(0, null, null)]), "bits per byte, paired on the same documents", 0, differences));
        }
        const string title = "Bits per byte by strategy";
        return new Figure("bits-per-byte-by-strategy", title, $"Likelihood of users' later documents. {Bars}", DotChart.Draw(title, rows, panels, 2), VegaLite.Dots(title, rows, panels));
    }

    /// <summary>What the size of an adapter buys: scores and bits per parameter against stored bytes, for every sweep.</summary>
    public static Figure? ByAdapterBytes(StudyResults results)
    {
        var sweeps = results.Arms.Where(a => a is { IsTrained: true, IsWrongUser: false, Rank: not null } && a.Mean(r => r.StoredBytesPerUser) > 0)
            .GroupBy(a => (a.Kind, a.First.Base, a.First.Dataset))
            .Where(g => g.Select(Size).Distinct().Count() > 1).ToList();
        var panels = sweeps.SelectMany(sweep => SweepPanels(results, [.. sweep.OrderBy(Size)])).ToList();
        if (panels.Count == 0) return null;
        const string title = "What the size of an adapter buys";
        return new Figure("by-adapter-bytes", title,
            $"{Bars} Bits per parameter: a lower bound on what the adapter holds of the facts asked about (Fano's inequality), over its trained parameters.",
            ScatterChart.Draw(title, panels, 190), VegaLite.Scatter(title, panels));
    }

    /// <summary>Bits per byte on general held-out text after adapting, minus before.</summary>
    public static Figure? Forgetting(StudyResults results)
    {
        var arms = results.Arms.Where(a => a.IsTrained && Forgotten.Of(a) is not null).ToList();
        if (arms.Count == 0) return null;
        var dots = arms.Select(a => Forgotten.Of(a) is { } delta ? new Dot(delta.Estimate, delta.Units > 1 ? delta.Low : null, delta.Units > 1 ? delta.High : null) : null).ToList();
        DotPanel[] panels = [new("Forgetting", "dashed: the bare base; right of it is worse", Around([.. dots, new Dot(0, null, null)]), "bits per byte on general held-out text, after minus before", 0, dots)];
        const string title = "Forgetting";
        return new Figure("forgetting", title, "Bars are 95 % intervals over users, each asked about texts of its own, and seeds. Hollow: the wrong user's adapter.", DotChart.Draw(title, Rows(arms), panels), VegaLite.Dots(title, Rows(arms), panels));
    }

    private static Figure? ByStrategy(StudyResults results, string name, string title, IEnumerable<Measure> measures)
    {
        var rows = Rows(results.Arms);
        var panels = measures.Select(measure =>
        {
            var means = results.Arms.Select(a => results.Mean(a, measure)).ToList();
            var chance = means.Select(m => m?.Chance).FirstOrDefault(c => c is not null);
            var common = means.FirstOrDefault(m => m?.Arm.First.Strategy == "majority" && !m.Arm.IsWrongUser)?.Mean.Estimate;
            string[] known = [
                .. chance is null ? Array.Empty<string>() : [$"{(measure.Metric == Metric.Style ? "constant text" : "chance")} {Format.Percent(chance.Value)}"],
                .. common > 0 ? [$"majority {Format.Percent(common.Value)}"] : Array.Empty<string>(),
            ];
            var lines = known.Length == 0 ? "no chance level" : string.Join(", ", known) + " %";
            return new DotPanel(measure.Name, lines, Scale.Share(4), measure.Unit, chance, [.. means.Select(m => DotOf(m?.Mean))]) { Common = common > 0 ? common : null };
        }).ToList();
        return panels.Count == 0 || rows.Count == 0 ? null : new Figure(name, title, Bars + Lines, DotChart.Draw(title, rows, panels), VegaLite.Dots(title, rows, panels));
    }

    private static IEnumerable<ScatterPanel> SweepPanels(StudyResults results, List<Arm> arms)
    {
        var name = $"{arms[0].Kind} on {arms[0].First.Base}, {arms[0].First.Dataset}";
        var x = Scale.LogAt([.. arms.GroupBy(Size).Select(g => new Tick(g.Key, Format.Bytes(g.Key), string.Join(", ", g.Select(a => $"r={a.Rank}").Distinct())))]);
        foreach (var unit in results.Measures.Where(m => !m.IsSecondary).GroupBy(m => m.IsHigherBetter))
        {
            var series = unit.Select((measure, i) => new ScatterSeries(
                Look.Nth(i, measure.Name),
                [.. from arm in arms let mean = results.Mean(arm, measure)?.Mean where mean is not null select new ScatterPoint(Size(arm), mean.Estimate, mean.Low, mean.High)],
                IsJoined: true)).Where(s => s.Points.Count > 0).ToList();
            if (series.Count == 0) continue;
            var y = unit.Key ? Scale.Share(4) : Scale.Linear(Extent(series), 5);
            yield return new ScatterPanel(unit.Key ? "Accuracy" : "Bits per byte", name, x, "bytes stored per user", y, unit.Key ? "score (%)" : "bits per byte", series);
        }
        var capacities = results.Analysis.Capacities.Where(c => arms.Contains(c.Arm)).OrderBy(c => Size(c.Arm)).ToList();
        if (capacities.Count == 0) yield break;
        ScatterSeries[] bits = [new(Look.Nth(6, "bits per parameter"), [.. capacities.Select(c =>
            new ScatterPoint(Size(c.Arm), c.BitsPerParameter.Estimate, c.BitsPerParameter.Low, c.BitsPerParameter.High, Format.Number(c.BitsPerParameter.Estimate)))], IsJoined: true)];
        yield return new ScatterPanel("Facts held, in bits per trained parameter", name, x, "bytes stored per user", Scale.Linear([0, .. Extent(bits)], 4), "bits per parameter", bits);
    }

    private static double Size(Arm arm) => arm.Mean(r => r.StoredBytesPerUser)!.Value;

    internal static List<DotRow> Rows(IEnumerable<Arm> arms) => [.. arms.Select(a => new DotRow(a.Name, a.Family.Look, a.IsWrongUser))];

    internal static Dot? DotOf(Interval? interval) => interval is null ? null : new Dot(interval.Estimate, interval.Low, interval.High);

    private static Scale Around(IEnumerable<Dot?> dots) => Scale.Linear(dots.OfType<Dot>().SelectMany(d => new[] { d.Estimate, d.Low ?? d.Estimate, d.High ?? d.Estimate }), 4);

    internal static IEnumerable<double> Extent(IEnumerable<ScatterSeries> series) =>
        series.SelectMany(s => s.Points).SelectMany(p => new[] { p.Y, p.Low ?? p.Y, p.High ?? p.Y });
}
