using System.Diagnostics;
using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Reporting.Benchmarks;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Benchmarks;

/// <summary>How long and how often is measured.</summary>
/// <param name="Pairs">Pairs of turns.</param>
/// <param name="SecondsPerTurn">What one turn should take, by the speed of the steps before it.</param>
/// <param name="ParitySteps">Steps from the same weights whose losses must agree; they warm both sides up.</param>
public sealed record PairingOptions(int Pairs = 7, double SecondsPerTurn = 1.5, int ParitySteps = 12);

/// <summary>
/// The training step of <see cref="Pretrainer"/> against PyTorch's, from the same weights on the same batch. What is timed on
/// our side is the pretrainer as users run it, batch assembly included: the peer trains inside the pretrainer's evaluation hook,
/// whose time does not count.
/// </summary>
public sealed class TrainingStepComparison(string python, string script, string folder, PairingOptions options)
{
    public const string ScriptName = "train_step.py";

    /// <summary>Ratio of speeds that is wanted, at either precision.</summary>
    private const double Goal = 1;

    /// <summary>PyTorch's losses in f32, by the workload's name: what both sides' bf16 is held against.</summary>
    private readonly Dictionary<string, IReadOnlyList<double>> _float32Losses = [];

    /// <summary>Relative difference of losses that rounding explains, over all steps: f32 sums in another order; bf16 keeps 8 bits
    /// of a product. Found: 2e-7 and 7e-4; in f32, a weight decay left out gives 2e-5, gradients not clipped 2e-3.</summary>
    private static double Tolerance(ScalarType type) => type == ScalarType.Float32 ? 2e-6 : 2e-3;

    /// <summary>The same of the first step, where both have the same weights: found 7e-8 and 1.2e-5.</summary>
    private static double FirstTolerance(ScalarType type) => type == ScalarType.Float32 ? 1e-6 : 1e-4;

    /// <summary>One row of results. A peer that trains something else is reported in the row, not thrown.</summary>
    public PeerRecord Run(TrainingWorkload workload, Precision precision, int threads, CancellationToken cancellation)
    {
        torch.set_num_threads(threads);
        var config = RepeatedTraining.ConfigOf(workload, precision);
        var type = ComputePrecision.Choose(workload.Model, precision, "cpu");
        var job = JobOf(workload, config, threads);
        var float32 = type == ScalarType.Float32 ? null : Float32Losses(workload.Name, job);
        using var peer = PeerProcess.StartFastest(python, script, job, folder);
        var turns = new Turns(peer, options, cancellation);
        var to = Path.Combine(folder, FormattableString.Invariant($"base-{workload.Name}-{precision}-{threads}"));
        RepeatedTraining.Run(workload, config, to, turns.AfterStep, cancellation);

        var (timing, steps) = turns.Result();
        if (float32 is null) _float32Losses[workload.Name] = turns.PeerLosses;
        return new PeerRecord
        {
            Comparison = PeerRecord.TrainingStep,
            Ours = "pbench",
            Reference = "PyTorch",
            Model = workload.Name,
            Parameters = workload.Model.Parameters,
            Precision = job.Precision,
            DefaultPrecision = ComputePrecision.Name(ComputePrecision.Choose(workload.Model, Precision.Auto, "cpu")),
            Threads = threads,
            Pairs = timing.Pairs.Count,
            Steps = steps,
            TokensPerStep = workload.TokensPerStep,
            OursMsPerStep = 1e3 * timing.OursSeconds,
            ReferenceMsPerStep = 1e3 * timing.TheirsSeconds,
            Ratio = timing.Ratio,
            RatioMin = timing.SmallestRatio,
            RatioMax = timing.LargestRatio,
            LossesCompared = options.ParitySteps,
            LossDifference = Losses.RelativeDifference(turns.OurLosses, turns.PeerLosses),
            LossTolerance = Tolerance(type),
            FirstLossDifference = Losses.RelativeDifference([turns.OurLosses[0]], [turns.PeerLosses[0]]),
            FirstLossTolerance = FirstTolerance(type),
            OursFromFloat32 = float32 is null ? null : Losses.RootMeanSquareDifference(turns.OurLosses, float32),
            ReferenceFromFloat32 = float32 is null ? null : Losses.RootMeanSquareDifference(turns.PeerLosses, float32),
            Goal = Goal,
            Libtorch = torch.__version__,
            ReferenceTorch = peer.TorchVersion,
        };
    }

