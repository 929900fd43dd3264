using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting;

/// <summary>Every kind of probe along the axis that a study sweeps: what helps one kind may cost another. Each is null where the study does
/// not vary that.</summary>
public static class KindFigures
{
    private const int FewestSizes = 3;
    private const string Bars = "Bars are 95 % intervals over users and seeds. Dashed: no personalization.";

    public static IReadOnlyList<Figure> All(StudyResults results) => [.. new[] { ByRank(results), ByBaseSize(results) }.OfType<Figure>()];

    /// <summary>A panel per kind: score against the adapter's rank, a line per kind of adapter.</summary>
    public static Figure? ByRank(StudyResults results)
    {
        var sweeps = results.Arms.Where(a => a is { IsTrained: true, IsWrongUser: false, Rank: not null })
            .GroupBy(a => (a.Kind, a.First.Base, a.First.Dataset)).Where(g => g.Select(a => a.Rank).Distinct().Count() >= FewestSizes).ToList();
        var severalBases = sweeps.Select(s => (s.Key.Base, s.Key.Dataset)).Distinct().Count() > 1;
        return ByKind(results, "kinds-by-rank", "Every kind of probe, by the adapter's rank", "rank (log)", r => $"{r}",
            [.. sweeps.Select((s, i) => (Look.Nth(i, severalBases ? $"{s.Key.Kind}, {s.Key.Base}, {s.Key.Dataset}" : s.Key.Kind), s.Select(a => ((double)a.Rank!.Value, a)).ToList()))]);
    }

    /// <summary>A panel per kind: score against the base's size, a line per arm.</summary>
    public static Figure? ByBaseSize(StudyResults results)
    {
        var sweeps = results.Arms.Where(a => a.First.BaseParameters is not null && a is { IsWrongUser: false, First.Strategy: not "majority" })
            .GroupBy(a => (a.First.Label, a.First.BaseArchitecture, a.First.Dataset)).Where(g => g.Select(Size).Distinct().Count() >= FewestSizes).ToList();
        var severalArchitectures = sweeps.Select(s => s.Key.BaseArchitecture).Distinct().Count() > 1;
        // A family's color, as in every figure; its arms differ in their marks.
        var looks = sweeps.GroupBy(s => s.First().Family).SelectMany(family => family.Select((s, i) => (s, new Look(
            severalArchitectures ? $"{Named(s.First())}, {s.Key.BaseArchitecture}" : Named(s.First()), family.Key.Look.Colour, (Marker)(((int)family.Key.Look.Marker + i) % 6)))));
        return ByKind(results, "kinds-by-base-size", "Every kind of probe, by the base's size", "parameters of the base (log)", Format.Count, [.. looks.Select(l => (l.Item2, l.s.Select(a => (Size(a), a)).ToList()))]);

        static string Named(Arm arm) => arm.First.Strategy == "none" ? arm.Family.Name : arm.First.Label;
    }

    private static Figure? ByKind(StudyResults results, string name, string title, string axis, Func<double, string> format, IReadOnlyList<(Look Look, List<(double At, Arm Arm)> Arms)> sweeps)
    {
        var measures = results.Measures.Where(m => !m.IsSecondary).ToList();
        if (sweeps.Count == 0 || measures.Count < 2) return null;
        var scale = Scale.LogAt([.. sweeps.SelectMany(s => s.Arms).Select(a => a.At).Distinct().Order().Select(at => new Tick(at, format(at)))]);
        var panels = new List<ScatterPanel>();
        foreach (var measure in measures)
        {
            List<ScatterSeries> series = [.. sweeps.Select(sweep => new ScatterSeries(
                sweep.Look,
                [.. from point in sweep.Arms.OrderBy(a => a.At) let mean = results.Mean(point.Arm, measure)?.Mean where mean is not null select new ScatterPoint(point.At, mean.Estimate, mean.Low, mean.High)],
                IsJoined: true)).Where(s => s.Points.Count > 0)];
            if (series.Count == 0) continue;
            // Of one base it is one line; along bases it is a series of its own.
            var bare = results.Arms.Where(a => a.First.Strategy == "none" && !a.IsWrongUser && sweeps[0].Arms.All(s => s.Arm.IsComparable(a))).Select(a => results.Mean(a, measure)?.Mean.Estimate).FirstOrDefault();
            panels.Add(new ScatterPanel(measure.Name, "", scale, axis, measure.IsHigherBetter ? Scale.Share(4) : Scale.Linear([bare ?? series[0].Points[0].Y, .. Figures.Extent(series)], 4), measure.IsHigherBetter ? "score (%)" : "bits per byte", series) { Reference = bare });
        }
        return panels.Count == 0 ? null : new Figure(name, title, Bars, ScatterChart.Draw(title, panels, 150, columns: 2), VegaLite.Scatter(title, panels));
    }

    private static double Size(Arm arm) => arm.First.BaseParameters!.Value;
}
