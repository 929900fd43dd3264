using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>What a base holds likeliest at each position of given continuations: what another model can learn from it beside its words.</summary>
internal static class LikeliestTokens
{
    /// <returns>For each request, a distribution for each token of its continuation, in the given order.</returns>
    public static IReadOnlyList<IReadOnlyList<TokenDistribution>> Of(InferenceModel model, IReadOnlyList<ScoreRequest> requests, int count, CostMeter meter, CancellationToken cancellation)
    {
        if (requests.Any(r => r.Continuation.Length == 0)) throw new ArgumentException("a continuation without tokens has no place to look at", nameof(requests));
        // The last token of a continuation is only predicted, never read.
        var sequences = requests.Select((r, i) => new ReadSequence(Scorer.Sequence(model.Config, r, i)[..^1], r.Slot, r.Prompt.Length - 1)).ToList();
        foreach (var (request, sequence) in requests.Zip(sequences))
        {
            meter.AddPromptTokens(request.Prompt.Length);
            meter.AddFlops(FlopCount.Sequence(model.Config, sequence.Tokens.Length) + request.Continuation.Length * FlopCount.Head(model.Config) + (request.Slot < 0 ? 0 : model.FlopsPerAdaptedToken * sequence.Tokens.Length));
        }
        if (model.Paged is { } paged) return paged.Likeliest(model, sequences, count, meter, cancellation);
        var results = new IReadOnlyList<TokenDistribution>[requests.Count];
        foreach (var groups in PromptReading.Batches(model, sequences, i => sequences[i].Tokens.Length, isCached: false))
        {
            cancellation.ThrowIfCancellationRequested();
            RunBatch(model, groups, sequences, requests, count, results, meter);
        }
        return results;
    }

    private static void RunBatch(InferenceModel model, IReadOnlyList<PrefixGroup> groups, IReadOnlyList<ReadSequence> sequences, IReadOnlyList<ScoreRequest> requests, int count, IReadOnlyList<TokenDistribution>[] results, CostMeter meter)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var (config, weights) = (model.Config, model.Weights);
        var batch = groups.SelectMany(g => g.Members).ToList();
        using var cache = groups.Any(g => g.Prefix > 0) ? new DecoderCache(config, batch.Count, batch.Max(i => sequences[i].Tokens.Length), weights.ComputeType, weights.Device) : null;
        var read = PromptReading.Read(model, groups, sequences, model.AdaptersOf([.. batch.Select(i => sequences[i].Slot)]), cache);
        for (var row = 0; row < batch.Count; row++)
        {
            using var inner = NewDisposeScope();
            var request = requests[batch[row]];
            var places = Enumerable.Range(request.Prompt.Length - 1, request.Continuation.Length).Select(p => read.Index(row, p)).ToArray();
            var logits = DecoderNetwork.Head(config, weights.Compute, read.Hidden.index_select(0, tensor(places).to(torch.device(weights.Device)))).to(ScalarType.Float32).cpu();
            float[] values = [.. logits.data<float>()];
            var vocabulary = values.Length / places.Length;
            results[batch[row]] = [.. Enumerable.Range(0, places.Length).Select(i => LogitRow.Likeliest(values.AsSpan(i * vocabulary, vocabulary), count))];
        }
    }
}
