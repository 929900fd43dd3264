using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <summary>How much is measured.</summary>
/// <param name="Rounds">Timed turns of every engine in every row, after one that warms up.</param>
/// <param name="Seconds">Of one turn.</param>
/// <param name="StudyRounds">Whole studies with every engine; 0: none.</param>
/// <param name="Study">The study's file.</param>
/// <param name="Rows">What is timed, the study apart.</param>
public sealed record EnginesOptions(int Rounds, double Seconds, int StudyRounds, string Study, int Threads, IReadOnlyList<EngineRow> Rows);

/// <summary>One thing to time with several engines.</summary>
public sealed record EngineRow(string Workload, string Model, string Precision, string Level)
{
    private const string World = "world-1m", Float32 = "float32", BFloat16 = "bfloat16";

    /// <summary>What is timed, the study apart.</summary>
    public static IReadOnlyList<EngineRow> All { get; } =
    [
        .. from model in TrainingWorkload.All.Select(w => w.Name) from precision in new[] { BFloat16, Float32 } select new EngineRow(EngineWorkloads.TrainingStep, model, precision, EngineRecord.Best),
        .. from precision in new[] { BFloat16, Float32 } select new EngineRow(EngineWorkloads.ManyUsers, World, precision, EngineRecord.Best),
        .. from precision in new[] { BFloat16, Float32 } from mix in Decodes select new EngineRow(mix, World, precision, EngineRecord.Best),
        .. TrainingWorkload.All.Select(w => new EngineRow(EngineWorkloads.TrainingStep, w.Name, Float32, EngineRecord.Avx2)),
        new EngineRow(EngineWorkloads.ManyUsers, World, Float32, EngineRecord.Avx2),
        .. Decodes.Select(mix => new EngineRow(mix, World, Float32, EngineRecord.Avx2)),
    ];

    private static string[] Decodes => [EngineWorkloads.DecodeBase, EngineWorkloads.DecodeOne, EngineWorkloads.DecodeEight];

    public string Unit => Workload switch
    {
        EngineWorkloads.Study => "s",
        EngineWorkloads.TrainingStep or EngineWorkloads.ManyUsers => "ms",
        _ => "tokens/s",
    };

    /// <summary>How many times as fast one value is as another: times are the better the smaller, rates the larger.</summary>
    public double Speed(double value, double reference) => Unit == "tokens/s" ? value / reference : reference / value;
}

/// <summary>The engine before TorchSharp, TorchSharp by operators and TorchSharp with the kernels, in turn.</summary>
public sealed class EnginesBenchmark(IReadOnlyList<EngineSide> sides, EnginesOptions options)
{
    /// <summary>Times every row, the engines of a row in turn; a record for each engine of each.</summary>
    public IEnumerable<EngineRecord> Run(CancellationToken cancellation)
    {
        var processes = new Dictionary<EngineSide, EngineProcess>();
        var names = new Dictionary<EngineSide, string>();
        try
        {
            foreach (var row in options.Rows)
            {
                var taking = sides.Where(s => s.Level == row.Level).ToList();
                foreach (var side in taking) Start(side);
                foreach (var record in Turns(row, taking, (side, seconds) => processes[side].Time(new TimedTurn(row.Workload, row.Model, row.Precision, seconds)), options.Rounds, warm: true, s => names[s], cancellation)) yield return record;
            }
            if (options.StudyRounds == 0) yield break;
            var study = new EngineRow(EngineWorkloads.Study, Path.GetFileNameWithoutExtension(options.Study), "auto", EngineRecord.Best);
            var studying = sides.Where(s => s.Level == study.Level).ToList();
            foreach (var side in studying) Start(side);
            // Nothing else is in memory while a study runs.
            foreach (var process in processes.Values) process.Dispose();
            processes.Clear();
            foreach (var record in Turns(study, studying, (side, _) => Study(side, cancellation), options.StudyRounds, warm: false, s => names[s], cancellation)) yield return record;
        }
        finally
        {
            foreach (var process in processes.Values) process.Dispose();
        }

        void Start(EngineSide side)
        {
            if (processes.ContainsKey(side)) return;
            processes[side] = EngineProcess.Start(side);
            names[side] = processes[side].Engine;
        }
    }

    private List<EngineRecord> Turns(EngineRow row, List<EngineSide> taking, Func<EngineSide, double, TurnResult> time, int rounds, bool warm, Func<EngineSide, string> engine, CancellationToken cancellation)
    {
        var results = taking.ToDictionary(s => s, _ => new List<TurnResult>());
        for (var round = warm ? -1 : 0; round < rounds; round++)
        {
            foreach (var side in taking)
            {
                cancellation.ThrowIfCancellationRequested();
                var result = time(side, round < 0 ? 0 : options.Seconds);
                if (round >= 0) results[side].Add(result);
            }
        }
        var values = results.ToDictionary(r => r.Key.Engine, r => r.Value.Select(v => v.Value).ToList());
        return [.. taking.Select(side =>
        {
            var own = values[side.Engine];
            var (old, operators) = (Speeds(EngineRecord.Old), Speeds(EngineRecord.Operators));
            return new EngineRecord
            {
                Workload = row.Workload,
                Model = row.Model,
                Precision = row.Precision,
                Level = row.Level,
                Engine = side.Engine,
                Libraries = engine(side),
                Threads = options.Threads,
                Rounds = own.Count,
                Unit = row.Unit,
                Value = own.Median(),
                ValueMin = own.Min(),
                ValueMax = own.Max(),
                OfOld = old.Median(),
                OfOldMin = old.Min(),
                OfOldMax = old.Max(),
                OfOperators = operators.Median(),
                OfOperatorsMin = operators.Min(),
                OfOperatorsMax = operators.Max(),
                Loss = results[side][0].Loss,
            };

            // Of the same round, so that whatever else the machine did falls on both.
            List<double> Speeds(string reference) => [.. own.Zip(values[reference], row.Speed)];
        })];
    }

    /// <summary>The whole program from its start to its exit, its results thrown away.</summary>
    private TurnResult Study(EngineSide side, CancellationToken cancellation)
    {
        using var results = new ScratchFolder("engines-study");
        var begun = Stopwatch.GetTimestamp();
        using var process = Process.Start(side.Program([.. side.Pbench, "run", options.Study, "--results", results.Path, "--fresh"]))!;
        using var stop = cancellation.Register(process.Kill);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        cancellation.ThrowIfCancellationRequested();
        return process.ExitCode == 0 ? new TurnResult(seconds) : throw new PbenchException($"{side}: pbench run {options.Study} ended with status {process.ExitCode}: {string.Join("\n", errors.Result.TrimEnd().Split('\n').TakeLast(5))}");
    }
}
