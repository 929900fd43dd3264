using PersonalizationBench.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>The forward pass. Rows of a batch are independent; shorter ones are padded on the right, where causal
/// attention never looks from a real token.</summary>
internal static class LlamaNetwork
{
    // Indices into LlamaNames.Projections.
    private const int Q = 0, K = 1, V = 2, O = 3, Gate = 4, Up = 5, Down = 6;

    /// <summary>Whole sequences from position 0.</summary>
    /// <param name="embedding">The embedding to look up in; differs from the head's copy in training.</param>
    /// <param name="ids">[B, T], int64</param>
    /// <param name="lengths">[B], int64 on the CPU: real tokens of each row, so that padding need not be attended to; null for all.</param>
    /// <param name="cache">Filled with the keys and values where given.</param>
    /// <returns>Hidden states after the last norm, [B * T, d].</returns>
    public static Tensor Forward(LlamaConfig config, LlamaParameters parameters, Tensor embedding, RotaryTable rotary, Tensor ids, Tensor? lengths, AdapterRows? adapters, KvCache? cache = null)
    {
        var length = (int)ids.size(1);
        var (cos, sin) = rotary.Range(0, length);
        // The fused attention is made for bf16; in f32 one mask for all layers is the faster way.
        var mask = parameters.Blocks[0].Down.dtype == ScalarType.BFloat16 ? null : Kernels.CausalMask(length, ScalarType.Float32, ids.device);
        return Run(config, parameters, embedding, ids, adapters, cos, sin, (layer, q, k, v) =>
        {
            cache?.WriteStart(layer, k, v);
            return mask is null ? TorchExtras.CausalAttention(q, k, v, lengths) : Kernels.CausalAttention(q, k, v, mask);
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
            var (q, k, v) = Rotated(config, normed, normed.matmul(block.QueryKeyValue.t()), layer, ids.size(0), adapters, cos, sin);
            var attended = attend(layer, q, k, v).view(-1, config.Dimension);
            x = x.add(Adapted(attended, attended.matmul(block.Output.t()), layer, O, adapters));

            normed = TorchExtras.RmsNorm(x, block.MlpNorm, config.NormEpsilon);
            var gated = Gated(normed, normed.matmul(block.GateUp.t()), layer, adapters);
            x = x.add(Adapted(gated, gated.matmul(block.Down.t()), layer, Down, adapters));
        }
        return TorchExtras.RmsNorm(x, parameters.FinalNorm, config.NormEpsilon);
    }

    /// <summary>Query [B, T, H, d], key and value [B, T, K, d], the first two turned by their positions.</summary>
    private static (Tensor Q, Tensor K, Tensor V) Rotated(LlamaConfig config, Tensor input, Tensor projected, int layer, long batch, AdapterRows? adapters, Tensor cos, Tensor sin)
    {
        var (heads, keyHeads, width) = (config.Heads, config.KeyValueHeads, config.HeadDimension);
        if (adapters is not null && adapters.Adapts(layer, Q, K, V))
        {
            var parts = projected.split([config.Dimension, config.KeyValueDimension, config.KeyValueDimension], 1L);
            return (
                TorchExtras.Rotate(Heads(adapters.Add(input, parts[0], layer, Q)), cos, sin),
                TorchExtras.Rotate(Heads(adapters.Add(input, parts[1], layer, K)), cos, sin),
                Heads(adapters.Add(input, parts[2], layer, V)));
        }
        var split = Heads(projected).split([heads + keyHeads, keyHeads], 2L);
        var turned = TorchExtras.Rotate(split[0], cos, sin).split([heads, keyHeads], 2L);
        return (turned[0], turned[1], split[1]);

        Tensor Heads(Tensor flat) => flat.reshape(batch, -1, flat.size(-1) / width, width);
    }

    private static Tensor Gated(Tensor input, Tensor projected, int layer, AdapterRows? adapters)
    {
        if (adapters is null || !adapters.Adapts(layer, Gate, Up)) return TorchExtras.SwiGlu(projected);
        var parts = projected.chunk(2, 1);
        return TorchExtras.SwiGlu(adapters.Add(input, parts[0], layer, Gate).contiguous(), adapters.Add(input, parts[1], layer, Up).contiguous());
    }

    private static Tensor Adapted(Tensor input, Tensor output, int layer, int projection, AdapterRows? adapters) =>
        adapters is null ? output : adapters.Add(input, output, layer, projection);
}
