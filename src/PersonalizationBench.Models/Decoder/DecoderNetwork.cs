using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace PersonalizationBench.Models;

/// <summary>The forward pass. Rows of a batch are independent; shorter ones are padded on the right, where causal
/// attention never looks from a real token.</summary>
internal static class DecoderNetwork
{
    // Indices into DecoderConfig.Products.
    private const int Input = 0, Output = 1, GateUp = 2, Down = 3;

    /// <summary>Bytes of logits at a time where only likelihoods are wanted.</summary>
    private const long LogitBytes = 64L << 20;

    /// <summary>Whole sequences from position 0.</summary>
    /// <param name="embedding">The embedding to look up in; differs from the head's copy in training.</param>
    /// <param name="cache">Filled where given; one sequence a row then.</param>
    /// <returns>Hidden states after the last norm, [B * T, d].</returns>
    public static Tensor Forward(DecoderConfig config, DecoderParameters parameters, Tensor embedding, RotaryTable rotary, TokenRows tokens, AdapterRows? adapters, DecoderCache? cache = null)
    {
        var (batch, length) = (tokens.Ids.size(0), tokens.Ids.size(1));
        var x = embedding.index_select(0, tokens.Ids.view(-1));
        if (config.StateSpace is { } shape)
            return Run(config, parameters, x, adapters, (layer, block, projected) =>
                TorchExtras.StateSpace(projected.view(batch, length, -1), block.StateSpace!, shape, config.NormEpsilon, tokens.Lengths, cache?.States![layer]));
        if (config.Selective is { } selective)
            return Run(config, parameters, x, adapters, (layer, block, projected) =>
                TorchExtras.Selective(projected.view(batch, length, -1), block.Selective!, selective, tokens.Lengths, cache?.States![layer]));
        if (parameters.Positions is { } learned)
            x = (x.view(batch, length, -1) + (tokens.Positions is null ? learned.narrow(0, 0, length) : learned.index_select(0, tokens.Positions))).view(-1, config.Dimension);
        var angles = new LayerAngles(config, rotary, table => tokens.Positions is null ? table.Range(0, (int)length) : table.Row(tokens.Positions));
        return Run(config, parameters, x, adapters, (layer, block, projected) =>
        {
            var (q, k, v) = Rotated(config, block, projected, batch, angles.Of(layer));
            cache?.Keys!.WriteStart(layer, k, v);
            var window = config.WindowOf(layer) ?? length;
            return window < length || config.AttentionCap is not null
                ? DecoderOps.Attention(q, k.transpose(1, 2), v.transpose(1, 2), tokens.Hidden(window), config.AttentionCap)
                : TorchExtras.CausalAttention(q, k, v, tokens.Lengths);
        });
    }

    /// <summary>Sequences that stand behind given keys and values, which may want a gradient.</summary>
    /// <param name="ids">[B, T], int64; a row with fewer is filled on the right.</param>
    /// <param name="before">Per layer, keys and values of positions 0 to P - 1: [B, K, P, d].</param>
    /// <returns>Hidden states after the last norm, [B * T, d].</returns>
    public static Tensor Behind(DecoderConfig config, DecoderParameters parameters, Tensor embedding, RotaryTable rotary, Tensor ids, IReadOnlyList<(Tensor Keys, Tensor Values)> before)
    {
        var (batch, length, start) = (ids.size(0), (int)ids.size(1), (int)before[0].Keys.size(2));
        var x = embedding.index_select(0, ids.view(-1));
        if (parameters.Positions is { } learned) x = (x.view(batch, length, -1) + learned.narrow(0, start, length)).view(-1, config.Dimension);
        var angles = new LayerAngles(config, rotary, table => table.Range(start, length));
        var (all, own) = (arange(start + length, ScalarType.Int64, ids.device).view(1, 1, 1, -1), arange(start, start + length, ScalarType.Int64, ids.device).view(1, 1, -1, 1));
        var later = all.gt(own);
        return Run(config, parameters, x, null, (layer, block, projected) =>
        {
            var (q, k, v) = Rotated(config, block, projected, batch, angles.Of(layer));
            var hidden = config.WindowOf(layer) is { } window && window < start + length ? later.logical_or(all.le(own - window)) : later;
            return DecoderOps.Attention(q, cat([before[layer].Keys, k.transpose(1, 2)], 2), cat([before[layer].Values, v.transpose(1, 2)], 2), hidden, config.AttentionCap);
        });
    }

