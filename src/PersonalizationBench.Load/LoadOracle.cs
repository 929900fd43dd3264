using PersonalizationBench.Core;

namespace PersonalizationBench.Load;

/// <summary>How answers compare with what each request gets alone.</summary>
/// <param name="Checked">Answers compared.</param>
/// <param name="WithAdapter">Answers held against the base's, too.</param>
/// <param name="ToldApart">Those that the base would have given otherwise: a mix-up would be seen.</param>
public sealed record LoadVerdict(int Checked, int WithAdapter, int ToldApart, int Mismatches);

/// <summary>The single-adapter oracle: each request again, alone, at a target of its own.</summary>
/// <param name="alone">Has room for one sequence and one adapter; the oracle's from now on.</param>
public sealed class LoadOracle(ILoadTarget alone) : IDisposable
{
    private const int MostToldApart = 1000;

    /// <param name="count">How many, spread over all.</param>
    public async Task<LoadVerdict> CompareAsync(IReadOnlyList<LoadAnswer> answers, int count, CancellationToken cancellation)
    {
        var whole = answers.Where(a => a.End != LoadEnd.Failed).ToList();
        var order = Enumerable.Range(0, whole.Count).ToList();
        new DeterministicRandom(whole.Count).Shuffle(order);
        var (with, apart, mismatches) = (0, 0, 0);
        // One adapter after the other, so that each is loaded once; the order says nothing about the answers.
        foreach (var answer in order.Take(count).Select(i => whole[i]).OrderBy(a => a.Digest, StringComparer.Ordinal))
        {
            cancellation.ThrowIfCancellationRequested();
            var request = answer.Request with { CancelAfter = null };
            var expected = await alone.SubmitAsync(request, answer.Digest, TimeSpan.Zero);
            // Of a request that was cancelled there is the beginning.
            var isWhole = answer.Request.CancelAfter is null ? answer.Tokens.Count == expected.Tokens.Count : answer.Tokens.Count <= expected.Tokens.Count;
            if (!isWhole || !IsBeginning(answer, expected)) mismatches++;
            if (answer.Digest is null || with == MostToldApart) continue;
            with++;
            if (!IsBeginning(answer, await alone.SubmitAsync(request, null, TimeSpan.Zero))) apart++;
        }
        return new LoadVerdict(Math.Min(count, whole.Count), with, apart, mismatches);
    }

    public void Dispose() => alone.Dispose();

    private static bool IsBeginning(LoadAnswer answer, LoadAnswer of) => answer.Tokens.Zip(of.Tokens).All(p =>
        p.First.Id == p.Second.Id && BitConverter.SingleToInt32Bits(p.First.LogProbability) == BitConverter.SingleToInt32Bits(p.Second.LogProbability));
}
