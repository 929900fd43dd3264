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
    /// <param name="cache">Filled with the keys and values where given.</param>
    /// <returns>Hidden states after the last norm, [B * T, d].</returns>
    public static Tensor Forward(LlamaConfig config, LlamaParameters parameters, Tensor embedding, RotaryTable rotary, Tensor ids, AdapterRows? adapters, KvCache? cache = null)
    {
        var (batch, length) = ((int)ids.size(0), (int)ids.size(1));
        var (cos, sin) = rotary.Range(0, length);
        return Run(config, parameters, embedding, ids, adapters, cos, sin, (layer, q, k, v) =>
        {
            cache?.WriteStart(layer, k, v);
            return Kernels.CausalAttention(q, k, v);
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
        var (batch, length, width) = (ids.size(0), ids.size(1), config.HeadDimension);
        var x = embedding.index_select(0, ids.view(-1)).to(parameters.Blocks[0].Projections[Q].dtype); // [B*T, d]
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var block = parameters.Blocks[layer];
            var normed = TorchExtras.RmsNorm(x, block.AttentionNorm, config.NormEpsilon);
            var q = TorchExtras.Rotate(Project(normed, Q).view(batch, length, config.Heads, width), cos, sin);
            var k = TorchExtras.Rotate(Project(normed, K).view(batch, length, config.KeyValueHeads, width), cos, sin);
            var v = Project(normed, V).view(batch, length, config.KeyValueHeads, width);
            x = x.add(Project(attend(layer, q, k, v).view(-1, config.Dimension), O));

            normed = TorchExtras.RmsNorm(x, block.MlpNorm, config.NormEpsilon);
            x = x.add(Project(TorchExtras.SwiGlu(Project(normed, Gate), Project(normed, Up)), Down));

            Tensor Project(Tensor input, int projection)
            {
                var output = input.matmul(block.Projections[projection].t());
                return adapters is null ? output : adapters.Add(input, output, layer, projection);
            }
        }
        return TorchExtras.RmsNorm(x, parameters.FinalNorm, config.NormEpsilon);
    }
}