    /// <summary>Further tokens of each row, behind those that the cache holds; one each in a state-space model.</summary>
    /// <param name="ids">[B, T], int64; a row with fewer is filled on the right.</param>
    /// <param name="starts">Where each row's first token stands.</param>
    /// <param name="counts">Tokens of each row; null: one, T being 1.</param>
    /// <returns>Hidden states after the last norm, [B * T, d]; those behind a row's last token mean nothing.</returns>
    public static Tensor Continue(DecoderConfig config, DecoderParameters parameters, RotaryTable rotary, Tensor ids, long[] starts, int[]? counts, AdapterRows? adapters, DecoderCache cache)
    {
        var x = parameters.Embedding.index_select(0, ids.view(-1));
        if (config.StateSpace is { } shape)
            return Run(config, parameters, x, adapters, (layer, block, projected) => TorchExtras.StateSpaceNext(projected, block.StateSpace!, shape, config.NormEpsilon, cache.States![layer]));
        if (config.Selective is { } selective)
            return Run(config, parameters, x, adapters, (layer, block, projected) => TorchExtras.SelectiveNext(projected, block.Selective!, selective, cache.States![layer]));
        var (batch, length) = ((int)ids.size(0), (int)ids.size(1));
        // Every token that there is, and where: what fills a row up is written nowhere.
        var tokens = Enumerable.Range(0, batch).SelectMany(row => Enumerable.Range(0, counts?[row] ?? 1).Select(t => (Row: row, Position: starts[row] + t, Index: (long)row * length + t))).ToList();
        var span = (int)tokens.Max(t => t.Position) + 1;
        var position = tensor(Enumerable.Range(0, batch * length).Select(i => Math.Min(span - 1, starts[i / length] + i % length)).ToArray()).to(ids.device);
        var angles = new LayerAngles(config, rotary, table => table.Of(position) is var (cos, sin) ? (cos.view(batch, length, 1, -1), sin.view(batch, length, 1, -1)) : default);
        var places = cache.Keys!.Places([.. tokens.Select(t => (t.Row, t.Position))]);
        var present = tokens.Count == batch * length ? null : tensor(tokens.Select(t => t.Index).ToArray()).to(ids.device);
        var (all, own) = (arange(span, ScalarType.Int64, ids.device).view(1, 1, 1, span), position.view(batch, 1, length, 1));
        var later = all.gt(own);
        if (parameters.Positions is { } learned) x += learned.index_select(0, position);
        return Run(config, parameters, x, adapters, (layer, block, projected) =>
        {
            var (q, k, v) = Rotated(config, block, projected, batch, angles.Of(layer));
            cache.Keys.Write(layer, Present(k), Present(v), places);
            var (keys, values) = cache.Keys.Read(layer, span);
            var hidden = config.WindowOf(layer) is { } window && window < span ? later.logical_or(all.le(own - window)) : later;
            return DecoderOps.Attention(q, keys, values, hidden, config.AttentionCap);
        });

        Tensor Present(Tensor x) => present is null ? x : x.reshape(batch * length, x.size(2), x.size(3)).index_select(0, present);
    }

