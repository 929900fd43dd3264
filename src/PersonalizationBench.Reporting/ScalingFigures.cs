using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting;

/// <summary>How strategies scale: with the base (Scale Up), with the adapter (Scale Down), with what is in the prompt. Each is
/// null where the study does not vary that.</summary>
public static class ScalingFigures
{
    private const int FewestSizes = 3;
    private const string Bars = "Bars are 95 % intervals over users and seeds.";

    public static IReadOnlyList<Figure> All(StudyResults results) =>
        [.. new[] { ByBaseSize(results), ByRank(results), ByContext(results) }.OfType<Figure>()];

    /// <summary>Scale Up: the share of the headroom that is gained against the base's size, at each rank and at each number of
    /// trained parameters that three bases share.</summary>
    public static Figure? ByBaseSize(StudyResults results)
    {
        if (results.Measures.FirstOrDefault(m => m is { IsHigherBetter: true, IsSecondary: false }) is not { } measure) return null;
        var arms = results.Arms.Where(a => a.First.BaseParameters is not null && a is { IsWrongUser: false, First.Strategy: not ("none" or "majority") }).ToList();
        var panels = new List<ScatterPanel>();
        var looks = 0;   // one legend for all panels
        Add("Without training", "prompt and index", arms.Where(a => !a.IsTrained), a => a.First.Label);
        Add("Trained, at fixed settings", "the same rank adds more parameters to a wider base", arms.Where(a => a.IsTrained), a => a.First.Label);
        Add("Trained, at fixed trainable parameters", "a wider base has a lower rank", arms.Where(a => a is { IsTrained: true, Rank: not null }), a => $"{a.First.Strategy}, {a.Mean(r => r.TrainableParameters):0} parameters");
        if (panels.Count == 0) return null;
        const string title = "What a stronger base makes of the same data";
        return new Figure("by-base-size", title,
            $"Share of the headroom gained on {measure.Name}: (after - before) / (1 - before), before: no personalisation on the same base. {Bars}",
            ScatterChart.Draw(title, panels, 200), VegaLite.Scatter(title, panels));

        void Add(string name, string subtitle, IEnumerable<Arm> chosen, Func<Arm, string> series)
        {
            var families = chosen.GroupBy(a => (Name: series(a), a.First.BaseArchitecture, a.First.Dataset)).Where(g => g.Select(Size).Distinct().Count() >= FewestSizes).ToList();
            if (families.Count == 0) return;
            var severalArchitectures = families.Select(f => f.Key.BaseArchitecture).Distinct().Count() > 1;
            var drawn = families.Select(f => new ScatterSeries(
                Look.Nth(looks++, severalArchitectures ? $"{f.Key.Name}, {f.Key.BaseArchitecture}" : f.Key.Name),
                [.. from arm in f.OrderBy(Size) let gain = results.Analysis.GainOfHeadroom(arm, measure) where gain is not null select new ScatterPoint(Size(arm), gain.Estimate, gain.Low, gain.High)],
                IsJoined: true)).ToList();
            var sizes = Scale.LogAt([.. families.SelectMany(f => f).Select(Size).Distinct().Order().Select(n => new Tick(n, Format.Count(n)))]);
            panels.Add(new ScatterPanel(name, subtitle, sizes, "parameters of the base (log)", Scale.Linear([0, 1, .. Figures.Extent(drawn)], 4), "gain of headroom", drawn) { Reference = 0 });
        }
    }

