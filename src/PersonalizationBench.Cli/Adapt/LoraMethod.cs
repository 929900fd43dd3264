using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Lora;
using PersonalizationBench.Strategies.NoPersonalization;

namespace PersonalizationBench.Cli.Adapt;

/// <summary>The strategy lora and the studies' metrics, as serving's adaptation uses them.</summary>
/// <param name="rank">Of a first revision; null: the strategy's default. A later one has its parent's.</param>
/// <param name="training">Everything else of the training.</param>
internal sealed class LoraMethod(IStrategyCatalog strategies, int? rank, LoraStrategyOptions training) : IAdapterMethod
{
    public string Strategy => "lora";

    public AdapterTraining Prepare(StoredAdapter? parent, BaseInfo model)
    {
        var settings = Settings(parent, model);
        return new AdapterTraining(CanonicalJson.Of(settings), (request, cancellation) =>
        {
            using var trained = new LoraStrategy(settings) { Parent = parent?.Adapter }.Adapt(request, CostMeter.Unread(), cancellation);
            return ((IAdapterModels)trained).ExportAdapters().Single().Adapter;
        });
    }

    public IPersonalModels Open(AdaptationRequest request, PeftAdapter? adapter) =>
        adapter is null ? new NoPersonalizationStrategy().Adapt(request, CostMeter.Unread(), CancellationToken.None) : LoraStrategy.Load(request, adapter);

    public Scores Score(IPersonalModels models, AdaptSource source, CancellationToken cancellation)
    {
        var answers = models.Answer([.. source.Probes.Select(p => Question.From(source.UserId, p.Probe, withEvidence: false))], CostMeter.Unread(), cancellation);
        // The first row of a probe is its own scoring; others look at the same answer in other ways.
        var scorer = new ProbeScorer(source.MaxAnswerCharacters);
        var rows = source.Probes.Zip(answers).Select(p => (p.First.Group, Row: scorer.Score("", p.First.Probe, p.Second).First())).ToList();
        if (rows.FirstOrDefault(r => !double.IsFinite(r.Row.Score)).Row is { } bad) throw new DivergedException($"the score of probe {bad.ProbeId} is not finite");
        return new Scores([.. rows.GroupBy(r => (r.Group, r.Row.Metric)).Select(g => new GroupScore(g.Key.Group, g.Key.Metric, Metric.IsHigherBetter(g.Key.Metric), g.Average(r => r.Row.Score), g.Count()))]);
    }

    /// <summary>A later revision keeps the rank and scaling of its parent.</summary>
    private LoraStrategyOptions Settings(StoredAdapter? parent, BaseInfo model)
    {
        if (rank is { } asked && parent is { } earlier && asked != earlier.Adapter.Config.Rank)
            throw new PbenchException($"--rank {asked}: revision {earlier.Revision}, which training goes on from, has rank {earlier.Adapter.Config.Rank}; a rank is chosen with the first revision");
        var settings = parent?.Adapter.Config is { } kept
            ? training with { Rank = kept.Rank, Alpha = kept.Alpha, RankStabilised = kept.UseRsLora, TargetModules = string.Join('+', kept.TargetModules.Select(m => m.Split('.')[^1]).Distinct()) }
            : training with { Rank = rank ?? training.Rank };
        // What the parent has fits: it was checked when it became a revision. Its modules may have a file's names, not the base's.
        var checkedFor = parent is null ? settings : settings with { TargetModules = "all", Rank = 1 };
        var problems = strategies.Strategies.Single(s => s.OptionsType == typeof(LoraStrategyOptions)).Validate(checkedFor, model).ToList();
        return problems.Count == 0 ? settings : throw new PbenchException($"adapt: {string.Join("; ", problems)}");
    }
}
