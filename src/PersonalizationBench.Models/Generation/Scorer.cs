using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Log-likelihoods of continuations, in batches of similar length.</summary>
internal static class Scorer
{
    private const int MaxBatchTokens = 16384, MaxBatchRows = 256;

    public static IReadOnlyList<double> Score(InferenceModel model, IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation)
    {
        var sequences = requests.Select((r, i) => Sequence(model.Config, r, i)).ToList();
        var results = new double[requests.Count];
        foreach (var batch in LengthBatches.Of(sequences.Select(s => s.Length).ToList(), m => m.Count <= MaxBatchRows && (long)m.Count * m.Max(i => sequences[i].Length) <= MaxBatchTokens))
        {
            cancellation.ThrowIfCancellationRequested();
            RunBatch(model, batch, requests, sequences, results, meter);
        }
        return results;
    }

    private static void RunBatch(InferenceModel model, IReadOnlyList<int> batch, IReadOnlyList<ScoreRequest> requests, List<int[]> sequences, double[] results, CostMeter meter)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var (config, weights) = (model.Config, model.Weights);
        var started = meter.Clock.GetTimestamp();
        // The last token is only predicted, never read.
        var length = Math.Max(1, batch.Max(i => sequences[i].Length) - 1);
        var rows = batch.Select(i => sequences[i][..Math.Max(1, sequences[i].Length - 1)]).ToList();
        var ids = Batches.Padded(rows, length, weights.Device);
        var hidden = LlamaNetwork.Forward(config, weights.Compute, weights.Compute.Embedding, model.Rotary, ids, Batches.Lengths(rows.Select(r => r.Length)), model.AdaptersOf([.. batch.Select(i => requests[i].Slot)]));

        var (places, targets) = (new List<long>(), new List<long>());
        for (var row = 0; row < batch.Count; row++)
        {
            var sequence = sequences[batch[row]];
            for (var t = requests[batch[row]].Prompt.Length; t < sequence.Length; t++)
            {
                places.Add((long)row * length + t - 1);
                targets.Add(sequence[t]);
            }
        }
        var losses = places.Count == 0 ? [] : Losses();
        var at = 0;
        for (var row = 0; row < batch.Count; row++)
        {
            var request = requests[batch[row]];
            var sum = 0.0;
            for (var i = 0; i < request.Continuation.Length; i++) sum -= losses[at++];
            results[batch[row]] = sum;
            var read = Math.Max(1, sequences[batch[row]].Length - 1);
            meter.AddPromptTokens(request.Prompt.Length);
            meter.AddFlops(FlopCount.Sequence(config, read) + request.Continuation.Length * FlopCount.Head(config) + (request.Slot < 0 ? 0 : model.FlopsPerAdaptedToken * read));
            meter.ObserveFirstToken(meter.Clock.GetElapsedTime(started));
        }

        float[] Losses()
        {
            var device = torch.device(weights.Device);
            var selected = hidden.index_select(0, tensor(places.ToArray()).to(device));
            return Kernels.TokenLosses(LlamaNetwork.Head(weights.Compute, selected), tensor(targets.ToArray()).to(device)).cpu().data<float>().ToArray();
        }
    }

    private static int[] Sequence(LlamaConfig config, ScoreRequest request, int index)
    {
        if (request.Prompt.Length == 0) throw new PbenchException($"score request {index}: the prompt is empty; it holds at least the begin-of-text token");
        int[] sequence = [.. request.Prompt, .. request.Continuation];
        if (sequence.Length - 1 > config.ContextLength)
            throw new PbenchException($"score request {index}: prompt and continuation have {sequence.Length} tokens; the base's context is {config.ContextLength}");
        Batches.RequireIds(config, sequence, $"score request {index}");
        return sequence;
    }
}
