using PersonalizationBench.Core.Csv;
using PersonalizationBench.Kernels;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks.Tests;

public sealed class KernelTimesTests
{
    [Fact]
    public void The_table_that_is_written_has_the_columns_that_are_read() =>
        Assert.Equal(KernelChoice.Header + "\n", RecordCsv.Header<KernelTimeRecord>());

    [Fact]
    public void Every_operation_is_timed_in_the_types_that_it_has_a_kernel_for()
    {
        var records = KernelTimes.Measure(rounds: 1, CancellationToken.None).ToList();
        Assert.All(records, r => Assert.True(r is { KernelUs: > 0, OperatorsUs: > 0 }, $"{r}"));
        // A Llama's step in one call has no twin of its own size: bench engines times it.
        var expected = Enum.GetNames<TorchExtras.Operation>().Where(o => o != nameof(TorchExtras.Operation.PackedLlama) && (o != nameof(TorchExtras.Operation.Attention) || KernelLibrary.Level >= KernelLevel.Avx512Bf16));
        Assert.Equal(expected.Order(), records.Select(r => r.Operation).Distinct().Order());
        Assert.Equal(records.Count, records.DistinctBy(r => (r.Operation, r.Type, r.Size, r.Pass)).Count());
        foreach (var size in Enum.GetNames<SizeClass>()) Assert.Contains(records, r => r.Size == size && r.Pass == KernelChoice.Training);
    }

    /// <summary>What is timed as small is what is looked up as small.</summary>
    [Fact]
    public void Each_case_is_of_the_size_that_it_stands_for()
    {
        foreach (var @case in KernelCase.All.Where(c => c.Operation is TorchExtras.Operation.RmsNorm or TorchExtras.Operation.SwiGlu or TorchExtras.Operation.CrossEntropy or TorchExtras.Operation.StateSpace or TorchExtras.Operation.StateSpaceNext))
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            var (_, learning) = @case.Make(TorchSharp.torch.ScalarType.Float32);
            if (learning.Length > 0) Assert.Equal(@case.Size, KernelChoice.ClassOf(learning[0].numel()));
        }
    }
}
