using System.Globalization;
using System.Text;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>A speed that the kernels should have, as a multiple of another engine's.</summary>
/// <param name="Precision">Null: in either.</param>
/// <param name="Against">The other engine.</param>
public sealed record EngineGoal(string Level, string Workload, string? Model, string? Precision, string Against, double Least)
{
    private const string Training = "training-step", Users = "many-users", Float32 = "float32", BFloat16 = "bfloat16";

    public static IReadOnlyList<EngineGoal> All { get; } =
    [
        new(EngineRecord.Best, Training, null, BFloat16, EngineRecord.Old, 1),
        new(EngineRecord.Best, Training, "1M", BFloat16, EngineRecord.Operators, 2.5),
        new(EngineRecord.Best, Training, null, Float32, EngineRecord.Operators, 1),
        new(EngineRecord.Best, Users, null, BFloat16, EngineRecord.Old, 1),
        new(EngineRecord.Best, "study", null, null, EngineRecord.Old, 1),
        new(EngineRecord.Avx2, Users, null, Float32, EngineRecord.Operators, 1),
        .. new[] { "decode-base", "decode-one", "decode-eight" }.SelectMany(decode => new EngineGoal[]
        {
            new(EngineRecord.Avx2, decode, null, null, EngineRecord.Operators, 1),
            new(EngineRecord.Avx2, decode, null, null, EngineRecord.Old, 5),
        }),
    ];

    public bool IsFor(EngineRecord r) =>
        r.Engine == EngineRecord.Kernels && r.Level == Level && r.Workload == Workload && (Model ?? r.Model) == r.Model && (Precision ?? r.Precision) == r.Precision;

    /// <summary>The ratio that the goal is about.</summary>
    public double Of(EngineRecord r) => Against == EngineRecord.Old ? r.OfOld : r.OfOperators;
}

/// <summary>The three engines beside each other, as a page.</summary>
public static class EnginesPage
{
    /// <summary>Relative difference of losses that rounding explains after one step from the same weights: f32 sums in another order;
    /// bf16 keeps 8 bits of a product, and what is kept in bf16 differs by engine.</summary>
    private static double Tolerance(string precision) => precision == "float32" ? 1e-4 : 1e-2;

    public static string Of(IReadOnlyList<EngineRecord> records, string oldCommit) => string.Create(CultureInfo.InvariantCulture, $"""
        # Three engines

        Made by `./bench bench engines` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores, {records[0].Threads} thread{(records[0].Threads == 1 ? "" : "s")}.
        *old* is the engine before TorchSharp (commit {oldCommit}, built in a second folder from the same sources of workloads); *operators* is
        TorchSharp by libtorch's operators alone; *kernels* is TorchSharp with this project's kernels, where the table of choices takes them.
        The engines of a row take turns; medians over rounds, their range in brackets; *times old* and *times operators* are speeds over
        those of the same round, above 1 where faster. `training-step`: milliseconds of a pretraining step; `many-users`: of a step
        of 32 users' adapters in one bank; `decode-base`, `decode-one`, `decode-eight`: tokens a second of eight sequences served at once without
        an adapter, with one for all, with one each; `study`: seconds of `pbench run` of the study from start to exit, at the precision that it
        takes by itself. At level *avx2* nothing newer than AVX2 and FMA is used, by libtorch, oneDNN, MKL and OpenBLAS neither; the
        old engine, whose kernels choose for themselves, is compiled without its AVX-512 paths for it.

        {Table(records)}
        {string.Concat(Verdicts(records).Select(v => $"- {v}\n"))}
        ![Speeds](figures/engines.svg)

        """);

    public static string Table(IReadOnlyList<EngineRecord> records)
    {
        var table = new StringBuilder("| level | workload | model | precision | engine | value | unit | times old | times operators |\n|---|---|---|---|---|---|---|---|---|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Level} | {r.Workload} | {r.Model} | {r.Precision} | {r.Engine} | {Ranged(r.Value, r.ValueMin, r.ValueMax, "G4")} | {r.Unit} | {Ranged(r.OfOld, r.OfOldMin, r.OfOldMax, "F2")} | {Ranged(r.OfOperators, r.OfOperatorsMin, r.OfOperatorsMax, "F2")} |\n");
        return table.ToString();
    }