    /// <summary>Logits [N, V] of hidden states [N, d].</summary>
    public static Tensor Head(DecoderConfig config, DecoderParameters parameters, Tensor hidden)
    {
        var logits = hidden.matmul(parameters.Head.t());
        if (config.LogitScale != 1) logits = logits.mul(config.LogitScale);
        return config.LogitCap is { } cap ? DecoderOps.Capped(logits, cap) : logits;
    }

    /// <summary>Negative log-likelihood of each target, f32, without a gradient: the logits of a part of the rows at a time, since those of a
    /// whole batch are larger than all else together.</summary>
    /// <param name="hidden">[N, d]</param>
    /// <param name="targets">[N]</param>
    /// <returns>[N]</returns>
    public static float[] Losses(DecoderConfig config, DecoderParameters parameters, Tensor hidden, long[] targets)
    {
        var rows = (int)Math.Max(1, LogitBytes / (sizeof(float) * (long)config.VocabularySize));
        var losses = new float[targets.Length];
        for (var start = 0; start < targets.Length; start += rows)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(rows, targets.Length - start);
            var part = DecoderOps.TokenLosses(Head(config, parameters, hidden.narrow(0, start, count)), tensor(targets[start..(start + count)]).to(hidden.device));
            part.cpu().data<float>().ToArray().CopyTo(losses, start);
        }
        return losses;
    }

    /// <param name="x">[N, d], embedded</param>
    /// <param name="mix">What stands between a block's first two products: from layer, block and [N, in] to [..., out] with N rows.</param>
    private static Tensor Run(DecoderConfig config, DecoderParameters parameters, Tensor x, AdapterRows? adapters, Func<int, DecoderBlock, Tensor, Tensor> mix)
    {
        // The caller's is not ours to dispose of: even of the right type, what is made here is another handle.
        x = x.to(parameters.Embedding.dtype);
        if (config.EmbeddingScale != 1) x = x.mul(config.EmbeddingScale);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            // What a layer makes goes with it, but for what it hands on; what a backward pass needs its graph holds.
            using var scope = NewDisposeScope();
            using var input = x;
            x = scope.MoveToOuter(Through(layer, parameters.Blocks[layer], input));
        }
        using (x) return DecoderOps.Norm(config, x, parameters.FinalNorm);

        Tensor Through(int layer, DecoderBlock block, Tensor input)
        {
            var mixed = mix(layer, block, Project(Normed(input, block.MixerNorm), block.Input, layer, Input));
            var x = input.add(Added(Project(mixed.reshape(input.size(0), -1), block.Output, layer, Output), block.OutputNorm));
            if (block.Mlp is not { } mlp) return x;
            var normed = Normed(config.ParallelResidual ? input : x, mlp.Norm);
            return x.add(Added(Project(Activated(config.Mlp, Project(normed, mlp.GateUp, layer, GateUp)), mlp.Down, layer, Down), mlp.OutputNorm));
        }

        Tensor Normed(Tensor x, Affine? norm) => norm is { } by ? DecoderOps.Norm(config, x, by) : x;

        Tensor Added(Tensor output, Affine? norm) => config.ResidualScale == 1 ? Normed(output, norm) : Normed(output, norm).mul(config.ResidualScale);

        Tensor Project(Tensor input, Affine by, int layer, int product)
        {
            var output = by.Bias is null ? input.matmul(by.Weight.t()) : functional.linear(input, by.Weight, by.Bias);
            return adapters is null ? output : adapters.Add(input, output, layer, product);
        }
    }

    private static Tensor Activated(MlpKind kind, Tensor x) => kind switch
    {
        MlpKind.SwiGlu => TorchExtras.SwiGlu(x),
        MlpKind.GeGluTanh when x.split([x.size(-1) / 2, x.size(-1) / 2], -1L) is var halves => functional.gelu(halves[0], TorchSharp.Modules.GELU.Approximate.tanh).mul(halves[1]),
        MlpKind.Gelu => functional.gelu(x),
        _ => functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
    };

    /// <summary>Query [B, T, H, d], key and value [B, T, K, d], the first two turned by their positions, and the first scaled where that is
    /// another scale than attention's own.</summary>
    /// <param name="angles">Null where nothing turns.</param>
    private static (Tensor Q, Tensor K, Tensor V) Rotated(DecoderConfig config, DecoderBlock block, Tensor projected, long batch, (Tensor Cos, Tensor Sin)? angles)
    {
        var (heads, keyHeads, width) = (config.Heads, config.KeyValueHeads, config.HeadDimension);
        var split = projected.view(batch, -1, heads + 2 * keyHeads, width).split([heads + keyHeads, keyHeads], 2L);
        var turning = split[0];
        if (block.QueryKeyNorms is { } norms)
        {
            var apart = turning.split([heads, keyHeads], 2L);
            turning = cat([NormedHeads(apart[0], norms.Query), NormedHeads(apart[1], norms.Key)], 2);
        }
        var turned = (angles is { } by ? Turned(turning, by) : turning).split([heads, keyHeads], 2L);
        return (config.AttentionScale is { } scale ? turned[0].mul(scale * Math.Sqrt(width)) : turned[0], turned[1], split[1]);

        Tensor NormedHeads(Tensor x, Tensor weight) => config.QueryKeyNorm == QueryKeyNormKind.Together
            ? TorchExtras.RmsNorm(x.flatten(2), weight, config.NormEpsilon).view_as(x)
            : TorchExtras.RmsNorm(x, weight, config.NormEpsilon);

        Tensor Turned(Tensor x, (Tensor Cos, Tensor Sin) by)
        {
            var channels = config.RotaryDimension;
            if (channels == width) return TorchExtras.Rotate(x, by.Cos, by.Sin);
            return cat([TorchExtras.Rotate(x.narrow(3, 0, channels), by.Cos, by.Sin), x.narrow(3, channels, width - channels)], 3);
        }
    }
}

