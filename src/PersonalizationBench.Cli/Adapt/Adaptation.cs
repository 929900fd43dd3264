using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Lora;
using PersonalizationBench.Strategies.NoPersonalization;

namespace PersonalizationBench.Cli.Adapt;

/// <summary>How a new revision is trained and when it is good enough.</summary>
/// <param name="Rank">Of a first revision; null: the strategy's default. A later one has its parent's.</param>
/// <param name="Training">Everything else of the training.</param>
/// <param name="Replayed">Old documents that are read again.</param>
/// <param name="Tolerance">How far accuracy may fall, or bits per byte rise.</param>
internal sealed record AdaptOptions(int? Rank, LoraStrategyOptions Training, int Replayed, double Tolerance, long Seed);

/// <summary>Wall-clock seconds of the parts of an adaptation.</summary>
/// <param name="Load">The base.</param>
/// <param name="Read">The parent and the documents.</param>
internal sealed record AdaptSeconds(double Load, double Read, double Train, double Evaluate, double Publish)
{
    public double Total => Load + Read + Train + Evaluate + Publish;
}

internal enum AdaptFate
{
    /// <summary>The pointer stands for it.</summary>
    Published,

    /// <summary>It answers worse than its parent, and the pointer stays.</summary>
    Worse,

    /// <summary>Somebody moved the pointer while it was trained, and theirs stays.</summary>
    Overtaken,
}

/// <summary>What became of it.</summary>
/// <param name="Parent">The revision it was trained from; null: from nothing, and <paramref name="Before"/> is the base's.</param>
/// <param name="Revision">Recorded in any case.</param>
internal sealed record AdaptOutcome(string Policy, int? Parent, int Revision, AdaptFate Fate, int Documents, int Replayed, Scores Before, Scores After, AdaptSeconds Seconds);

/// <summary>
/// From new documents to a revision that is served: warm start from what the pointer stands for, train, ask both the same, and move the
/// pointer if nothing was lost.
/// </summary>
internal sealed class Adaptation(Workbench bench, IRevisionStore store)
{
    /// <param name="source">Read when the clock is running.</param>
    /// <exception cref="PbenchException">Base, documents, probes or settings are not as expected; nothing was recorded.</exception>
    public async Task<(AdaptSource Source, AdaptOutcome Outcome)> RunAsync(string policy, string pointer, string baseName, Func<AdaptSource> source, AdaptOptions options, CancellationToken cancellation)
    {
        var started = bench.Clock.GetTimestamp();
        using var loaded = bench.Bases.Load(baseName, Precision.Auto, MachineBases.Resolve("auto")) as LoadedBase ?? throw new PbenchException($"base '{baseName}': expected one whose weights can be trained");
        var load = Lap(ref started);
        var parent = await store.FindAsync(policy, pointer, cancellation);
        var settings = Settings(options, parent, loaded.Info);
        var read = source();
        var documents = read.Training(options.Replayed, options.Seed);
        var request = new AdaptationRequest(loaded, [new UserHistory(read.UserId, read.UserName, documents)], [], read.Format, [], read.MaxAnswerTokens, read.StopTexts, options.Seed);
        var reading = Lap(ref started);

        var adapter = Train(request, settings, parent?.Adapter, cancellation);
        var training = Lap(ref started);
        var before = Evaluate(request, read, parent?.Adapter, cancellation);
        var after = Evaluate(request, read, adapter, cancellation);
        var evaluating = Lap(ref started);

        var origin = new NewRevision("", CodeVersion.Now()) { Parent = parent?.Revision, Data = DatasetDigest.Of(documents), Training = Describe(loaded, settings, options, read, documents.Count) };
        var revision = await store.AddAsync(policy, adapter, loaded.Config, origin, Measured(before, after), cancellation);
        // The first revision takes nobody's place: the base's answers are there to compare, not to defend.
        var isWorse = parent is not null && after.FallsBelow(before, options.Tolerance);
        var fate = isWorse ? AdaptFate.Worse : await TryPublishAsync(policy, pointer, revision, parent?.Revision, cancellation);
        var seconds = new AdaptSeconds(load, reading, training, evaluating, Lap(ref started));
        return (read, new AdaptOutcome(policy, parent?.Revision, revision, fate, read.Documents.Count, documents.Count - read.Documents.Count, before, after, seconds));
    }

