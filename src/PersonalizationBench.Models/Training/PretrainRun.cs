using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>One run of <see cref="Pretrainer"/>: model, optimizer and state.</summary>
internal sealed class PretrainRun : IDisposable
{
    private readonly PretrainConfig _config;
    private readonly IReadOnlyList<ITrainingCorpus> _corpora;
    private readonly ITokenizer _tokenizer;
    private readonly string _folder;
    private readonly PretrainHooks _hooks;
    private readonly WholeModel _model;
    private readonly AdamWOptimizer _optimizer;

    public PretrainRun(PretrainConfig config, IReadOnlyList<ITrainingCorpus> corpora, ITokenizer tokenizer, string folder, PretrainHooks hooks)
    {
        (_config, _corpora, _tokenizer, _folder, _hooks) = (config, corpora, tokenizer, folder, hooks);
        Weights = DecoderWeights.Initialise(config.Model, config.Seed, config.Precision, config.Device);
        _model = new WholeModel(Weights);
        _optimizer = new AdamWOptimizer(_model.Tensors, 1, config.Beta1, config.Beta2, config.WeightDecay, config.ClipNorm);
        Base = new LoadedBase(BaseFolder.InfoOf(config.Name, "", config.Model), Weights, tokenizer);
    }

    public DecoderWeights Weights { get; }

    /// <summary>What is being trained, to be asked.</summary>
    public LoadedBase Base { get; }

    public PretrainState State { get; private set; }

    private string CheckpointPath => Path.Combine(_folder, "checkpoint.safetensors");

    public void Resume()
    {
        if (!File.Exists(CheckpointPath)) return;
        State = PretrainCheckpoint.Load(CheckpointPath, _model.Tensors, RunDigest);
        Weights.Refresh();
        _hooks.Log(FormattableString.Invariant($"goes on from step {State.Step} of {CheckpointPath}"));
    }

    public void NextStage() => State = State with { Stage = State.Stage + 1, StageStep = 0 };

    /// <summary>From where the state says to the stage's end, or to the evaluation that ends it.</summary>
    public void TrainStage(CancellationToken cancellation)
    {
        var stage = _config.Stages[State.Stage];
        var rate = new LearningRate(stage.LearningRate, stage.FinalLearningRate ?? stage.LearningRate, stage.WarmupSteps, stage.Steps, stage.Schedule);
        var progress = new ProgressMeter(_hooks.Clock);
        using var batches = new BatchStream(_corpora[State.Stage], _tokenizer, stage, _config.Model.ContextLength, StageSeed(stage), State.StageStep);
        while (State.StageStep < stage.Steps)
        {
            if (cancellation.IsCancellationRequested)
            {
                SaveCheckpoint();
                cancellation.ThrowIfCancellationRequested();
            }
            TrainStep(batches.Next(), rate.At(State.StageStep), stage, progress);
            if (State.Step % _config.LogEvery == 0 || State.StageStep == stage.Steps) Log(stage, rate, progress);
            var enough = _hooks.Evaluate is { } evaluate && (State.StageStep % _config.EvaluateEvery == 0 || State.StageStep == stage.Steps)
                && evaluate(Base, new PretrainProgress(stage, State.Step, State.StageStep, State.Tokens, progress.TakeEvaluationLoss()));
            if (enough)
            {
                _hooks.Log(FormattableString.Invariant($"stage {stage.Name} ends early, after {State.StageStep} of {stage.Steps} steps"));
                return;
            }
            if (State.Step % _config.CheckpointEvery == 0 && State.StageStep < stage.Steps) SaveCheckpoint();
        }
    }

    private void TrainStep(TrainingBatch batch, double learningRate, PretrainStage stage, ProgressMeter progress)
    {
        using var scope = NewDisposeScope();
        var (value, gradients) = _model.Backward(batch, Base.Rotary);
        if (!float.IsFinite(value)) throw new DivergedException($"pretrain {_config.Name}: the loss is {value} at step {State.StageStep + 1} of stage {stage.Name}");
        var norm = _optimizer.Step(State.Step + 1, learningRate, gradients)[0];
        State = State with { StageStep = State.StageStep + 1, Step = State.Step + 1, Tokens = State.Tokens + batch.Tokens, LastLoss = value };
        progress.Add(value, norm, batch.Tokens);
    }