    /// <summary>One record for the terminal.</summary>
    public static string Line(EngineRecord r) => FormattableString.Invariant(
        $"{r.Level,-5} {r.Workload,-13} {r.Model,-9} {r.Precision,-9} {r.Engine,-10} {Ranged(r.Value, r.ValueMin, r.ValueMax, "G4")} {r.Unit}  old x {r.OfOld:F2}, operators x {r.OfOperators:F2}");

    /// <summary>Whether every goal that something was measured for is met.</summary>
    public static bool MeetsGoals(IReadOnlyList<EngineRecord> records) => Found(records).All(f => f.Ratio >= f.Goal.Least);

    /// <summary>Whether every engine learned the same.</summary>
    public static bool Agrees(IReadOnlyList<EngineRecord> records) => Apart(records).Count == 0;

    /// <summary>A line for each goal that something was measured for, and one about losses.</summary>
    public static IEnumerable<string> Verdicts(IReadOnlyList<EngineRecord> records)
    {
        foreach (var (goal, record, ratio) in Found(records))
            yield return string.Create(CultureInfo.InvariantCulture, $"{goal.Level}: {record.Workload} of {record.Model} in {record.Precision}, kernels: {ratio:F2} times {goal.Against}, goal {goal.Least:0.0##} {(ratio >= goal.Least ? "met" : "MISSED")}");
        var apart = Apart(records);
        yield return apart.Count == 0
            ? "losses of the second step agree between all engines"
            : $"losses of the second step DISAGREE: {string.Join("; ", apart.Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Level} {a.Workload} of {a.Model} in {a.Precision}: {a.Engine} {a.Loss:G7}")))}";
    }

    public static Picture Draw(IReadOnlyList<EngineRecord> records)
    {
        var kernels = records.Where(r => r.Engine == EngineRecord.Kernels).ToList();
        var levels = kernels.Select(r => r.Level).Distinct().ToList();
        var rows = kernels.Select(r => new DotRow($"{r.Workload} {r.Model} {r.Precision}", Look.Nth(levels.IndexOf(r.Level), r.Level == EngineRecord.Best ? "what the processor has" : "AVX2"))).ToList();
        return DotChart.Draw("Speed with kernels: medians and ranges over rounds", rows,
        [
            Panel("Over the old engine", r => new Dot(r.OfOld, r.OfOldMin, r.OfOldMax)),
            Panel("Over libtorch's operators", r => new Dot(r.OfOperators, r.OfOperatorsMin, r.OfOperatorsMax)),
        ]);

        DotPanel Panel(string title, Func<EngineRecord, Dot> dot)
        {
            var dots = kernels.ConvertAll(r => dot(r));
            var scale = Scale.Log(dots.SelectMany(d => new[] { d.Low ?? d.Estimate, d.High ?? d.Estimate, 1 }), Format.Number);
            return new DotPanel(title, "right of the line: faster with kernels", scale, "times as fast (log)", 1, dots);
        }
    }

    private static IEnumerable<(EngineGoal Goal, EngineRecord Record, double Ratio)> Found(IReadOnlyList<EngineRecord> records) =>
        from goal in EngineGoal.All from r in records where goal.IsFor(r) select (goal, r, goal.Of(r));

    /// <summary>Those whose loss is not the old engine's.</summary>
    private static List<EngineRecord> Apart(IReadOnlyList<EngineRecord> records) =>
    [
        .. from r in records
           where r.Loss is not null
           let old = records.First(o => o.Engine == EngineRecord.Old && (o.Level, o.Workload, o.Model, o.Precision) == (r.Level, r.Workload, r.Model, r.Precision))
           where !(Math.Abs((r.Loss / old.Loss ?? double.NaN) - 1) <= Tolerance(r.Precision))
           select r,
    ];

    private static string Ranged(double value, double low, double high, string format) =>
        string.Create(CultureInfo.InvariantCulture, $"{value.ToString(format, CultureInfo.InvariantCulture)} [{low.ToString(format, CultureInfo.InvariantCulture)}, {high.ToString(format, CultureInfo.InvariantCulture)}]");
}
