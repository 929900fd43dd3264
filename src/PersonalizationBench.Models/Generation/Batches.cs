using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Rows of ids as tensors.</summary>
internal static class Batches
{
    /// <summary>[B, length] int64; shorter rows are filled on the right with id 0, which no real token attends to.</summary>
    public static Tensor Padded(IReadOnlyList<int[]> rows, int length, string device)
    {
        var ids = new long[rows.Count * length];
        for (var row = 0; row < rows.Count; row++)
            for (var i = 0; i < Math.Min(length, rows[row].Length); i++)
                ids[row * length + i] = rows[row][i];
        return tensor(ids).view(rows.Count, length).to(torch.device(device));
    }

    /// <summary>Real tokens of each row, [B] int64 on the CPU.</summary>
    public static Tensor Lengths(IEnumerable<int> lengths) => tensor(lengths.Select(l => (long)l).ToArray());

    public static void RequireIds(DecoderConfig config, int[] tokens, string source)
    {
        foreach (var token in tokens)
            if (token < 0 || token >= config.VocabularySize) throw new PbenchException($"{source}: token {token} is outside the base's vocabulary of {config.VocabularySize}");
    }
}

/// <summary>Groups items of similar length, longest first, so that little is padding.</summary>
internal static class LengthBatches
{
    /// <param name="lengths">One per item.</param>
    /// <param name="fits">Whether these items may form one batch; a single item always does.</param>
    public static IEnumerable<IReadOnlyList<int>> Of(IReadOnlyList<int> lengths, Func<IReadOnlyList<int>, bool> fits)
    {
        var batch = new List<int>();
        foreach (var item in Enumerable.Range(0, lengths.Count).OrderByDescending(i => lengths[i]).ThenBy(i => i))
        {
            batch.Add(item);
            if (batch.Count == 1 || fits(batch)) continue;
            batch.RemoveAt(batch.Count - 1);
            yield return batch;
            batch = [item];
        }
        if (batch.Count > 0) yield return batch;
    }
}