    private async Task<AdaptFate> TryPublishAsync(string policy, string pointer, int revision, int? parent, CancellationToken cancellation)
    {
        try
        {
            await store.PublishAsync(policy, pointer, revision, parent, cancellation);
            return AdaptFate.Published;
        }
        catch (RegistryException e) when (e.Error == RegistryError.Conflict)
        {
            return AdaptFate.Overtaken;
        }
    }

    private double Lap(ref long since)
    {
        var (before, now) = (since, bench.Clock.GetTimestamp());
        since = now;
        return bench.Clock.GetElapsedTime(before, now).TotalSeconds;
    }

    /// <summary>A later revision keeps the rank and scaling of its parent.</summary>
    private LoraStrategyOptions Settings(AdaptOptions options, StoredAdapter? parent, BaseInfo model)
    {
        if (options.Rank is { } asked && parent is { } earlier && asked != earlier.Adapter.Config.Rank)
            throw new PbenchException($"--rank {asked}: revision {earlier.Revision}, which training goes on from, has rank {earlier.Adapter.Config.Rank}; a rank is chosen with the first revision");
        var settings = parent?.Adapter.Config is { } kept
            ? options.Training with { Rank = kept.Rank, Alpha = kept.Alpha, RankStabilised = kept.UseRsLora, TargetModules = string.Join('+', kept.TargetModules.Select(m => m.Split('.')[^1]).Distinct()) }
            : options.Training with { Rank = options.Rank ?? options.Training.Rank };
        // What the parent has fits: it was checked when it became a revision. Its modules may have a file's names, not the base's.
        var checkedFor = parent is null ? settings : settings with { TargetModules = "all", Rank = 1 };
        var problems = bench.Strategies.Strategies.Single(s => s.OptionsType == typeof(LoraStrategyOptions)).Validate(checkedFor, model).ToList();
        return problems.Count == 0 ? settings : throw new PbenchException($"adapt: {string.Join("; ", problems)}");
    }

    private static PeftAdapter Train(AdaptationRequest request, LoraStrategyOptions settings, PeftAdapter? parent, CancellationToken cancellation)
    {
        using var trained = new LoraStrategy(settings) { Parent = parent }.Adapt(request, CostMeter.Unread(), cancellation);
        return ((IAdapterModels)trained).ExportAdapters().Single().Adapter;
    }

    private static Scores Evaluate(AdaptationRequest request, AdaptSource source, PeftAdapter? adapter, CancellationToken cancellation)
    {
        using var models = adapter is null ? new NoPersonalizationStrategy().Adapt(request, CostMeter.Unread(), cancellation) : LoraStrategy.Load(request, adapter);
        return Scores.Of(models, source, cancellation);
    }

    private static string Describe(LoadedBase loaded, LoraStrategyOptions settings, AdaptOptions options, AdaptSource source, int documents) => CanonicalJson.Write(new JsonObject
    {
        ["base"] = loaded.Info.Name,
        ["documents"] = source.Documents.Count,
        ["precision"] = loaded.Info.Precision,
        ["replayed"] = documents - source.Documents.Count,
        ["seed"] = options.Seed,
        ["settings"] = CanonicalJson.Of(settings),
        ["strategy"] = "lora",
    });

    private static List<Measured> Measured(Scores before, Scores after) =>
        [.. after.Groups.Zip(before.Groups, (now, then) => new Measured(now.Name, now.Value, JsonSerializer.Serialize(new { probes = now.Probes, before = then.Value })))];
}