    /// <summary>Writes the weights that the pretrainer starts from, and its batch, for the peer to read.</summary>
    private TrainStepJob JobOf(TrainingWorkload workload, PretrainConfig config, int threads)
    {
        var weightsFile = Path.Combine(folder, "weights.safetensors");
        using (var weights = DecoderWeights.Initialise(workload.Model, config.Seed, Precision.Float32))
            SafetensorsFile.Write(weightsFile, weights.Export());
        var tokensFile = Path.Combine(folder, "tokens.bin");
        var tokens = RepeatedTraining.Sequences(workload).SelectMany(s => s).Select(t => (long)t).ToArray();
        AtomicFile.Write(tokensFile, stream => stream.Write(MemoryMarshal.AsBytes(tokens.AsSpan())));
        return new TrainStepJob(workload.Model, PeerOptimizer.Of(config))
        {
            Precision = ComputePrecision.Name(ComputePrecision.Choose(workload.Model, config.Precision, "cpu")),
            Threads = threads,
            Rows = workload.Rows,
            Length = workload.Length,
            Weights = weightsFile,
            Tokens = tokensFile,
        };
    }

    /// <summary>From the same weights over the same batch; the f32 row of the same run has them already.</summary>
    private IReadOnlyList<double> Float32Losses(string workload, TrainStepJob job)
    {
        if (_float32Losses.TryGetValue(workload, out var known)) return known;
        using var exact = PeerProcess.Start(python, script, job with { Precision = ComputePrecision.Name(ScalarType.Float32) }, folder, waitPolicy: "");
        return _float32Losses[workload] = exact.Train(options.ParitySteps).Losses;
    }

    /// <summary>Counts our steps, gives the peer its turns, and ends the training when all pairs are done.</summary>
    private sealed class Turns(PeerProcess peer, PairingOptions options, CancellationToken cancellation)
    {
        private readonly List<TimedPair> _pairs = [];
        private int _stepsPerTurn, _stepsOfTurn;
        private double _secondsOfTurn;
        private long _resumed;

        public List<double> OurLosses { get; } = [];

        public List<double> PeerLosses { get; } = [];

        public (PairedTiming Timing, int StepsPerTurn) Result() => (new PairedTiming(_pairs), _stepsPerTurn);

        /// <summary>Called after each of our steps; true ends the training.</summary>
        public bool AfterStep(PretrainProgress progress)
        {
            cancellation.ThrowIfCancellationRequested();
            var elapsed = _resumed == 0 ? 0 : Stopwatch.GetElapsedTime(_resumed).TotalSeconds;
            if (OurLosses.Count < options.ParitySteps) WarmUp(progress.Loss, elapsed);
            else Count(elapsed);
            _resumed = Stopwatch.GetTimestamp();
            return _pairs.Count == options.Pairs;
        }

        private void WarmUp(double loss, double elapsed)
        {
            OurLosses.Add(loss);
            if (OurLosses.Count < options.ParitySteps) return;
            var turn = peer.Train(options.ParitySteps);
            PeerLosses.AddRange(turn.Losses);
            _stepsPerTurn = Math.Clamp((int)(options.SecondsPerTurn / Math.Max(elapsed, turn.Seconds[^1])), 2, 100);
        }

        private void Count(double elapsed)
        {
            _secondsOfTurn += elapsed;
            if (++_stepsOfTurn < _stepsPerTurn) return;
            var turn = peer.Train(_stepsPerTurn);
            _pairs.Add(new TimedPair(_secondsOfTurn / _stepsPerTurn, turn.Seconds.Sum() / _stepsPerTurn));
            (_secondsOfTurn, _stepsOfTurn) = (0, 0);
        }
    }
}
