using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>What a batch was read into.</summary>
/// <param name="Hidden">States after the last norm, [B * <paramref name="Length"/>, d].</param>
/// <param name="Starts">Of each row, the position of its first state: what it shares with others has none of its own.</param>
internal sealed record ReadBatch(Tensor Hidden, int Length, long[] Starts)
{
    /// <summary>Which state is that of a row's token at this position.</summary>
    public long Index(int row, int position) => (long)row * Length + position - Starts[row];
}

/// <summary>Reads sequences in batches; where several begin alike, that beginning once, and each goes on from what came of it: keys and
/// values, or a state.</summary>
internal static class PromptReading
{
    /// <summary>Bounds of a batch: rows, rows x longest, bytes of its cache, and of what is alive of it within a layer.</summary>
    private const int MaxTokens = 16384, MaxRows = 256;
    private const long MaxCacheBytes = 256L << 20, MaxLayerBytes = 256L << 20;

    /// <param name="sequences">All of them.</param>
    /// <param name="capacity">Tokens that a sequence can come to.</param>
    /// <param name="isCached">A cache is kept of each row, shared beginning or not.</param>
    /// <returns>Batches of groups, each sequence in one of them; a group that is too large for a batch is in several.</returns>
    public static IEnumerable<IReadOnlyList<PrefixGroup>> Batches(InferenceModel model, IReadOnlyList<ReadSequence> sequences, Func<int, int> capacity, bool isCached)
    {
        var groups = model.Cartridges is { } cartridges ? cartridges.Groups(sequences) : model.SharesPrefixes ? SharedPrefixes.Of(sequences) : [.. Enumerable.Range(0, sequences.Count).Select(i => new PrefixGroup([i], 0))];
        var alone = groups.Where(g => g.Prefix == 0).Select(g => g.Members[0]).ToList();
        foreach (var batch in LengthBatches.Of(alone.ConvertAll(i => sequences[i].Tokens.Length), m => Fits([.. m.Select(i => alone[i])], isCached, m.Max(i => sequences[alone[i]].Tokens.Length))))
            yield return [.. batch.Select(i => new PrefixGroup([alone[i]], 0))];
        var (together, members) = (new List<PrefixGroup>(), new List<int>());
        foreach (var group in groups.Where(g => g.Prefix > 0).OrderByDescending(g => g.Prefix).ThenBy(g => g.Members[0]))
        {
            var own = new List<int>();
            foreach (var member in group.Members)
            {
                members.Add(member);
                own.Add(member);
                if (members.Count == 1 || (Fits(members, true, members.Max(i => Rest(i, group))) && (together.Count + 1L) * together.Append(group).Max(g => g.Prefix) <= MaxTokens)) continue;
                own.RemoveAt(own.Count - 1);
                if (own.Count > 0) together.Add(group with { Members = own });
                yield return together;
                (together, members, own) = ([], [member], [member]);
            }
            together.Add(group with { Members = own });
        }
        if (together.Count > 0) yield return together;

        int Rest(int member, PrefixGroup group) => sequences[member].Tokens.Length - (group.Members.Contains(member) ? group.Prefix : 0);

        bool Fits(IReadOnlyList<int> rows, bool cached, int longest) => rows.Count <= MaxRows && (long)rows.Count * longest <= MaxTokens && rows.Count * longest * LayerBytesOf(model.Config) <= MaxLayerBytes
            && (!cached || DecoderCache.BytesOf(model.Config, rows.Count, rows.Max(capacity), model.Weights.ComputeType) <= MaxCacheBytes);
    }

    /// <summary>Of one token: the input and what is made of it, by its widest products.</summary>
    private static long LayerBytesOf(DecoderConfig config) => sizeof(float) * (4L * config.Dimension + 2L * config.Products.Max(product => product.Sum(m => (long)config.ProjectionShape(m).Output)));