    /// <summary>Scale Down: for every kind of adapter, the mean over seeds and the range from the worst to the best, how often a
    /// seed ends below no personalisation, and the bits held per parameter.</summary>
    public static Figure? ByRank(StudyResults results)
    {
        var sweeps = results.Analysis.Reliability.Where(r => r.Arm.Rank is not null)
            .GroupBy(r => (Kind: r.Kind, r.Arm.First.Base, r.Arm.First.Dataset)).Where(g => g.Select(r => r.Arm.Rank).Distinct().Count() >= FewestSizes).ToList();
        if (sweeps.Count == 0) return null;
        var ranks = Scale.LogAt([.. sweeps.SelectMany(s => s).Select(r => r.Arm.Rank!.Value).Distinct().Order().Select(r => new Tick(r, $"{r}"))]);
        var severalBases = sweeps.Select(s => (s.Key.Base, s.Key.Dataset)).Distinct().Count() > 1;
        var gains = Series(r => new ScatterPoint(r.Arm.Rank!.Value, r.MeanGain, r.WorstGain, r.BestGain));
        var harms = Series(r => new ScatterPoint(r.Arm.Rank!.Value, r.Harm.Estimate, r.Harm.Low, r.Harm.High));
        var bits = Series(r => results.Analysis.Capacities.FirstOrDefault(c => c.Arm == r.Arm) is { BitsPerParameter: { Estimate: > 0 } b } ? new ScatterPoint(r.Arm.Rank!.Value, b.Estimate, b.Low > 0 ? b.Low : null, b.Low > 0 ? b.High : null) : null);
        List<ScatterPanel> panels =
        [
            new("Gain over no personalisation, all kinds of probes", "points: mean over seeds; bars: from the worst seed to the best; dashed: no gain", ranks, "rank (log)", Scale.Linear([0, .. Figures.Extent(gains)], 4), "accuracy, difference", gains) { Reference = 0 },
            new("P(gain < 0)", "share of seeds that end below no personalisation; bars: 95 %, Clopper and Pearson", ranks, "rank (log)", Scale.Share(4), "share of seeds (%)", harms),
        ];
        if (bits.Any(s => s.Points.Count > 0))
            panels.Add(new("Facts held, in bits per trained parameter", "dashed: 2 bits, what a whole model holds at most (arXiv:2404.05405)", ranks, "rank (log)", Scale.Log([2, .. Figures.Extent(bits)], Format.Power), "bits per parameter (log)", bits) { Reference = 2 });
        const string title = "How small an adapter can be and stay reliable";
        return new Figure("by-rank", title, "Each seed trains the adapters of all users anew. Bits per parameter: a lower bound by Fano's inequality, with 95 % intervals.",
            ScatterChart.Draw(title, panels, 190), VegaLite.Scatter(title, panels));

        List<ScatterSeries> Series(Func<Analysis.Reliability, ScatterPoint?> point) => [.. sweeps.Select((s, i) => new ScatterSeries(
            Look.Nth(i, severalBases ? $"{s.Key.Kind}, {s.Key.Base}, {s.Key.Dataset}" : s.Key.Kind), [.. s.OrderBy(r => r.Arm.Rank).Select(point).OfType<ScatterPoint>()], IsJoined: true))];
    }

    /// <summary>What a longer prompt costs: accuracy, time and memory of the strategies that read histories, over datasets whose
    /// histories grow.</summary>
    public static Figure? ByContext(StudyResults results)
    {
        if (results.Measures.FirstOrDefault(m => m is { IsHigherBetter: true, IsSecondary: false }) is not { } measure) return null;
        var sweeps = results.Arms.Where(a => a is { IsTrained: false, IsWrongUser: false, First.Strategy: "full-history" })
            .GroupBy(a => (a.First.Label, a.First.Base)).Where(g => g.Select(a => a.First.Dataset).Distinct().Count() >= FewestSizes).ToList();
        if (sweeps.Count == 0) return null;
        var severalLabels = sweeps.Select(s => s.Key.Label).Distinct().Count() > 1;
        var prompts = Scale.Log(sweeps.SelectMany(s => s).Select(Prompt), Format.Whole);
        List<ScatterPanel> panels = [Panel(measure.Name, measure.Unit, a => results.Mean(a, measure)?.Mean is { } m ? new ScatterPoint(Prompt(a), m.Estimate, m.Low, m.High) : null, _ => Scale.Share(4))];
        AddCost("Time to the first token", "ms (log)", Format.Number, r => r.FirstTokenMsP50, r => r.FirstTokenMsP50Low, r => r.FirstTokenMsP50High);
        AddCost("Time of a further token", "ms (log)", Format.Number, r => r.PerTokenMsP50, r => r.PerTokenMsP50Low, r => r.PerTokenMsP50High);
        AddCost("Kept of a sequence while it is answered", "bytes (log)", Format.Bytes, r => r.KvBytesPerSequence, _ => null, _ => null);
        const string title = "As the history in the prompt grows";
        return new Figure("by-context", title, $"The whole history is in the prompt. {Bars} Times: medians of questions asked one at a time, with 95 % intervals.",
            ScatterChart.Draw(title, panels, 180), VegaLite.Scatter(title, panels));

        void AddCost(string name, string unit, Func<double, string> format, Func<Core.RunRecord, double?> middle, Func<Core.RunRecord, double?> low, Func<Core.RunRecord, double?> high)
        {
            if (sweeps.SelectMany(s => s).All(a => a.Mean(middle) > 0))
                panels.Add(Panel(name, unit, a => new ScatterPoint(Prompt(a), a.Mean(middle)!.Value, a.Mean(low), a.Mean(high)), series => Scale.Log(Figures.Extent(series), format)));
        }

        ScatterPanel Panel(string name, string unit, Func<Arm, ScatterPoint?> point, Func<IReadOnlyList<ScatterSeries>, Scale> scale)
        {
            List<ScatterSeries> series = [.. sweeps.Select((s, i) => new ScatterSeries(
                Look.Nth(i, severalLabels ? $"{s.Key.Label}, {s.Key.Base}" : s.Key.Base), [.. s.OrderBy(Prompt).Select(point).OfType<ScatterPoint>()], IsJoined: true))];
            return new ScatterPanel(name, "", prompts, "tokens of the prompt (log)", scale(series), unit, series);
        }

        static double Prompt(Arm arm) => Math.Max(1, arm.Mean(r => r.PromptTokensPerProbe) ?? 1);
    }

    private static double Size(Arm arm) => arm.First.BaseParameters!.Value;
}