/// <summary>The rotary angles of a pass's tokens in each layer.</summary>
internal sealed class LayerAngles
{
    private readonly DecoderConfig _config;
    private readonly (Tensor Cos, Tensor Sin)? _plain, _windowed;

    /// <param name="of">Takes them from a table.</param>
    public LayerAngles(DecoderConfig config, RotaryTable rotary, Func<RotaryTable, (Tensor Cos, Tensor Sin)> of)
    {
        _config = config;
        if (config.RotaryDimension == 0) return;
        _plain = of(rotary);
        _windowed = rotary.Windowed is { } other ? of(other) : _plain;
    }

    /// <summary>Null where nothing turns.</summary>
    public (Tensor Cos, Tensor Sin)? Of(int layer) =>
        !_config.RotatedLayers.Contains(layer) ? null : _config.WindowedLayers.Contains(layer) ? _windowed : _plain;
}

/// <summary>The tokens of a forward pass.</summary>
/// <param name="Ids">[B, T], int64</param>
/// <param name="Lengths">As <see cref="TorchExtras.CausalAttention"/> takes it: what belongs to which sequence.</param>
/// <param name="Positions">[T], int64: each token's place in its sequence, where B is 1 and sequences lie one after another; null: 0 to T - 1 in every row.</param>
internal sealed record TokenRows(Tensor Ids, Tensor? Lengths, Tensor? Positions = null)
{
    /// <summary>[1, 1, T, T], true where a query (third) must not see a key: later, in another sequence, or further back than the window.</summary>
    public Tensor Hidden(long window)
    {
        var places = arange(Ids.size(1), ScalarType.Int64, Ids.device);
        var (query, key) = (places.view(1, 1, -1, 1), places.view(1, 1, 1, -1));
        var hidden = key.gt(query).logical_or(key.le(query - window));
        if (Positions is null) return hidden;
        var starts = places - Positions;
        return hidden.logical_or(starts.view(1, 1, -1, 1).ne(starts.view(1, 1, 1, -1)));
    }
}
