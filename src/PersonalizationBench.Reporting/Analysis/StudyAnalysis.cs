using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Analysis;

/// <summary>An arm against no personalisation on one measure.</summary>
/// <param name="Comparison">Arm minus baseline, corrected for all arms on the same measure, base and dataset.</param>
public sealed record AgainstBaseline(Arm Arm, Arm Baseline, Measure Measure, Comparison Comparison)
{
    public Verdict Verdict => Verdict.Of(Comparison, Measure);
}

/// <summary>Who is ahead on one measure among the strategies that could be used (no controls, no oracle).</summary>
/// <param name="Leader">The best mean.</param>
/// <param name="Tied">Others that cannot be told apart from it (max-T over all pairs); empty where it is ahead for sure.</param>
public sealed record Standing(Measure Measure, Arm Leader, IReadOnlyList<Arm> Tied, int Contenders);

/// <summary>An adapter's capacity: facts held, in bits per trained parameter.</summary>
public sealed record Capacity(Arm Arm, Interval BitsPerParameter);

/// <summary>How a trained arm's seeds differ: accuracy over all kinds of probes minus that of no personalisation.</summary>
/// <param name="Harm">The share of seeds that end below it, with its interval.</param>
public sealed record Reliability(Arm Arm, double MeanGain, double BestGain, double WorstGain, Interval Harm)
{
    /// <summary>The arm's label without its rank.</summary>
    public string Kind => Arm.Kind;
}

/// <summary>Everything that is computed from a study's scores, once.</summary>
public sealed class StudyAnalysis
{
    private readonly StudyResults _results;
    private readonly Lazy<IReadOnlyList<Contrast>> _contrasts;
    private readonly Lazy<IReadOnlyList<AgainstBaseline>> _againstBaseline;
    private readonly Lazy<IReadOnlyList<Standing>> _standings;
    private readonly Lazy<IReadOnlyList<Capacity>> _capacities;
    private readonly Lazy<IReadOnlyList<Reliability>> _reliability;

    internal StudyAnalysis(StudyResults results)
    {
        _results = results;
        _contrasts = new(() => Contrast.Of(results));
        _againstBaseline = new(CompareWithBaseline);
        _standings = new(() => [.. results.Measures.Where(m => m.IsCompared).SelectMany(Stand)]);
        _capacities = new(MeasureCapacities);
        _reliability = new(MeasureReliability);
    }

    /// <summary>The comparisons that the study declared.</summary>
    public IReadOnlyList<Contrast> Contrasts => _contrasts.Value;

    /// <summary>Every arm against no personalisation on every measure, on the same probes.</summary>
    public IReadOnlyList<AgainstBaseline> AgainstBaseline => _againstBaseline.Value;

    /// <summary>Who is ahead, per base, dataset and measure.</summary>
    public IReadOnlyList<Standing> Standings => _standings.Value;

    /// <summary>Bits per parameter of every arm that answers from weights alone.</summary>
    public IReadOnlyList<Capacity> Capacities => _capacities.Value;

    /// <summary>Every trained arm, seed by seed against no personalisation.</summary>
    public IReadOnlyList<Reliability> Reliability => _reliability.Value;

    /// <summary>The share of the headroom that an arm gains over no personalisation on the same base; null where there is none.</summary>
    public Interval? GainOfHeadroom(Arm arm, Measure measure) =>
        Baseline(arm) is { } baseline && _results.Mean(baseline, measure) is not null && _results.Mean(arm, measure) is not null
            ? Gain.OfHeadroom(_results.Scores(baseline, measure), _results.Scores(arm, measure), new BootstrapOptions { Resamples = 2000 })
            : null;

    private Arm? Baseline(Arm arm) => _results.Arms.FirstOrDefault(a => a.First.Strategy == "none" && !a.IsWrongUser && a.IsComparable(arm));

