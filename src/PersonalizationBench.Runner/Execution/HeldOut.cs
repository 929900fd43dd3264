using MathNet.Numerics.Statistics;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;

namespace PersonalizationBench.Runner.Execution;

/// <summary>What adapting did to general text that no user wrote, in bits per byte.</summary>
/// <param name="Before">With the bare base, and <paramref name="After"/> with the users' personal models, on the same texts: means over users.</param>
/// <param name="Texts">Different ones.</param>
/// <param name="ChangeMedian">Over users and their texts.</param>
/// <param name="ChangeError">Standard error of the mean change over users; null for a single one.</param>
public sealed record Forgotten(double Before, double After, int Texts, double ChangeMedian, double? ChangeError);

/// <summary>
/// Bits per byte of general text that no user wrote: what adaptation makes worse here was forgotten. Every user is asked about
/// texts of its own, so that users together cover all of them for the cost of a few each, and how users differ
/// shows how texts do, too.
/// </summary>
public sealed class HeldOut(IStrategyCatalog strategies)
{
    /// <summary>Of each user; more where there are so few users that some text would have none.</summary>
    private const int FewestTextsOfAUser = 8;

    private readonly Dictionary<(string Base, string Dataset), IReadOnlyDictionary<string, double>?> _before = [];

    /// <summary>With the bare base, each text's log-likelihood, measured once per base and dataset. Null where the dataset has no held-out texts.</summary>
    public IReadOnlyDictionary<string, double>? Before(IBaseModel baseModel, Dataset dataset, CancellationToken cancellation)
    {
        var key = (baseModel.Info.Digest, dataset.Digest);
        if (_before.TryGetValue(key, out var known)) return known;
        // By the strategy that changes nothing, so that before and after are scored by the same code.
        var none = strategies.Strategies.SingleOrDefault(s => s.Type == "none");
        if (none is null || dataset.HeldOutTexts.Count == 0) return _before[key] = null;
        var request = Requests.Of(baseModel, dataset, dataset.Users.Take(1), seed: 0);
        using var bare = none.Create(Activator.CreateInstance(none.OptionsType)!).Adapt(request, CostMeter.Unread(), cancellation);
        var texts = dataset.HeldOutTexts.Distinct().ToList();
        return _before[key] = texts.Zip(bare.ScoreTexts(texts, cancellation)[0]).ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal);
    }

    /// <summary>The users' personal models against <paramref name="before"/>; null where that is.</summary>
    public static Forgotten? After(IPersonalModels personal, Dataset dataset, IReadOnlyDictionary<string, double>? before, CancellationToken cancellation)
    {
        if (before is null) return null;
        var texts = TextsOfUsers(dataset.HeldOutTexts, dataset.Users.Count);
        var scores = personal.ScoreTexts(texts, cancellation);
        var users = texts.Select((own, u) => (Before: BitsPerByte.Score([.. own.Select(t => before[t])], own)!.Value, After: BitsPerByte.Score(scores[u], own)!.Value)).ToList();
        var changes = texts.SelectMany((own, u) => own.Select((t, i) => BitsPerByte.Score(scores[u][i], t) - BitsPerByte.Score(before[t], t)));
        return new Forgotten(
            users.Average(u => u.Before), users.Average(u => u.After), texts.SelectMany(t => t).Distinct().Count(), changes.Median(),
            users.Count < 2 ? null : users.Select(u => u.After - u.Before).StandardDeviation() / Math.Sqrt(users.Count));
    }

    /// <summary>Consecutive texts for each user, from the beginning again after the last.</summary>
    private static IReadOnlyList<IReadOnlyList<string>> TextsOfUsers(IReadOnlyList<string> texts, int users)
    {
        var each = Math.Min(texts.Count, Math.Max(FewestTextsOfAUser, (texts.Count + users - 1) / users));
        return [.. Enumerable.Range(0, users).Select(u => (IReadOnlyList<string>)[.. Enumerable.Range(0, each).Select(i => texts[((u * each) + i) % texts.Count])])];
    }
}

internal static class Requests
{
    public static AdaptationRequest Of(IBaseModel baseModel, Dataset dataset, IEnumerable<User> users, long seed) =>
        new(baseModel, [.. users.Select(u => u.ToHistory())], dataset.TuningUsers, dataset.Format, dataset.ReplayTexts, AnswerLimit.Tokens(baseModel.Tokenizer, dataset), dataset.StopTexts, seed) { UnknownAnswer = dataset.UnknownAnswer };
}
