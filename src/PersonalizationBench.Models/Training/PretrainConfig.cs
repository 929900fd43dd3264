using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>One stretch of pretraining with its own data, batch and learning rate.</summary>
public sealed record PretrainStage
{
    public required string Name { get; init; }

    public required int Steps { get; init; }

    /// <summary>Sequences per step; give this or <see cref="BatchTokens"/>.</summary>
    public int? BatchSequences { get; init; }

    /// <summary>Upper bound on rows x longest row of a step (at least one row).</summary>
    public int? BatchTokens { get; init; }

    public required double LearningRate { get; init; }

    /// <summary>At the stage's last step; null: the same as <see cref="LearningRate"/>.</summary>
    public double? FinalLearningRate { get; init; }

    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Constant;

    /// <summary>Steps of linear warm-up at the stage's start.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Passed to whoever makes the stage's corpus.</summary>
    public IReadOnlyDictionary<string, string> Corpus { get; init; } = new Dictionary<string, string>();
}

/// <summary>Everything that determines a pretrained base, beside the corpus.</summary>
public sealed record PretrainConfig
{
    public required string Name { get; init; }

    public required DecoderConfig Model { get; init; }

    public required IReadOnlyList<PretrainStage> Stages { get; init; }

    public long Seed { get; init; }

    public Precision Precision { get; init; } = Precision.Auto;

    public string Device { get; init; } = "cpu";

    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.95;

    /// <summary>On matrices only.</summary>
    public double WeightDecay { get; init; } = 0.1;

    public double ClipNorm { get; init; } = 1;

    public int LogEvery { get; init; } = 50;

    public int CheckpointEvery { get; init; } = 1000;

    /// <summary>Steps between calls of <see cref="PretrainHooks.Evaluate"/>.</summary>
    public int EvaluateEvery { get; init; } = 500;
}

/// <summary>Where training stands when <see cref="PretrainHooks.Evaluate"/> is called.</summary>
/// <param name="Stage">The stage in hand.</param>
/// <param name="Step">Steps done over all stages.</param>
/// <param name="StageStep">Steps done of this stage.</param>
/// <param name="Tokens">Tokens trained on, padding left out.</param>
/// <param name="Loss">Mean training loss since the last call.</param>
public sealed record PretrainProgress(PretrainStage Stage, int Step, int StageStep, long Tokens, double Loss);

/// <summary>What the caller does while pretraining runs.</summary>
public sealed record PretrainHooks
{
    /// <summary>Gets plain lines: loss, tokens per second, time to go.</summary>
    public Action<string> Log { get; init; } = _ => { };

    /// <summary>Measures the base as it is; true ends the stage early. The base is only valid during the call.</summary>
    public Func<LoadedBase, PretrainProgress, bool>? Evaluate { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>What pretraining made.</summary>
/// <param name="Folder">Holds config.json, model.safetensors, the tokenizer and provenance.json.</param>
public sealed record PretrainResult(string Folder, int Steps, long Tokens, double FinalLoss, double HeldOutLoss);
