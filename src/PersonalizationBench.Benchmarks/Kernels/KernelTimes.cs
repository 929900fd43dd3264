using System.Diagnostics;
using PersonalizationBench.Kernels;
using PersonalizationBench.Reporting.Benchmarks;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Benchmarks;

/// <summary>Each operation by its kernel and by libtorch's operators, in turn, at the level of kernels that this process has.</summary>
public static class KernelTimes
{
    /// <summary>Long enough that the clock and a collection count for little.</summary>
    private const double TurnMilliseconds = 2;

    /// <param name="rounds">Turns of either side; the shortest counts, for whatever else the machine does only adds.</param>
    public static IEnumerable<KernelTimeRecord> Measure(int rounds, CancellationToken cancellation)
    {
        foreach (var @case in KernelCase.All)
        {
            foreach (var type in @case.Types)
            {
                foreach (var learns in new[] { false, true })
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (Times(@case, type, learns, rounds) is { } record) yield return record;
                }
            }
        }
    }

    private static KernelTimeRecord? Times(KernelCase @case, ScalarType type, bool learns, int rounds)
    {
        using DisposeScope scope = NewDisposeScope();
        var (call, learning) = @case.Make(type);
        if (learns && learning.Length == 0) return null;
        Tensor? seed = null;
        if (learns)
        {
            using var once = call();
            seed = randn_like(once);
        }
        var (kernel, operators) = (new List<double>(), new List<double>());
        try
        {
            KernelChoice.Always = true;
            var (kernelCalls, operatorCalls) = (CallsOfATurn(true), CallsOfATurn(false));
            for (var round = 0; round < rounds; round++)
            {
                kernel.Add(Turn(true, kernelCalls));
                operators.Add(Turn(false, operatorCalls));
            }
        }
        finally
        {
            (KernelChoice.Always, TorchExtras.UseFused) = (false, true);
        }
        return new KernelTimeRecord
        {
            Level = KernelLibrary.Name(KernelLibrary.Level),
            Operation = @case.Operation.ToString(),
            Type = type == ScalarType.BFloat16 ? "bfloat16" : "float32",
            Size = @case.Size.ToString(),
            Pass = learns ? KernelChoice.Training : KernelChoice.Forward,
            KernelUs = Math.Round(kernel.Min(), 2),
            OperatorsUs = Math.Round(operators.Min(), 2),
        };

        int CallsOfATurn(bool byKernel)
        {
            Turn(byKernel, 2);
            return (int)Math.Clamp(1e3 * TurnMilliseconds / Turn(byKernel, 2), 1, 1000);
        }

        // Microseconds of a call.
        double Turn(bool byKernel, int calls)
        {
            TorchExtras.UseFused = byKernel;
            var begun = Stopwatch.GetTimestamp();
            for (var i = 0; i < calls; i++) Once();
            return Stopwatch.GetElapsedTime(begun).TotalMicroseconds / calls;
        }

        void Once()
        {
            using DisposeScope made = NewDisposeScope();
            if (!learns)
            {
                using var off = no_grad();
                call();
                return;
            }
            autograd.grad([call()], learning, [seed!]);
        }
    }
}
