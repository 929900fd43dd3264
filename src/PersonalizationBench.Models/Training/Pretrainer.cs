using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Trains a base from nothing: stages of data, AdamW, warm-up, clipping, bf16 products over f32 masters.</summary>
public static class Pretrainer
{
    /// <summary>
    /// Runs to the end, or from the newest checkpoint in <paramref name="folder"/> to the end: the result is the same.
    /// Cancelling writes a checkpoint first and throws <see cref="OperationCanceledException"/>.
    /// </summary>
    /// <param name="corpusOf">The stage's corpus; asked once per stage.</param>
    /// <param name="saveTokenizer">Writes the tokenizer's file (tokenizer.json) into the given folder.</param>
    /// <param name="folder">Where the base goes.</param>
    public static PretrainResult Run(
        PretrainConfig config,
        Func<PretrainStage, ITrainingCorpus> corpusOf,
        ITokenizer tokenizer,
        Action<string> saveTokenizer,
        string folder,
        PretrainHooks hooks,
        CancellationToken cancellation)
    {
        Validate(config, tokenizer);
        var corpora = config.Stages.Select(corpusOf).ToList();
        using var run = new PretrainRun(config, corpora, tokenizer, folder, hooks);
        run.Resume();
        for (; run.State.Stage < config.Stages.Count; run.NextStage()) run.TrainStage(cancellation);

        var heldOut = HeldOutLoss(run.Base, corpora[^1], cancellation);
        BaseFolder.Write(folder, run.Weights, saveTokenizer, run.Provenance(heldOut));
        run.DeleteCheckpoint();
        hooks.Log(FormattableString.Invariant($"held-out loss {heldOut:0.0000}; the base is in {folder}"));
        return new PretrainResult(folder, run.State.Step, run.State.Tokens, run.State.LastLoss, heldOut);
    }

    /// <summary>Whether the folder holds a whole base of exactly this configuration.</summary>
    /// <exception cref="PbenchException">It holds one of another configuration.</exception>
    public static bool IsDone(PretrainConfig config, string folder)
    {
        var path = Path.Combine(folder, BaseFolder.ProvenanceName);
        if (!File.Exists(path) || !File.Exists(Path.Combine(folder, BaseFolder.WeightsName))) return false;
        return IsAsRecorded(BaseProvenance.Read(folder).Config, JsonSerializer.SerializeToNode(config))
            ? true
            : throw new PbenchException($"{path}: this base was trained with another configuration; delete its folder to train it anew");
    }

    /// <summary>Mean over the corpus' held-out targets by weight, in nats.</summary>
    public static double HeldOutLoss(LoadedBase loadedBase, ITrainingCorpus corpus, CancellationToken cancellation)
    {
        var rows = corpus.HeldOut.SelectMany(t => TextEncoding.Sequences(loadedBase.Tokenizer, t, loadedBase.Config.ContextLength)).ToList();
        var (sum, total) = (0.0, 0.0);
        foreach (var members in LengthBatches.Of([.. rows.Select(r => r.Ids.Length)], m => m.Count * m.Max(i => rows[i].Ids.Length) <= 8192))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var off = no_grad();
            var batch = new TrainingBatch([.. members.Select(i => rows[i])], 1);
            sum += batch.Losses(loadedBase.Weights, loadedBase.Rotary, null).Total.item<float>() * batch.Weight;
            total += batch.Weight;
        }
        return total == 0 ? double.NaN : sum / total;
    }

    /// <summary>Whether every recorded setting still has its value; settings that came later, and how often to log and to save, do not count.</summary>
    private static bool IsAsRecorded(JsonNode? recorded, JsonNode? now) => (recorded, now) switch
    {
        (JsonObject a, JsonObject b) => a.All(p => p.Key is nameof(PretrainConfig.LogEvery) or nameof(PretrainConfig.CheckpointEvery) || IsAsRecorded(p.Value, b[p.Key])),
        (JsonArray a, JsonArray b) => a.Count == b.Count && a.Zip(b).All(p => IsAsRecorded(p.First, p.Second)),
        _ => JsonNode.DeepEquals(recorded, now),
    };

    private static void Validate(PretrainConfig config, ITokenizer tokenizer)
    {
        config.Model.Validated($"pretrain {config.Name}");
        if (config.Model.VocabularySize < tokenizer.VocabularySize)
            throw new PbenchException($"pretrain {config.Name}: vocabulary of {config.Model.VocabularySize} is smaller than the tokenizer's {tokenizer.VocabularySize}");
        if (config.Stages.Count == 0) throw new PbenchException($"pretrain {config.Name}: stages is empty");
        foreach (var stage in config.Stages)
        {
            var where = $"pretrain {config.Name}: stage {stage.Name}";
            if (stage.Steps < 1) throw new PbenchException($"{where}: steps must be at least 1, not {stage.Steps}");
            if (stage.BatchSequences is null == stage.BatchTokens is null) throw new PbenchException($"{where}: expected one of batch_sequences and batch_tokens");
            if (stage.BatchSequences < 1 || stage.BatchTokens < 1) throw new PbenchException($"{where}: a batch must hold something");
            if (!(stage.LearningRate > 0)) throw new PbenchException(FormattableString.Invariant($"{where}: learning_rate must be positive, not {stage.LearningRate}"));
        }
        if (config.Stages.Select(s => s.Name).Distinct().Count() != config.Stages.Count) throw new PbenchException($"pretrain {config.Name}: two stages have one name");
    }
}

/// <summary>Where a run of pretraining stands; what a checkpoint holds beside tensors.</summary>
/// <param name="Stage">Index of the stage in hand.</param>
/// <param name="StageStep">Steps done of it.</param>
/// <param name="Step">Steps done in all; the optimizer's count.</param>
/// <param name="Tokens">Tokens trained on, padding left out.</param>
/// <param name="LastLoss">Of the last step.</param>
internal readonly record struct PretrainState(int Stage, int StageStep, int Step, long Tokens, double LastLoss);
