using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>What answering runs on: weights, rotary angles and, where rows have slots, a bank.</summary>
/// <param name="SharesPrefixes">What several sequences begin with is read once.</param>
/// <param name="Paged">What answers instead of operators, where the base has it.</param>
internal sealed record InferenceModel(DecoderWeights Weights, RotaryTable Rotary, AdapterBank? Adapters, bool SharesPrefixes, PagedAnswering? Paged)
{
    public DecoderConfig Config => Weights.Config;

    /// <summary>What stands before the sequences of its slots, in place of adapters; null: nothing does.</summary>
    public CartridgeBank? Cartridges { get; init; }

    public AdapterRows? AdaptersOf(IReadOnlyList<int> slots)
    {
        if (Cartridges is not null) return null;
        if (Adapters is not null) return Adapters.Rows(slots, Weights.ComputeType);
        return slots.All(s => s == -1) ? null : throw new InvalidOperationException($"a request names slot {slots.First(s => s != -1)} but no adapter bank is in use");
    }

    /// <summary>Operations of reading a sequence, without those of a cartridge that stands before it.</summary>
    public double ReadFlops(int tokens, int slot) => FlopCount.Sequence(Config, tokens) - (slot >= 0 && Cartridges is { } cartridges ? FlopCount.Sequence(Config, cartridges.Tokens) : 0);

    public double FlopsPerAdaptedToken => Adapters is null ? 0 : FlopCount.Adapter(Config, Adapters.Options);
}

/// <summary>Greedy continuation of many prompts with a cache, in batches of similar length.</summary>
internal static class GreedyGenerator
{
    public static IReadOnlyList<Generation> Generate(InferenceModel model, IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation)
    {
        for (var i = 0; i < requests.Count; i++) Check(model.Config, requests[i], i);
        if (model.Paged is { } paged) return paged.Generate(model, requests, meter, cancellation);
        var results = new Generation[requests.Count];
        var sequences = requests.Select(r => new ReadSequence(r.Tokens, r.Slot, r.Tokens.Length - 1)).ToList();
        foreach (var groups in PromptReading.Batches(model, sequences, i => Math.Min(model.Config.ContextLength, requests[i].Tokens.Length + requests[i].MaxNewTokens), isCached: true))
        {
            cancellation.ThrowIfCancellationRequested();
            RunBatch(model, groups, sequences, requests, results, meter, cancellation);
        }
        return results;
    }

