namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// Two conventions pair a head's channels for rotary positions. llama2.c and Meta rotate neighbours (2i, 2i+1); Hugging
/// Face's Llama rotates (i, i + d/2). The same model results where the rows of the query and key projections are reordered
/// accordingly; scores do not change, since queries and keys are reordered alike.
/// </summary>
public static class RotaryLayout
{
    /// <summary>Rows of a [heads * headSize, columns] projection from interleaved pairs to half-rotation.</summary>
    public static float[] InterleavedToHalf(ReadOnlySpan<float> weight, int heads, int headSize, int columns) =>
        Reorder(weight, heads, headSize, columns, toHalf: true);

    /// <summary>The inverse of <see cref="InterleavedToHalf"/>.</summary>
    public static float[] HalfToInterleaved(ReadOnlySpan<float> weight, int heads, int headSize, int columns) =>
        Reorder(weight, heads, headSize, columns, toHalf: false);

    private static float[] Reorder(ReadOnlySpan<float> weight, int heads, int headSize, int columns, bool toHalf)
    {
        if (headSize % 2 != 0) throw new ArgumentException($"a head of {headSize} channels has no pairs", nameof(headSize));
        if (weight.Length != (long)heads * headSize * columns) throw new ArgumentException($"{weight.Length} values are no [{heads} * {headSize}, {columns}]", nameof(weight));
        var result = new float[weight.Length];
        for (var head = 0; head < heads; head++)
        {
            for (var pair = 0; pair < headSize / 2; pair++)
            {
                for (var side = 0; side < 2; side++)
                {
                    var interleaved = head * headSize + 2 * pair + side;
                    var half = head * headSize + side * (headSize / 2) + pair;
                    var (from, to) = toHalf ? (interleaved, half) : (half, interleaved);
                    weight.Slice(from * columns, columns).CopyTo(result.AsSpan(to * columns, columns));
                }
            }
        }
        return result;
    }
}