    /// <summary>Reads the rows of the groups in order; what comes of it lives in the current dispose scope.</summary>
    /// <param name="cache">Filled; needed where anything is shared.</param>
    public static ReadBatch Read(InferenceModel model, IReadOnlyList<PrefixGroup> groups, IReadOnlyList<ReadSequence> sequences, AdapterRows? adapters, DecoderCache? cache)
    {
        var rows = groups.SelectMany((g, group) => g.Members.Select(m => (Group: group, Sequence: sequences[m], Start: g.Prefix))).ToList();
        if (groups.All(g => g.Prefix == 0))
        {
            var longest = rows.Max(r => r.Sequence.Tokens.Length);
            return new ReadBatch(Whole(model, [.. rows.Select(r => r.Sequence.Tokens)], adapters, cache), longest, new long[rows.Count]);
        }
        using var scope = NewDisposeScope();
        if (model.Cartridges is { } cartridges) cache!.Branch(cartridges.CacheOf(model.Weights.ComputeType), rows.Select(r => r.Sequence.Slot));
        else ReadPrefixes(model, groups, [.. rows.Select(r => r.Group)], sequences, cache!);
        long[] starts = [.. rows.Select(r => (long)r.Start)];
        int[][] rests = [.. rows.Select(r => r.Sequence.Tokens[r.Start..])];
        var length = rests.Max(r => r.Length);
        var hidden = model.Config.Recurrent is null
            ? DecoderNetwork.Continue(model.Config, model.Weights.Compute, model.Rotary, Models.Batches.Padded(rests, length, model.Weights.Device), starts, [.. rests.Select(r => r.Length)], adapters, cache!)
            : TokenByToken(model, rests, [.. rows.Select(r => r.Sequence.Slot)], cache!);
        return new ReadBatch(hidden.MoveToOuterDisposeScope(), length, starts);
    }

    private static Tensor Whole(InferenceModel model, int[][] rows, AdapterRows? adapters, DecoderCache? cache)
    {
        var ids = Models.Batches.Padded(rows, rows.Max(r => r.Length), model.Weights.Device);
        return DecoderNetwork.Forward(
            model.Config, model.Weights.Compute, model.Weights.Compute.Embedding, model.Rotary, new TokenRows(ids, Models.Batches.Lengths(rows.Select(r => r.Length))), adapters, cache);
    }

    private static void ReadPrefixes(InferenceModel model, IReadOnlyList<PrefixGroup> groups, IReadOnlyList<int> groupOfRow, IReadOnlyList<ReadSequence> sequences, DecoderCache cache)
    {
        using var scope = NewDisposeScope();
        var first = groups.Select(g => sequences[g.Members[0]]).ToList();
        using var prefixes = new DecoderCache(model.Config, groups.Count, groups.Max(g => g.Prefix), model.Weights.ComputeType, model.Weights.Device);
        Whole(model, [.. first.Select((s, i) => s.Tokens[..groups[i].Prefix])], model.AdaptersOf([.. first.Select(s => s.Slot)]), prefixes);
        cache.Branch(prefixes, groupOfRow);
    }

    /// <summary>A state takes one token after another. Rows that have more left stand first, so that those still reading are always the
    /// first ones.</summary>
    /// <returns>[B * T, d]</returns>
    private static Tensor TokenByToken(InferenceModel model, int[][] rests, int[] slots, DecoderCache cache)
    {
        int[] order = [.. Enumerable.Range(0, rests.Length).OrderByDescending(r => rests[r].Length)];
        using var sorted = new DecoderCache(model.Config, rests.Length, 1, model.Weights.ComputeType, model.Weights.Device);
        sorted.Branch(cache, order);
        var length = rests[order[0]].Length;
        var hidden = zeros([rests.Length, length, model.Config.Dimension], model.Weights.ComputeType, torch.device(model.Weights.Device));
        for (var t = 0; t < length; t++)
        {
            using var scope = NewDisposeScope();
            int[] reading = [.. order.TakeWhile(r => rests[r].Length > t)];
            var ids = Models.Batches.Padded([.. reading.Select(r => new[] { rests[r][t] })], 1, model.Weights.Device);
            var states = DecoderNetwork.Continue(model.Config, model.Weights.Compute, model.Rotary, ids, new long[reading.Length], null, model.AdaptersOf([.. reading.Select(r => slots[r])]), sorted.First(reading.Length));
            hidden.select(1, t).narrow(0, 0, reading.Length).copy_(states);
        }
        var back = Inverse(order);
        cache.Branch(sorted, back);
        return hidden.index_select(0, tensor(back.Select(r => (long)r).ToArray()).to(hidden.device)).view(-1, model.Config.Dimension);
    }

    private static int[] Inverse(int[] order)
    {
        var inverse = new int[order.Length];
        for (var i = 0; i < order.Length; i++) inverse[order[i]] = i;
        return inverse;
    }
}
