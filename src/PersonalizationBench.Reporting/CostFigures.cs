using PersonalizationBench.Reporting.Analysis;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting;

/// <summary>What accuracy costs, and when an investment has paid. Each is null where the study lacks what it shows.</summary>
public static class CostFigures
{
    /// <summary>Over how many queries the cost of adapting is spread in <see cref="AccuracyByCost"/>.</summary>
    public const int AmortisedQueries = 100;

    private const string Bars = "Bars are 95 % intervals over users and seeds. The dashed line joins strategies that no other one beats on both axes (the oracle, which needs to be told the evidence, left out); of many strategies only those are named.";

    public static IReadOnlyList<Figure> All(StudyResults results) =>
        [.. new[] { AccuracyByCost(results), AccuracyByLatency(results), AccuracyByMemory(results), AccuracyByStoredBytes(results), WhenTrainingPays(results) }.OfType<Figure>()];

    /// <summary>What an arm costs, and how its axis is written.</summary>
    private sealed record Cost(string Title, string Axis, Func<double, string> Format, Func<Arm, double?> Of);

    /// <summary>The first measured accuracy against FLOPs per query: answering alone, and with adapting spread over queries.</summary>
    public static Figure? AccuracyByCost(StudyResults results) => Against(results, "accuracy-by-cost", "Accuracy against cost per query", "FLOPs per query, reading the prompt included.",
        new Cost("Answering alone", FlopsAxis, Format.Flops, Costs.FlopsPerQuery),
        new Cost($"Adapting included, spread over {AmortisedQueries} queries of each user", FlopsAxis, Format.Flops, a => Costs.AmortisedFlops(a, AmortisedQueries)));

    private const string FlopsAxis = "FLOPs per query, reading the prompt included (log)";

    /// <summary>The same against what a user waits for.</summary>
    public static Figure? AccuracyByLatency(StudyResults results) => Against(results, "accuracy-by-latency", "Accuracy against waiting", "Medians of questions asked one at a time, arms in turn, from a question's arrival, search and prompt building included.",
        new Cost("To the first token", "milliseconds to the first token (log)", Format.Number, a => a.Mean(r => r.FirstTokenMsP50)),
        new Cost("To the end of the answer", "milliseconds to the end of the answer (log)", Format.Number, a => a.Mean(r => r.AnswerMsP50)));

    /// <summary>The same against peak memory.</summary>
    public static Figure? AccuracyByMemory(StudyResults results) => Against(results, "accuracy-by-memory", "Accuracy against memory", "Peak above the loaded base, in a process that ran nothing before: a few users adapted together, then their questions one at a time. What is less than 1 MiB stands there: the kernel counts no finer.",
        new Cost("While adapting", "bytes above the loaded base (log)", Format.Bytes, a => Costs.Told(a.Mean(r => r.MemoryAdaptBytes))),
        new Cost("While answering", "bytes above the loaded base (log)", Format.Bytes, a => Costs.Told(a.Mean(r => r.MemoryAnswerBytes))));

    /// <summary>The same against what is kept of a user between sessions.</summary>
    public static Figure? AccuracyByStoredBytes(StudyResults results) => Against(results, "accuracy-by-stored-bytes", "Accuracy against what is kept of a user", "Documents, index or adapter, as files.",
        new Cost("Kept between sessions", "bytes stored per user (log)", Format.Bytes, a => a.Mean(r => r.StoredBytesPerUser)));

