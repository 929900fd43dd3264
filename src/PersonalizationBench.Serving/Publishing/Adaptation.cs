using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>What a new revision reads and when it is good enough.</summary>
/// <param name="Replayed">Old documents that are read again.</param>
/// <param name="Tolerance">How far accuracy may fall, or bits per byte rise.</param>
public sealed record AdaptOptions(int Replayed, double Tolerance, long Seed);

/// <summary>Wall-clock seconds of the parts of an adaptation.</summary>
/// <param name="Load">The base.</param>
/// <param name="Read">The parent and the documents.</param>
public sealed record AdaptSeconds(double Load, double Read, double Train, double Evaluate, double Publish)
{
    public double Total => Load + Read + Train + Evaluate + Publish;
}

public enum AdaptFate
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
public sealed record AdaptOutcome(string Policy, int? Parent, int Revision, AdaptFate Fate, int Documents, int Replayed, Scores Before, Scores After, AdaptSeconds Seconds);

/// <summary>
/// From new documents to a revision that is served: warm start from what the pointer stands for, train, ask both the same, and move the
/// pointer if nothing was lost.
/// </summary>
/// <param name="code">What a revision's provenance says of the code that trained it.</param>
public sealed class Adaptation(IBaseCatalog bases, IAdapterMethod method, IRevisionStore store, TimeProvider clock, string code)
{
    /// <param name="source">Read when the clock is running.</param>
    /// <exception cref="PbenchException">Base, documents, probes or settings are not as expected; nothing was recorded.</exception>
    public async Task<(AdaptSource Source, AdaptOutcome Outcome)> RunAsync(string policy, string pointer, string baseName, Func<AdaptSource> source, AdaptOptions options, CancellationToken cancellation)
    {
        var started = clock.GetTimestamp();
        using var loaded = bases.Load(baseName, Precision.Auto, MachineBases.Resolve("auto")) as LoadedBase ?? throw new PbenchException($"base '{baseName}': expected one whose weights can be trained");
        var load = Lap(ref started);
        var parent = await store.FindAsync(policy, pointer, cancellation);
        var training = method.Prepare(parent, loaded.Info);
        var read = source();
        var documents = read.Training(options.Replayed, options.Seed);
        var answerTokens = AnswerLimit.Tokens(loaded.Tokenizer, read.Probes.Where(p => p.Probe.Scoring == ProbeScoring.ExactMatch).SelectMany(p => p.Probe.Accepted), read.MaxAnswerCharacters);
        var request = new AdaptationRequest(loaded, [new UserHistory(read.UserId, read.UserName, documents)], [], read.Format, [], answerTokens, read.StopTexts, options.Seed);
        var reading = Lap(ref started);

        var adapter = training.Train(request, cancellation);
        var trained = Lap(ref started);
        var before = Evaluate(request, read, parent?.Adapter, cancellation);
        var after = Evaluate(request, read, adapter, cancellation);
        var evaluating = Lap(ref started);

        var origin = new NewRevision("", code) { Parent = parent?.Revision, Data = DatasetDigest.Of(documents), Training = Describe(loaded, training.Settings, options, read, documents.Count) };
        var revision = await store.AddAsync(policy, adapter, loaded.Config, origin, Measured(before, after), cancellation);
        // The first revision takes nobody's place: the base's answers are there to compare, not to defend.
        var isWorse = parent is not null && after.FallsBelow(before, options.Tolerance);
        var fate = isWorse ? AdaptFate.Worse : await TryPublishAsync(policy, pointer, revision, parent?.Revision, cancellation);
        var seconds = new AdaptSeconds(load, reading, trained, evaluating, Lap(ref started));
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
        var (before, now) = (since, clock.GetTimestamp());
        since = now;
        return clock.GetElapsedTime(before, now).TotalSeconds;
    }

    private Scores Evaluate(AdaptationRequest request, AdaptSource source, PeftAdapter? adapter, CancellationToken cancellation)
    {
        using var models = method.Open(request, adapter);
        return method.Score(models, source, cancellation);
    }

    private string Describe(LoadedBase loaded, JsonNode settings, AdaptOptions options, AdaptSource source, int documents) => CanonicalJson.Write(new JsonObject
    {
        ["base"] = loaded.Info.Name,
        ["documents"] = source.Documents.Count,
        ["precision"] = loaded.Info.Precision,
        ["replayed"] = documents - source.Documents.Count,
        ["seed"] = options.Seed,
        ["settings"] = settings,
        ["strategy"] = method.Strategy,
    });

    private static List<Measured> Measured(Scores before, Scores after) =>
        [.. after.Groups.Zip(before.Groups, (now, then) => new Measured(now.Name, now.Value, JsonSerializer.Serialize(new { probes = now.Probes, before = then.Value })))];
}
