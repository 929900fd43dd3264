using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>Sequences that lie one after another, each in a row of its own, and back.</summary>
public sealed class SpanRows
{
    private readonly Tensor _from, _back;

    /// <param name="spans">[S, 2], int64 on the CPU: start and count of each sequence</param>
    /// <param name="length">tokens in all, those of no sequence among them</param>
    /// <param name="on">where the rows will be; the tensors made live in the current dispose scope</param>
    public SpanRows(Tensor spans, long length, Device on)
    {
        long[] at = spans.data<long>().ToArray();
        Lengths = [.. Enumerable.Range(0, at.Length / 2).Select(s => at[2 * s + 1])];
        Longest = Lengths.DefaultIfEmpty().Max();
        // A place beyond a sequence's end reads any token; a token of no sequence reads a row of zeros behind all others.
        long[] from = new long[Lengths.Length * Longest], back = new long[length];
        Array.Fill(back, from.Length);
        for (int s = 0; s < Lengths.Length; s++)
            for (long t = 0; t < Lengths[s]; t++)
            {
                from[s * Longest + t] = at[2 * s] + t;
                back[at[2 * s] + t] = s * Longest + t;
            }
        (_from, _back) = (tensor(from).to(on), tensor(back).to(on));
    }

    /// <summary>Tokens of each sequence.</summary>
    public long[] Lengths { get; }

    public long Longest { get; }

    /// <summary>[N, ...] to [S, longest, ...].</summary>
    public Tensor ToRows(Tensor x) => x.index_select(0, _from).view([Lengths.Length, Longest, .. x.shape.Skip(1)]);

    /// <summary>[S, longest, d] to [N, d]; zeros for tokens of no sequence.</summary>
    public Tensor FromRows(Tensor rows)
    {
        Tensor flat = rows.reshape(Lengths.Length * Longest, -1);
        return cat([flat, zeros([1, flat.size(1)], flat.dtype, flat.device)]).index_select(0, _back);
    }
}