    /// <summary>From how many queries of a user on each trained arm has cost less than the full history in the prompt of every query.</summary>
    public static Figure? WhenTrainingPays(StudyResults results)
    {
        var repayments = Costs.Repayments(results).Where(r => r.Alternative.First.Strategy == "full-history").ToList();
        var arms = results.Arms.Where(a => repayments.Any(r => r.Invested == a)).ToList();
        var finite = repayments.SelectMany(r => new[] { r.Queries, r.Interval?.Low ?? r.Queries, r.Interval?.High ?? r.Queries }).Where(q => q > 0 && double.IsFinite(q)).ToList();
        if (finite.Count == 0) return null;
        var scale = Scale.Log(finite, Format.Whole);
        List<DotPanel> panels = [];
        foreach (var unit in repayments.GroupBy(r => r.Unit))
        {
            var dots = arms.Select(a => unit.FirstOrDefault(r => r.Invested == a) is { } r && double.IsFinite(r.Queries) ? new Dot(r.Queries, r.Interval?.Low, r.Interval?.High) : null).ToList();
            panels.Add(new DotPanel($"In {unit.Key}", "", scale, "queries of one user (log)", null, dots) { Absent = "never" });
        }
        var rows = Figures.Rows(arms);
        const string title = "When training pays against the full history in the prompt";
        return new Figure("when-training-pays", title,
            "Queries of one user after which adapting and answering have cost less than reading the whole history, whatever the accuracy of either. Kept keys and values: the history is read once, and each query reads on from there. "
            + "Seconds: of adapting, all users together, and of questions answered one at a time with nothing kept. Bars are 95 % intervals over seeds.",
            DotChart.Draw(title, rows, panels, 2), VegaLite.Dots(title, rows, panels));
    }

    private static Figure? Against(StudyResults results, string name, string title, string what, params ReadOnlySpan<Cost> costs)
    {
        if (results.Measures.FirstOrDefault(m => !m.IsSecondary) is not { } measure) return null;
        var panels = new List<ScatterPanel>();
        foreach (var cost in costs)
        {
            if (Panel(results, measure, cost) is { } panel) panels.Add(panel);
        }
        return panels.Count == 0 ? null : new Figure(name, title, $"{what} {Bars}", ScatterChart.Draw(title, panels, 250), VegaLite.Scatter(title, panels));
    }

    /// <summary>Of more points than these only those of the front are named.</summary>
    private const int MostNamed = 20;

    private static ScatterPanel? Panel(StudyResults results, Measure measure, Cost cost)
    {
        var points = (from arm in results.Arms
                      where !arm.IsWrongUser
                      let at = cost.Of(arm)
                      let mean = results.Mean(arm, measure)?.Mean
                      where at > 0 && mean is not null
                      select (Arm: arm, Cost: at.Value, Mean: mean)).ToList();
        if (points.Count < 2) return null;
        var front = Front(points.Where(p => p.Arm.First.Strategy != "oracle").Select(p => (p.Cost, p.Mean.Estimate)), measure.IsHigherBetter);
        var series = points.GroupBy(p => p.Arm.Family).Select(g => new ScatterSeries(
            g.Key.Look,
            [.. g.Select(p => new ScatterPoint(p.Cost, p.Mean.Estimate, p.Mean.Low, p.Mean.High, p.Arm.Name) { IsNamed = points.Count <= MostNamed || (p.Arm.First.Strategy != "oracle" && front.Contains((p.Cost, p.Mean.Estimate))) })],
            IsJoined: false)).ToList();
        var chance = measure.IsHigherBetter ? points.Select(p => results.Mean(p.Arm, measure)!.Chance).FirstOrDefault() : null;
        return new ScatterPanel(cost.Title, $"{measure.Name}{(chance is null ? "" : "; dashed horizontal: chance")}",
            Scale.Log(points.Select(p => p.Cost), cost.Format), cost.Axis,
            measure.IsHigherBetter ? Scale.Share(4) : Scale.Linear(Figures.Extent(series), 5), measure.Unit, series)
        {
            Reference = chance,
            Front = front,
        };
    }

    /// <summary>The points that none beats on both cost and score, by rising cost.</summary>
    internal static List<(double X, double Y)> Front(IEnumerable<(double Cost, double Score)> points, bool isHigherBetter)
    {
        var front = new List<(double, double)>();
        double? best = null;
        foreach (var (cost, score) in points.OrderBy(p => p.Cost).ThenBy(p => isHigherBetter ? -p.Score : p.Score))
        {
            if (best is not null && (isHigherBetter ? score <= best : score >= best)) continue;
            front.Add((cost, score));
            best = score;
        }
        return front;
    }
}
