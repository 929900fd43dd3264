using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Log-likelihoods of continuations, in batches of similar length.</summary>
internal static class Scorer
{
    /// <summary>What one row of a batch reads (the last token of a continuation is only predicted, never read) and the
    /// requests that are answered from it.</summary>
    private sealed record ScoredRow(int[] Read, int Slot, List<int> Requests);

    public static IReadOnlyList<double> Score(InferenceModel model, IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation)
    {
        var rows = Rows(model.Config, requests);
        var results = new double[requests.Count];
        var sequences = rows.ConvertAll(r => new ReadSequence(r.Read, r.Slot, Math.Min(requests[r.Requests[0]].Prompt.Length, r.Read.Length) - 1));
        if (model.Paged is { } paged)
        {
            var targets = rows.ConvertAll(r => r.Requests.SelectMany(i => requests[i].Continuation).ToArray());
            var scores = paged.Score(model, sequences, targets, meter, cancellation);
            for (var row = 0; row < rows.Count; row++) Add(model, rows[row], requests, scores[row], results, meter);
            return results;
        }
        foreach (var groups in PromptReading.Batches(model, sequences, i => rows[i].Read.Length, isCached: false))
        {
            cancellation.ThrowIfCancellationRequested();
            RunBatch(model, groups, sequences, rows, requests, results, meter);
        }
        return results;
    }

    /// <summary>Single-token continuations of one and the same prompt array, such as the choices of a question, share a row:
    /// the prompt is read once for all of them.</summary>
    private static List<ScoredRow> Rows(DecoderConfig config, IReadOnlyList<ScoreRequest> requests)
    {
        var rows = new List<ScoredRow>(requests.Count);
        ScoredRow? last = null;
        for (var i = 0; i < requests.Count; i++)
        {
            var request = requests[i];
            var sequence = Sequence(config, request, i);
            var shares = last is not null && request.Continuation.Length == 1 && request.Slot == last.Slot && ReferenceEquals(request.Prompt, requests[last.Requests[0]].Prompt);
            if (shares)
            {
                last!.Requests.Add(i);
                continue;
            }
            var row = new ScoredRow(sequence[..Math.Max(1, sequence.Length - 1)], request.Slot, [i]);
            rows.Add(row);
            last = request.Continuation.Length == 1 ? row : null;
        }
        return rows;
    }

    private static void RunBatch(
        InferenceModel model, IReadOnlyList<PrefixGroup> groups, IReadOnlyList<ReadSequence> sequences, IReadOnlyList<ScoredRow> rows, IReadOnlyList<ScoreRequest> requests, double[] results, CostMeter meter)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var (config, weights) = (model.Config, model.Weights);
        var batch = groups.SelectMany(g => g.Members).Select(m => rows[m]).ToList();
        var adapters = model.AdaptersOf([.. batch.Select(r => r.Slot)]);
        using var cache = groups.Any(g => g.Prefix > 0) ? new DecoderCache(config, batch.Count, batch.Max(r => r.Read.Length), weights.ComputeType, weights.Device) : null;
        var read = PromptReading.Read(model, groups, sequences, adapters, cache);

        var (places, targets) = (new List<long>(), new List<long>());
        for (var row = 0; row < batch.Count; row++)
        {
            foreach (var request in batch[row].Requests.Select(r => requests[r]))
            {
                for (var t = 0; t < request.Continuation.Length; t++)
                {
                    places.Add(read.Index(row, request.Prompt.Length - 1 + t));
                    targets.Add(request.Continuation[t]);
                }
            }
        }
        var losses = places.Count == 0 ? [] : Losses();
        var at = 0;
        foreach (var row in batch)
        {
            var count = row.Requests.Sum(r => requests[r].Continuation.Length);
            Add(model, row, requests, [.. losses.Skip(at).Take(count).Select(loss => -(double)loss)], results, meter);
            at += count;
            meter.ObserveFirstToken();
        }

        float[] Losses()
        {
            var selected = read.Hidden.index_select(0, tensor(places.ToArray()).to(torch.device(weights.Device)));
            return DecoderNetwork.Losses(config, weights.Compute, selected, [.. targets]);
        }
    }

    /// <param name="likelihoods">Of every continuation's tokens, one request after another.</param>
    private static void Add(InferenceModel model, ScoredRow row, IReadOnlyList<ScoreRequest> requests, double[] likelihoods, double[] results, CostMeter meter)
    {
        var at = 0;
        foreach (var r in row.Requests)
        {
            for (var i = 0; i < requests[r].Continuation.Length; i++) results[r] += likelihoods[at++];
        }
        var first = requests[row.Requests[0]];
        meter.AddPromptTokens(first.Prompt.Length);
        meter.AddSequence(DecoderCache.BytesOf(model.Config, 1, row.Read.Length, model.Weights.ComputeType));
        meter.AddFlops(model.ReadFlops(row.Read.Length, row.Slot) + first.Continuation.Length * FlopCount.Head(model.Config) + (row.Slot < 0 ? 0 : model.FlopsPerAdaptedToken * row.Read.Length));
    }

    /// <summary>Prompt and continuation, checked against the base.</summary>
    public static int[] Sequence(DecoderConfig config, ScoreRequest request, int index)
    {
        if (request.Prompt.Length == 0) throw new PbenchException($"score request {index}: the prompt is empty; it holds at least the begin-of-text token");
        int[] sequence = [.. request.Prompt, .. request.Continuation];
        if (sequence.Length - 1 > config.ContextLength)
            throw new PbenchException($"score request {index}: prompt and continuation have {sequence.Length} tokens; the base's context is {config.ContextLength}");
        Batches.RequireIds(config, sequence, $"score request {index}");
        return sequence;
    }
}
