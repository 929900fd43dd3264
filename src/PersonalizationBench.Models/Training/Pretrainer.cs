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

        var heldOut = run.HeldOutLoss(cancellation);
        BaseFolder.Write(folder, run.Weights, saveTokenizer, run.Provenance(heldOut));
        run.DeleteCheckpoint();
        hooks.Log(FormattableString.Invariant($"held-out loss {heldOut:0.0000}; the base is in {folder}"));
        return new PretrainResult(folder, run.State.Step, run.State.Tokens, run.State.LastLoss, heldOut);
    }

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
