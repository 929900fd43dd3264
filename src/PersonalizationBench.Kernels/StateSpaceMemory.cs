using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>What is behind the last token of each sequence.</summary>
/// <param name="Inputs">[B, K - 1, mixed], the convolution's last inputs, zeros before the first token; of the projection's type.</param>
/// <param name="States">f32: of Mamba-2 [B, H, P, N], of Mamba [B, inner, N]</param>
public readonly record struct StateSpaceMemory(Tensor Inputs, Tensor States)
{
    /// <summary>Remembers sequences from their beginning, without a gradient.</summary>
    /// <param name="seen">[B, K - 1 + T, mixed]: zeros, then the tokens.</param>
    /// <param name="states">Behind each row's last real token.</param>
    /// <param name="lengths">Real tokens of each row; null: all.</param>
    internal void Fill(Tensor seen, Tensor states, long[]? lengths)
    {
        var (rows, width, kept) = (seen.size(0), seen.size(1), Inputs.size(1));
        lengths ??= [.. Enumerable.Repeat(width - kept, (int)rows)];
        var places = lengths.SelectMany((length, row) => Enumerable.Range(0, (int)kept).Select(k => row * width + length + k)).ToArray();
        Inputs.copy_(seen.detach().reshape(rows * width, seen.size(2)).index_select(0, tensor(places).to(seen.device)).view(Inputs.shape));
        States.copy_(states.detach());
    }

    /// <summary>One further input per row, [B, 1, mixed]; returns the last K, [B, K, mixed].</summary>
    internal Tensor Push(Tensor input)
    {
        var seen = cat([Inputs, input], 1);
        Inputs.copy_(seen.narrow(1, 1, seen.size(1) - 1));
        return seen;
    }
}