    private List<Reliability> MeasureReliability()
    {
        var measures = _results.Measures.Where(m => m is { IsHigherBetter: true, IsSecondary: false }).ToList();
        var found = new List<Reliability>();
        foreach (var arm in measures.Count == 0 ? [] : _results.Arms.Where(a => a is { IsTrained: true, IsWrongUser: false }))
        {
            if (Baseline(arm) is not { } baseline) continue;
            var before = Scores(baseline).Average(p => p.Score);
            var gains = Scores(arm).GroupBy(p => p.Seed).Select(g => g.Average(p => p.Score) - before).ToList();
            found.Add(new Reliability(arm, gains.Average(), gains.Max(), gains.Min(), ClopperPearson.Of(gains.Count(g => g < 0), gains.Count)));
        }
        return found;

        IEnumerable<ScoredProbe> Scores(Arm arm) => measures.SelectMany(m => _results.Scores(arm, m));
    }

    private List<AgainstBaseline> CompareWithBaseline()
    {
        var compared = from measure in _results.Measures
                       where measure.IsCompared
                       from arm in _results.Arms
                       let baseline = Baseline(arm)
                       where baseline is not null && baseline != arm && _results.Mean(arm, measure) is not null && _results.Mean(baseline, measure) is not null
                       // A kind of probe is a question of its own; the strategies tried on it are the many comparisons.
                       group (Arm: arm, Baseline: baseline, Differences: new PairedDifferences(_results.Scores(arm, measure), _results.Scores(baseline, measure))) by (Measure: measure, Baseline: baseline);
        return [.. compared.SelectMany(family => family.Zip(
            PairedComparison.Family([.. family.Select(c => c.Differences)], family.Key.Measure.Scores), (c, comparison) => new AgainstBaseline(c.Arm, c.Baseline, family.Key.Measure, comparison)))];
    }

    private IEnumerable<Standing> Stand(Measure measure) =>
        from arm in _results.Arms
        where !arm.IsReference && _results.Mean(arm, measure) is not null
        group arm by (arm.First.Base, arm.First.Dataset) into contenders
        select Stand(measure, contenders.ToList());

    private Standing Stand(Measure measure, List<Arm> contenders)
    {
        var leader = contenders.MaxBy(a => _results.Mean(a, measure)!.Mean.Estimate * (measure.IsHigherBetter ? 1 : -1))!;
        // The leader was picked by its score, so its comparisons are corrected for all pairs that it could have come from.
        var pairs = (from i in Enumerable.Range(0, contenders.Count) from j in Enumerable.Range(0, i) select (A: contenders[i], B: contenders[j])).ToList();
        var adjusted = PairedComparison.PValues(pairs.ConvertAll(p => new PairedDifferences(_results.Scores(p.A, measure), _results.Scores(p.B, measure))));
        var tied = pairs.Zip(adjusted).Where(p => (p.First.A == leader || p.First.B == leader) && p.Second >= PairedComparison.Significance)
            .Select(p => p.First.A == leader ? p.First.B : p.First.A);
        return new Standing(measure, leader, contenders.Where(tied.Contains).ToList(), contenders.Count);
    }

    private List<Capacity> MeasureCapacities()
    {
        var facts = _results.Measures.Where(m => m.Metric == Metric.ExactMatch).ToList();
        var capacities = new List<Capacity>();
        foreach (var arm in _results.Arms.Where(a => a.IsTrained && !a.IsWrongUser && a.Mean(r => r.PromptTokensPerProbe) is not null && a.First.Strategy is "lora" or "continued-pretraining"))
        {
            // Only probes with a pool count: their chance says how many values a fact could have had.
            var probes = arm.Runs.SelectMany(run => facts.SelectMany(m => _results.ProbesOf(run, m)).Where(p => p.Chance > 0)
                .Select(p => (Scored: new ScoredProbe(p.UserId, p.ProbeId, run.Seed, p.Score), Pool: (int)Math.Round(1 / p.Chance!.Value)))).ToList();
            if (probes.Count == 0) continue;
            var pools = probes.DistinctBy(p => (p.Scored.User, p.Scored.Probe)).ToDictionary(p => (p.Scored.User, p.Scored.Probe), p => p.Pool);
            capacities.Add(new Capacity(arm, StoredBits.PerParameter(probes.ConvertAll(p => p.Scored), p => pools[(p.User, p.Probe)], (long)arm.Mean(r => r.TrainableParameters)!)));
        }
        return capacities;
    }
}
