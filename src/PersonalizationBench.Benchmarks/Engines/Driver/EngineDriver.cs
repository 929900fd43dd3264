using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// Times the workloads of <see cref="EngineWorkloads"/> in this process when it is asked to, and waits in between. The engine before
/// TorchSharp is driven by this very file, compiled against the commit that it ended with (<c>experiments/engines</c>): it uses
/// what both have under one name.
/// </summary>
/// <param name="bases">Has <c>world-1m</c>.</param>
/// <param name="folder">For what training writes; nothing of it is kept.</param>
public sealed class EngineDriver(IBaseCatalog bases, string folder) : IDisposable
{
    /// <summary>Steps before the timed ones: the first pays for what is set up once.</summary>
    private const int FirstSteps = 2;

    /// <summary>Steps of every user in one measurement of <see cref="EngineWorkloads.ManyUsers"/>.</summary>
    private const int UserSteps = 4;

    private const int Rank = 8, Prompt = 32, Tokens = 96;

    private readonly Dictionary<(string, Precision), ServingWorkload> _serving = [];
    private readonly Dictionary<(string, Precision), LoadedBase> _loaded = [];
    private readonly List<LoadedBase> _copies = [];
    private AdapterWorkload? _users;

    /// <summary>Says what it is, then answers a line for each line, until the input ends.</summary>
    public void Serve(string engine, int threads, TextReader turns, TextWriter answers)
    {
        torch.set_num_threads(threads);
        Say(new EngineHello(engine).ToLine());
        while (turns.ReadLine() is { } line) Say(Answer(line).ToLine());

        void Say(string answer)
        {
            answers.WriteLine(answer);
            answers.Flush();
        }
    }

    /// <summary>Times one turn.</summary>
    /// <exception cref="PbenchException">The workload, the model or the precision is unknown.</exception>
    public TurnResult Time(TimedTurn turn)
    {
        var precision = turn.Precision switch
        {
            "float32" => Precision.Float32,
            "bfloat16" => Precision.BFloat16,
            _ => throw new PbenchException($"precision '{turn.Precision}': expected float32 or bfloat16"),
        };
        return turn.Workload switch
        {
            EngineWorkloads.TrainingStep => TrainingStep(turn.Model, precision, turn.Seconds),
            EngineWorkloads.ManyUsers => ManyUsers(turn.Model, precision, turn.Seconds),
            EngineWorkloads.DecodeBase => Decode(turn.Model, precision, turn.Seconds, AdapterMix.BaseOnly),
            EngineWorkloads.DecodeOne => Decode(turn.Model, precision, turn.Seconds, AdapterMix.OneAdapter),
            EngineWorkloads.DecodeEight => Decode(turn.Model, precision, turn.Seconds, AdapterMix.AllDistinct),
            _ => throw new PbenchException($"workload '{turn.Workload}' is unknown"),
        };
    }

    public void Dispose()
    {
        foreach (var serving in _serving.Values) serving.Dispose();
        foreach (var loaded in _loaded.Values.Concat(_copies)) loaded.Dispose();
    }

    private TurnResult Answer(string line)
    {
        try
        {
            return Time(TimedTurn.Parse(line));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new TurnResult(double.NaN, Error: $"{e.GetType().Name}: {e.Message}");
        }
    }

    private TurnResult TrainingStep(string model, Precision precision, double seconds)
    {
        var workload = TrainingWorkload.All.FirstOrDefault(w => w.Name == model) ?? throw new PbenchException($"model '{model}': expected {string.Join(" or ", TrainingWorkload.All.Select(w => w.Name))}");
        var (times, losses, resumed) = (new List<double>(), new List<double>(), 0L);
        var to = Path.Combine(folder, "base");
        if (Directory.Exists(to)) Directory.Delete(to, recursive: true);
        RepeatedTraining.Run(workload, RepeatedTraining.ConfigOf(workload, precision), to, AfterStep, CancellationToken.None);
        return new TurnResult(Median(times), losses[FirstSteps - 1]);

        // What is timed lies between two calls.
        bool AfterStep(PretrainProgress progress)
        {
            if (losses.Count >= FirstSteps) times.Add(Stopwatch.GetElapsedTime(resumed).TotalMilliseconds);
            losses.Add(progress.Loss);
            resumed = Stopwatch.GetTimestamp();
            return times.Count >= 2 && times.Sum() >= 1e3 * seconds;
        }
    }

    private TurnResult ManyUsers(string model, Precision precision, double seconds)
    {
        var workload = _users ??= AdapterWorkload.OfStudy(bases, EngineWorkloads.Users);
        if (model != workload.Name) throw new PbenchException($"model '{model}': expected {workload.Name}");
        var loaded = Loaded(workload.Name, precision);
        var corpora = workload.Corpora();
        var training = new AdapterTrainingOptions { Steps = UserSteps, BatchSequences = workload.BatchSequences, MaxTokensPerStep = int.MaxValue, LearningRate = RepeatedTraining.LearningRate };
        IReadOnlyList<SlotTraining> trained = [];
        var times = Repeated(seconds, () => trained = AdapterWorkload.Together(loaded, new LoraOptions(), corpora, training, CancellationToken.None));
        return new TurnResult(Median(times) / UserSteps, trained.Average(t => t.Losses[1]));
    }

    private TurnResult Decode(string model, Precision precision, double seconds, AdapterMix mix)
    {
        if (!_serving.TryGetValue((model, precision), out var serving))
        {
            _copies.Add(Load(model, precision));
            _serving[(model, precision)] = serving = new ServingWorkload(Loaded(model, precision), _copies[^1], Rank, EngineWorkloads.Sequences, EngineWorkloads.Sequences);
        }
        var speeds = new List<double>();
        Repeated(seconds, () => speeds.Add(serving.DecodeAsync(mix, EngineWorkloads.Sequences, Prompt, Tokens).GetAwaiter().GetResult()));
        return new TurnResult(Median(speeds));
    }

    /// <summary>Milliseconds of each time; at least two, and as many as fill the seconds.</summary>
    private static List<double> Repeated(double seconds, Action action)
    {
        var times = new List<double>();
        while (times.Count < 2 || times.Sum() < 1e3 * seconds)
        {
            var begun = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        return times;
    }

    private LoadedBase Loaded(string model, Precision precision)
    {
        if (!_loaded.TryGetValue((model, precision), out var loaded)) _loaded[(model, precision)] = loaded = Load(model, precision);
        return loaded;
    }

    private LoadedBase Load(string model, Precision precision) => (LoadedBase)bases.Load(model, precision, "cpu");

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