    private void Log(PretrainStage stage, LearningRate rate, ProgressMeter progress)
    {
        var (loss, norm, tokensPerSecond, stepsPerSecond) = progress.Take();
        var left = stage.Steps - State.StageStep + _config.Stages.Skip(State.Stage + 1).Sum(s => s.Steps);
        var togo = TimeSpan.FromSeconds(Math.Round(left / stepsPerSecond));
        _hooks.Log(FormattableString.Invariant(
            $"step {State.Step} ({stage.Name} {State.StageStep}/{stage.Steps}) loss {loss:0.0000} gradient {norm:0.00} lr {rate.At(State.StageStep - 1):0.0e+0} {tokensPerSecond:0} tokens/s {stepsPerSecond:0.0} steps/s to go {togo:c}"));
    }

    public JsonObject Provenance(double heldOutLoss) => new()
    {
        ["name"] = _config.Name,
        ["measurement_version"] = Measurement.Version,
        ["libtorch"] = torch.__version__,
        ["precision"] = ComputePrecision.Name(Weights.ComputeType),
        ["parameters"] = _config.Model.Parameters,
        ["steps"] = State.Step,
        ["tokens"] = State.Tokens,
        ["training_loss"] = State.LastLoss,
        ["held_out_loss"] = double.IsNaN(heldOutLoss) ? null : heldOutLoss,
        ["corpora"] = new JsonArray([.. _corpora.Select(c => (JsonNode)c.Digest)]),
        ["config"] = ConfigJson(),
    };

    public void DeleteCheckpoint()
    {
        if (File.Exists(CheckpointPath)) File.Delete(CheckpointPath);
    }

    public void Dispose()
    {
        _model.Dispose();
        Base.Dispose();
    }

    private void SaveCheckpoint()
    {
        PretrainCheckpoint.Save(CheckpointPath, _model.Tensors, State, RunDigest(State.Stage));
        _hooks.Log(FormattableString.Invariant($"checkpoint at step {State.Step}"));
    }

    /// <summary>A checkpoint belongs to the configuration and the data that led to it: the stages to come, and how often to
    /// log, are no part of it, so that a base can be trained on by adding stages.</summary>
    private string RunDigest(int stage)
    {
        var settings = JsonSerializer.SerializeToNode(_config with { Stages = [.. _config.Stages.Take(stage + 1)] })!.AsObject();
        foreach (var key in new[] { nameof(PretrainConfig.LogEvery), nameof(PretrainConfig.CheckpointEvery) }) settings.Remove(key);
        return Digest.Of(settings.ToJsonString() + string.Concat(_corpora.Take(stage + 1).Select(c => c.Digest)));
    }

    private JsonObject ConfigJson() => JsonSerializer.SerializeToNode(_config)!.AsObject();

    private long StageSeed(PretrainStage stage) => (long)DeterministicRandom.For(_config.Seed, "stage", stage.Name).NextUInt64();
}

/// <summary>Means since the last line of the log.</summary>
internal sealed class ProgressMeter(TimeProvider clock)
{
    private long _since = clock.GetTimestamp();
    private double _loss, _norm, _evaluationLoss;
    private long _tokens;
    private int _steps, _evaluationSteps;

    public void Add(double loss, double norm, long tokens)
    {
        (_loss, _norm, _tokens, _steps) = (_loss + loss, _norm + norm, _tokens + tokens, _steps + 1);
        (_evaluationLoss, _evaluationSteps) = (_evaluationLoss + loss, _evaluationSteps + 1);
    }

    public (double Loss, double Norm, double TokensPerSecond, double StepsPerSecond) Take()
    {
        var seconds = Math.Max(1e-9, clock.GetElapsedTime(_since).TotalSeconds);
        var steps = Math.Max(1, _steps);
        var taken = (_loss / steps, _norm / steps, _tokens / seconds, _steps / seconds);
        (_since, _loss, _norm, _tokens, _steps) = (clock.GetTimestamp(), 0, 0, 0, 0);
        return taken;
    }

    public double TakeEvaluationLoss()
    {
        var mean = _evaluationLoss / Math.Max(1, _evaluationSteps);
        (_evaluationLoss, _evaluationSteps) = (0, 0);
        return mean;
    }
}
