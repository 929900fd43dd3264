using PersonalizationBench.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>The forward pass. Rows of a batch are independent; shorter ones are padded on the right, where causal
/// attention never looks from a real token.</summary>
internal static class LlamaNetwork
{
    // Indices into LlamaNames.Products.
    private const int QueryKeyValue = 0, Output = 1, GateUp = 2, Down = 3;

    /// <summary>Whole sequences from position 0.</summary>
    /// <param name="embedding">The embedding to look up in; differs from the head's copy in training.</param>
    /// <param name="cache">Filled with the keys and values where given; one sequence a row then.</param>
    /// <returns>Hidden states after the last norm, [B * T, d].</returns>
    public static Tensor Forward(LlamaConfig config, LlamaParameters parameters, Tensor embedding, RotaryTable rotary, TokenRows tokens, AdapterRows? adapters, KvCache? cache = null)
    {
        var (cos, sin) = tokens.Positions is null ? rotary.Range(0, (int)tokens.Ids.size(1)) : rotary.Row(tokens.Positions);
        return Run(config, parameters, embedding, tokens.Ids, adapters, cos, sin, (layer, q, k, v) =>
        {
            cache?.WriteStart(layer, k, v);
            return TorchExtras.CausalAttention(q, k, v, tokens.Lengths);
        });
    }

    /// <summary>One further token per row, at a position of its own.</summary>
    /// <param name="ids">[B, 1], int64</param>
    /// <param name="positions">Where each row's token stands.</param>
    /// <returns>Hidden states after the last norm, [B, d].</returns>
    public static Tensor Decode(LlamaConfig config, LlamaParameters parameters, RotaryTable rotary, Tensor ids, long[] positions, AdapterRows? adapters, KvCache cache)
    {
        var span = (int)positions.Max() + 1;
        var position = tensor(positions).to(ids.device);
        var (cos, sin) = rotary.Of(position);
        var places = cache.Places(positions);
        var hidden = arange(span, ScalarType.Int64, ids.device).view(1, 1, 1, span).gt(position.view(-1, 1, 1, 1));
        return Run(config, parameters, parameters.Embedding, ids, adapters, cos, sin, (layer, q, k, v) =>
        {
            cache.Write(layer, k, v, places);
            var (keys, values) = cache.Read(layer, span);
            return Kernels.CachedAttention(q, keys, values, hidden);
        });
    }

    /// <summary>Logits [N, V] of hidden states [N, d].</summary>
    public static Tensor Head(LlamaParameters parameters, Tensor hidden) => hidden.matmul(parameters.Head.t());

    private static Tensor Run(
        LlamaConfig config, LlamaParameters parameters, Tensor embedding, Tensor ids, AdapterRows? adapters, Tensor cos, Tensor sin,
        Func<int, Tensor, Tensor, Tensor, Tensor> attend)
    {
        var x = embedding.index_select(0, ids.view(-1)).to(parameters.Blocks[0].Down.dtype); // [B*T, d]
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var block = parameters.Blocks[layer];
            var normed = TorchExtras.RmsNorm(x, block.AttentionNorm, config.NormEpsilon);
            var (q, k, v) = Rotated(config, Project(normed, block.QueryKeyValue, layer, QueryKeyValue), ids.size(0), cos, sin);
            var attended = attend(layer, q, k, v).view(-1, config.Dimension);
            x = x.add(Project(attended, block.Output, layer, Output));

            normed = TorchExtras.RmsNorm(x, block.MlpNorm, config.NormEpsilon);
            var gated = TorchExtras.SwiGlu(Project(normed, block.GateUp, layer, GateUp));
            x = x.add(Project(gated, block.Down, layer, Down));
        }
        return TorchExtras.RmsNorm(x, parameters.FinalNorm, config.NormEpsilon);

        Tensor Project(Tensor input, Tensor weight, int layer, int product)
        {
            var output = input.matmul(weight.t());
            return adapters is null ? output : adapters.Add(input, output, layer, product);
        }
    }

    /// <summary>Query [B, T, H, d], key and value [B, T, K, d], the first two turned by their positions.</summary>
    private static (Tensor Q, Tensor K, Tensor V) Rotated(LlamaConfig config, Tensor projected, long batch, Tensor cos, Tensor sin)
    {
        var (heads, keyHeads, width) = (config.Heads, config.KeyValueHeads, config.HeadDimension);
        var split = projected.view(batch, -1, heads + 2 * keyHeads, width).split([heads + keyHeads, keyHeads], 2L);
        var turned = TorchExtras.Rotate(split[0], cos, sin).split([heads, keyHeads], 2L);
        return (turned[0], turned[1], split[1]);
    }
}

/// <summary>The tokens of a forward pass.</summary>
/// <param name="Ids">[B, T], int64</param>
/// <param name="Lengths">As <see cref="TorchExtras.CausalAttention"/> takes it: what belongs to which sequence.</param>
/// <param name="Positions">[T], int64: each token's place in its sequence, where B is 1 and sequences lie one after another; null: 0 to T - 1 in every row.</param>
internal sealed record TokenRows(Tensor Ids, Tensor? Lengths, Tensor? Positions = null);