    private static void RunBatch(
        InferenceModel model, IReadOnlyList<PrefixGroup> groups, IReadOnlyList<ReadSequence> sequences, IReadOnlyList<GenerationRequest> requests, Generation[] results, CostMeter meter, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var (config, weights) = (model.Config, model.Weights);
        var batch = groups.SelectMany(g => g.Members).ToList();
        var rows = batch.Select(i => requests[i]).ToList();
        var capacity = Math.Min(config.ContextLength, rows.Max(r => r.Tokens.Length + r.MaxNewTokens));
        var generated = rows.Select(_ => new List<int>()).ToList();
        var adapters = model.AdaptersOf(rows.Select(r => r.Slot).ToList());
        var candidates = new IReadOnlyList<double>[rows.Count];
        var clock = meter.Clock;

        using var cache = new DecoderCache(config, rows.Count, capacity, weights.ComputeType, weights.Device);
        var next = FirstTokens();
        var live = rows.Select((_, i) => Accept(i)).ToArray();
        foreach (var row in rows)
        {
            meter.ObserveFirstToken();
            meter.AddSequence(DecoderCache.BytesOf(config, 1, Math.Min(config.ContextLength, row.Tokens.Length + row.MaxNewTokens), weights.ComputeType));
            meter.AddPromptTokens(row.Tokens.Length);
            meter.AddFlops(model.ReadFlops(row.Tokens.Length, row.Slot) + FlopCount.Head(config) + AdapterFlops(row) * row.Tokens.Length);
        }

        while (live.Any(l => l))
        {
            cancellation.ThrowIfCancellationRequested();
            var started = clock.GetTimestamp();
            using var step = NewDisposeScope();
            // A row that is done goes on with its last token in its last place; nobody reads what comes of it.
            var positions = rows.Select((r, i) => (long)Math.Min(capacity - 1, r.Tokens.Length + Math.Max(0, generated[i].Count - 1))).ToArray();
            var ids = tensor(next.Select(t => (long)t).ToArray()).view(-1, 1).to(torch.device(weights.Device));
            var hidden = DecoderNetwork.Continue(config, weights.Compute, model.Rotary, ids, positions, null, adapters, cache);
            var produced = Argmax(DecoderNetwork.Head(weights.Config, weights.Compute, hidden));
            for (var i = 0; i < rows.Count; i++)
            {
                if (!live[i]) continue;
                meter.AddFlops(FlopCount.Projections(config) + FlopCount.Mixing(config, positions[i] + 1) + FlopCount.Head(config) + AdapterFlops(rows[i]));
                next[i] = produced[i];
                live[i] = Accept(i);
            }
            meter.ObserveToken(clock.GetElapsedTime(started));
        }
        for (var i = 0; i < rows.Count; i++)
        {
            results[batch[i]] = new Generation([.. generated[i]]) { CandidateScores = candidates[i] };
            meter.AddGeneratedTokens(generated[i].Count);
        }

        int[] FirstTokens()
        {
            using var inner = NewDisposeScope();
            var read = PromptReading.Read(model, groups, sequences, adapters, cache);
            var last = tensor(rows.Select((r, i) => read.Index(i, r.Tokens.Length - 1)).ToArray()).to(torch.device(weights.Device));
            var logits = DecoderNetwork.Head(weights.Config, weights.Compute, read.Hidden.index_select(0, last));
            ScoreCandidates(logits);
            return Argmax(logits);
        }

        void ScoreCandidates(Tensor logits)
        {
            var wanted = rows.SelectMany((r, i) => r.Candidates.Select(c => (Row: i, Id: c))).ToList();
            var losses = wanted.Count == 0 ? [] : DecoderOps.TokenLosses(
                logits.index_select(0, tensor(wanted.Select(w => (long)w.Row).ToArray()).to(logits.device)),
                tensor(wanted.Select(w => (long)w.Id).ToArray()).to(logits.device)).cpu().data<float>().ToArray();
            for (int i = 0, at = 0; i < rows.Count; at += rows[i++].Candidates.Count)
                candidates[i] = [.. losses.Skip(at).Take(rows[i].Candidates.Count).Select(loss => -(double)loss)];
        }

        static int[] Argmax(Tensor logits)
        {
            using var best = logits.argmax(-1).cpu();
            return [.. best.data<long>().ToArray().Select(t => (int)t)];
        }

        // Takes what was produced, or what is forced; true where the row goes on after it.
        bool Accept(int row)
        {
            if (generated[row].Count < rows[row].Forced.Count) next[row] = rows[row].Forced[generated[row].Count];
            if (rows[row].MaxNewTokens == 0 || rows[row].StopIds.Contains(next[row])) return false;
            generated[row].Add(next[row]);
            return generated[row].Count < rows[row].MaxNewTokens && rows[row].Tokens.Length + generated[row].Count <= capacity;
        }

        double AdapterFlops(GenerationRequest row) => row.Slot < 0 ? 0 : model.FlopsPerAdaptedToken;
    }

    private static void Check(DecoderConfig config, GenerationRequest request, int index)
    {
        if (request.Tokens.Length == 0) throw new PbenchException($"generation request {index}: the prompt is empty; it holds at least the begin-of-text token");
        if (request.Tokens.Length > config.ContextLength)
            throw new PbenchException($"generation request {index}: the prompt has {request.Tokens.Length} tokens; the base's context is {config.ContextLength}");
        Batches.RequireIds(config, request.Tokens, $"generation request {index}");
        Batches.RequireIds(config, [.. request.Candidates], $"generation request {index}: candidates");
    }
}
