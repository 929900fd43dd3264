using System.Runtime.CompilerServices;
using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Native memory that nobody disposed of.</summary>
[Collection(nameof(Alone))]
public class MemoryTests
{
    [Fact]
    public void Undisposed_tensors_do_not_pile_up()
    {
        const int Count = 240, Megabytes = 16;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (before, most) = (Engine.LiveTensors, 0L);
        for (var i = 0; i < Count; i++)
        {
            Forgotten();
            most = Math.Max(most, Engine.LiveTensors - before);
        }
        Assert.InRange(most, 1, Count / 2);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Forgotten() => _ = ones(Megabytes << 18);
    }

    [Fact]
    public void What_is_composed_leaves_nothing_behind_but_its_result()
    {
        using var a = Random(1, 2, 9, 4, 8);
        using var b = Random(2, 2, 9, 2, 8);
        using var c = Random(3, 2, 9, 2, 8);
        using var lengths = tensor(new long[] { 9, 4 });
        using var flat = Random(4, 12, 6);
        using var targets = tensor(Enumerable.Range(0, 12).Select(i => i % 6L).ToArray());
        using var down = Random(5, 3, 2, 6);
        using var up = Random(6, 3, 6, 2);
        Func<Tensor>[] operators =
        [
            () => TorchExtras.CausalAttention(a, b, c), () => TorchExtras.CausalAttention(a, b, c, lengths), () => TorchExtras.LowRankAdd(flat.alias(), flat, down, up, 1),
            () => TorchExtras.SwiGlu(flat), () => TorchExtras.SwiGlu(flat, flat), () => Losses(),
        ];
        AtEachLevel(() =>
        {
            foreach (var function in operators)
            {
                var before = Engine.LiveTensors;
                using (function()) Assert.InRange(Engine.LiveTensors - before, 1, 2);
            }
        });

        Tensor Losses()
        {
            var (total, losses) = TorchExtras.CrossEntropy(flat, targets);
            losses.Dispose();
            return total;
        }
    }
}
