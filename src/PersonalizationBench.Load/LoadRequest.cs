using PersonalizationBench.Core;

namespace PersonalizationBench.Load;

/// <summary>One request of a load.</summary>
/// <param name="Policy">Which; -1: the base.</param>
/// <param name="CancelAfter">Since submission; null: it is answered to its end.</param>
public sealed record LoadRequest(int Policy, int[] Prompt, int Tokens, TimeSpan? CancelAfter);

/// <summary>How a request ended.</summary>
public enum LoadEnd
{
    Answered,
    Cancelled,
    Failed,
}

/// <summary>Where a request's adapter was when it was admitted.</summary>
public enum AdapterPlace
{
    /// <summary>It had none.</summary>
    Base,
    Slot,
    Memory,
    Storage,
}

/// <summary>A token of an answer.</summary>
/// <param name="LogProbability">NaN where it was not asked for.</param>
public readonly record struct LoadToken(int Id, float LogProbability);

/// <summary>What became of it.</summary>
/// <param name="Digest">Of the adapter; null: the base.</param>
/// <param name="FirstToken">Seconds from when it was to arrive; NaN where none came.</param>
/// <param name="PerToken">Seconds of each further token, on the mean; NaN where there was none.</param>
public sealed record LoadAnswer(LoadRequest Request, string? Digest, LoadEnd End, AdapterPlace Place, IReadOnlyList<LoadToken> Tokens, double FirstToken, double PerToken);

/// <summary>The requests of one cell and round, the same for the same seed.</summary>
public sealed class LoadRequests(LoadSpec spec, LoadCell cell, int vocabulary, int round)
{
    private readonly DeterministicRandom _random = DeterministicRandom.For(spec.Seed, cell.ToString(), $"round {round}");
    private readonly Zipf _zipf = new(cell.Active, cell.Zipf);
    private readonly int[] _places = Places(cell, spec.Seed);

    public LoadRequest Next()
    {
        var policy = _random.Chance(cell.BaseShare) ? -1 : _places[_zipf.Draw(_random)];
        var prompt = new int[Between(spec.Prompt)];
        // Never the same prompt twice: none finds its pages in the prompt cache.
        for (var i = 0; i < prompt.Length; i++) prompt[i] = _random.Next(2, vocabulary);
        return new LoadRequest(policy, prompt, Between(spec.Answer), _random.Chance(cell.CancelShare) ? TimeSpan.FromMilliseconds(10 * _random.NextDouble()) : null);
    }

    /// <summary>Time to the next arrival of a Poisson process of so many a second.</summary>
    public double Wait(double rate) => -Math.Log(1 - _random.NextDouble()) / rate;

    private int Between(IReadOnlyList<int> range) => _random.Next(range[0], range[^1] + 1);

    /// <summary>Which policies are popular: anywhere among the registered.</summary>
    private static int[] Places(LoadCell cell, long seed)
    {
        var places = Enumerable.Range(0, cell.Policies).ToArray();
        DeterministicRandom.For(seed, "places").Shuffle(places);
        return places[..cell.Active];
    }
}
