using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Kernels;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench kernels</c>: times every operation by its kernel and by operators, and writes the table by which kernels are taken.</summary>
internal static class KernelsCommand
{
    private const string Times = "kernel-times";

    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Turns of either side of each row", DefaultValueFactory = _ => 9 };
    private static readonly Option<string?> s_output = new("--output") { Description = "The table (default: the one that the program is built with)" };

    public static Command Create(Workbench? bench = null)
    {
        var kernels = new Command("kernels", "Time kernels against libtorch's operators, and write which are taken") { s_rounds, s_output };
        kernels.SetAction((parse, cancellation) => Task.FromResult(Run(parse, bench ?? Workbench.OfThisMachine(), cancellation)));
        return kernels;
    }

    /// <summary>The level that this process is held to, as CSV; not for people.</summary>
    public static Command CreateTimes(Workbench? bench = null)
    {
        var times = new Command(Times, "Times kernels at one level") { s_rounds };
        times.Hidden = true;
        times.SetAction((parse, cancellation) =>
        {
            RecordCsv.Write((bench ?? Workbench.OfThisMachine()).Output, KernelTimes.Measure(parse.GetValue(s_rounds), cancellation));
            return Task.FromResult(0);
        });
        return times;
    }

    private static int Run(ParseResult parse, Workbench bench, CancellationToken cancellation)
    {
        var rounds = parse.GetValue(s_rounds);
        if (rounds < 1) throw new PbenchException($"{s_rounds.Name}: expected at least 1, not {rounds}");
        var levels = KernelLibrary.Available.Where(l => l != KernelLevel.None).ToList();
        if (levels.Count == 0) throw new PbenchException("there are no kernels here: no C++ compiler was there when this program was built, or the processor has no AVX2");
        var records = new List<KernelTimeRecord>();
        // A process for each level: the operators' libraries are held to it by what they read when they are loaded.
        foreach (var level in levels)
        {
            var measured = At(level, rounds, cancellation);
            records.AddRange(measured);
            bench.Output.WriteLine(FormattableString.Invariant($"{KernelLibrary.Name(level)}: the kernel is faster in {measured.Count(r => r.KernelUs <= r.OperatorsUs)} of {measured.Count} rows"));
            foreach (var r in measured.Where(r => r.KernelUs > r.OperatorsUs))
                bench.Output.WriteLine(FormattableString.Invariant($"  by operators: {r.Operation} {r.Type} {r.Size} {r.Pass}: {r.KernelUs} against {r.OperatorsUs} us"));
        }
        var table = parse.GetValue(s_output) ?? Path.Combine(bench.Root, "src", "PersonalizationBench.Kernels", KernelChoice.FileName);
        RecordCsv.WriteFile(table, records);
        bench.Output.WriteLine($"written: {ShownPath.Of(table)}");
        return 0;
    }

    private static List<KernelTimeRecord> At(KernelLevel level, int rounds, CancellationToken cancellation)
    {
        var settings = new Dictionary<string, string>(InstructionSet.SettingsOf(level)) { [KernelLibrary.Variable] = KernelLibrary.Name(level) };
        using var table = new StringReader(ThisProgram.Output(["bench", Times, s_rounds.Name, FormattableString.Invariant($"{rounds}")], cancellation, settings));
        return RecordCsv.Read<KernelTimeRecord>(table, Times);
    }
}
