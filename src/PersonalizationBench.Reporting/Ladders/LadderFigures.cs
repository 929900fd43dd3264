using System.Globalization;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Ladders;

/// <summary>Held-out loss against size with its fit, and what the bases answer from their prompt.</summary>
public static class LadderFigures
{
    public static IReadOnlyList<(string Name, Picture Picture)> All(IReadOnlyList<RungRecord> rungs, IReadOnlyList<ExamRecord> exams, IReadOnlyList<FitRecord> fits)
    {
        var figures = new List<(string, Picture)>();
        if (rungs.Count > 0) figures.Add(("loss-by-size", Losses(rungs, fits)));
        if (exams.Count > 0) figures.Add(("recall-by-size", Exams(rungs, exams)));
        return figures;
    }

    private static Picture Losses(IReadOnlyList<RungRecord> rungs, IReadOnlyList<FitRecord> fits) =>
        ScatterChart.Draw("Held-out loss against size", [.. rungs.GroupBy(r => r.Data).Select(data =>
        {
            var families = data.GroupBy(r => (r.Ladder, r.Architecture)).ToList();
            var lines = families.Select((f, i) => Line(Look.Nth(i, f.Key.Architecture), f, fits.FirstOrDefault(fit => (fit.Ladder, fit.Architecture) == f.Key))).OfType<ScatterLine>().ToList();
            var slopes = string.Join("; ", families.Select(f => fits.FirstOrDefault(fit => (fit.Ladder, fit.Architecture) == f.Key)).Where(f => f is not null)
                .Select(f => FormattableString.Invariant($"{f!.Architecture}: exponent {f.Exponent:0.000} [{f.ExponentLow:0.000}, {f.ExponentHigh:0.000}]")));
            return new ScatterPanel(
                data.Key, slopes.Length == 0 ? "too few rungs for a fit" : $"dashed: power laws, {slopes}",
                Sizes(data), "parameters without embeddings (log)",
                LossScale([.. data.Select(r => r.HeldOutLoss), .. lines.SelectMany(l => l.Corners.Select(c => c.Y))]), "nats per weighted target (log)",
                [.. families.Select((f, i) => new ScatterSeries(Look.Nth(i, f.Key.Architecture), [.. f.Select(r => new ScatterPoint(r.BodyParameters, r.HeldOutLoss, null, null, r.Base))], IsJoined: false))])
            { Lines = lines };
        })]);

    /// <summary>Losses of one ladder lie within less than a power of ten: ticks at even steps.</summary>
    private static Scale LossScale(IReadOnlyList<double> losses)
    {
        const double Step = 0.05;
        var (low, high) = ((int)Math.Floor(losses.Min() / Step), (int)Math.Ceiling(losses.Max() / Step));
        var every = Math.Max(1, (high - low) / 5);
        return new Scale(low * Step, high * Step, true, [.. Enumerable.Range(0, ((high - low) / every) + 1).Select(i => (low + (i * every)) * Step).Select(v => new Tick(v, v.ToString("0.00", CultureInfo.InvariantCulture)))]);
    }

    private static ScatterLine? Line(Look look, IEnumerable<RungRecord> family, FitRecord? fit)
    {
        if (fit is null) return null;
        var sizes = family.Select(r => (double)r.BodyParameters).ToList();
        return new ScatterLine(look, [.. new[] { sizes.Min(), sizes.Max() }.Select(n => (n, fit.Coefficient * Math.Pow(n, -fit.Exponent)))]);
    }

    private static Picture Exams(IReadOnlyList<RungRecord> rungs, IReadOnlyList<ExamRecord> exams) =>
        ScatterChart.Draw("What the bases answer", [.. exams.GroupBy(e => e.Exam).Select(exam => new ScatterPanel(
            exam.Key, "bars: 95 %, Clopper and Pearson",
            Sizes(rungs.Where(r => exam.Any(e => e.Base == r.Base))), "parameters without embeddings (log)", Scale.Share(4), "right answers",
            [.. exam.GroupBy(e => (e.Ladder, e.Architecture)).Select((f, i) => new ScatterSeries(Look.Nth(i, f.Key.Architecture),
                [.. f.Select(e => new ScatterPoint(rungs.First(r => r.Base == e.Base).BodyParameters, e.Accuracy, e.Low, e.High)).OrderBy(p => p.X)], IsJoined: true))]))], plotHeight: 130);

    /// <summary>Ticks at the rungs' own sizes; of those of two families that lie too close to be read, the smaller and the ends.</summary>
    private static Scale Sizes(IEnumerable<RungRecord> rungs)
    {
        const double Apart = 1.3;
        var sizes = rungs.Select(r => r.BodyParameters).Distinct().Order().ToList();
        var ticks = new List<long> { sizes[0] };
        foreach (var size in sizes.Skip(1))
        {
            if (size >= Apart * ticks[^1]) ticks.Add(size);
            else if (size == sizes[^1] && ticks.Count > 1) ticks[^1] = size;
        }
        return Scale.LogAt([.. ticks.Select(n => new Tick(n, Short(n)))]);
    }

    /// <summary>Such as 0.80 M.</summary>
    internal static string Short(long parameters) => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e6:0.00} M");
}
