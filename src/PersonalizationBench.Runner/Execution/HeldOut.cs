using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Bits per byte of general text that no user wrote: what adaptation makes worse here was forgotten.</summary>
public sealed class HeldOut(IStrategyCatalog strategies)
{
    private readonly Dictionary<(string Base, string Dataset), double?> _before = [];

    /// <summary>With the bare base, measured once per base and dataset. Null where the dataset has no held-out texts.</summary>
    public double? Before(IBaseModel baseModel, Dataset dataset, CancellationToken cancellation)
    {
        var key = (baseModel.Info.Digest, dataset.Digest);
        if (_before.TryGetValue(key, out var known)) return known;
        // By the strategy that changes nothing, so that before and after are scored by the same code.
        var none = strategies.Strategies.SingleOrDefault(s => s.Type == "none");
        if (none is null || dataset.HeldOutTexts.Count == 0) return _before[key] = null;
        var request = Requests.Of(baseModel, dataset, dataset.Users.Take(1), seed: 0);
        using var bare = none.Create(Activator.CreateInstance(none.OptionsType)!).Adapt(request, CostMeter.Unread(), cancellation);
        return _before[key] = After(bare, dataset, cancellation);
    }

    /// <summary>Mean over the users' personal models.</summary>
    public static double? After(IPersonalModels personal, Dataset dataset, CancellationToken cancellation) =>
        dataset.HeldOutTexts.Count == 0 ? null : personal.ScoreTexts(dataset.HeldOutTexts, cancellation).Average(u => BitsPerByte.Score(u, dataset.HeldOutTexts));
}

internal static class Requests
{
    public static AdaptationRequest Of(IBaseModel baseModel, Dataset dataset, IEnumerable<User> users, long seed) =>
        new(baseModel, [.. users.Select(u => u.ToHistory())], dataset.TuningUsers, dataset.Format, dataset.ReplayTexts, dataset.MaxAnswerTokens, dataset.StopTexts, seed) { UnknownAnswer = dataset.UnknownAnswer };
}
