using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Which level of kernels is taken, and that they live beside libtorch.</summary>
[Collection(nameof(Alone))]
public class KernelLibraryTests
{
    private static bool HasCompiler =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, Environment.GetEnvironmentVariable("CXX") ?? "g++")));

    private static string[] Flags => File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal)).Split(' ', '\t');

    [SkippableFact]
    public void The_levels_are_those_that_the_processor_has()
    {
        Skip.IfNot(HasCompiler, "no C++ compiler: there are no kernels");
        List<KernelLevel> expected = [KernelLevel.None];
        if (Flags.Contains("avx2") && Flags.Contains("fma")) expected.Add(KernelLevel.Avx2);
        if (Flags.Contains("avx512bw")) expected.Add(KernelLevel.Avx512);
        if (Flags.Contains("avx512_bf16")) expected.Add(KernelLevel.Avx512Bf16);
        if (Flags.Contains("amx_bf16")) expected.Add(KernelLevel.Amx);
        Assert.Equal(expected, KernelLibrary.Available);
        Assert.Equal(expected[^1], KernelLibrary.Preferred("")!.Level);
    }

    [Fact]
    public void A_lower_level_can_be_asked_for_and_an_unknown_one_is_refused_by_name()
    {
        Assert.Null(KernelLibrary.Preferred("none"));
        foreach (var level in KernelLibrary.Available.Skip(1)) Assert.Equal(level, KernelLibrary.Preferred(KernelLibrary.Name(level))!.Level);
        Assert.Contains("PBENCH_ISA=sse2: expected one of none, avx2", Assert.Throws<InvalidOperationException>(() => KernelLibrary.Preferred("sse2")).Message);
        var missing = Enum.GetValues<KernelLevel>().Except(KernelLibrary.Available).ToArray();
        if (missing.Length == 0) return;
        Assert.Contains("this machine has none", Assert.Throws<InvalidOperationException>(() => KernelLibrary.Preferred(KernelLibrary.Name(missing[0]))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => KernelLibrary.Level = missing[0]);
    }

    [Fact]
    public void The_description_says_which_level_is_in_use() => AtEachLevel(() =>
        Assert.EndsWith(KernelLibrary.Level == KernelLevel.None ? ", no kernels" : $", kernels {KernelLibrary.Name(KernelLibrary.Level)}", Engine.Description));

    [Fact]
    public void Kernels_and_libtorch_share_one_OpenMP()
    {
        using DisposeScope scope = NewDisposeScope();
        _ = TorchExtras.RmsNorm(Random(1, 3000, 64), ones(64), 1e-5);
        _ = Random(1, 300, 300).matmul(Random(2, 300, 300));
        var loaded = File.ReadLines("/proc/self/maps").Select(line => line.Split(' ')[^1]).Where(path => path.Contains("libgomp", StringComparison.Ordinal)).Distinct();
        Assert.Single(loaded);
    }

    /// <summary>Of so many elements that each of three threads gets a share. (Operators may sum over rows in another order.)</summary>
    [Fact]
    public void Results_are_the_same_for_any_number_of_threads() => AtEachLevel(() =>
    {
        if (KernelLibrary.Level == KernelLevel.None) return;
        using DisposeScope scope = NewDisposeScope();
        var threads = Engine.Threads;
        try
        {
            Engine.Threads = 1;
            var one = Results();
            Engine.Threads = 3;
            foreach (var (a, b) in one.Zip(Results())) Assert.Equal(0, Distance(a, b));
        }
        finally
        {
            Engine.Threads = threads;
        }

        static Tensor[] Results()
        {
            Tensor x = Random(1, 4200, 96).requires_grad_(), w = Random(2, 96).requires_grad_(), angles = Random(3, 1, 70, 1, 8);
            Tensor y = TorchExtras.RmsNorm(x, w, 1e-5), turned = TorchExtras.Rotate(y.view(60, 70, 6, 16), angles.cos(), angles.sin());
            Tensor gated = TorchExtras.SwiGlu(turned.reshape(2100, 192)), losses = TorchExtras.CrossEntropy(gated, zeros([2100], ScalarType.Int64)).Losses;
            (gated.square().sum() + TorchExtras.CrossEntropy(y, ones([4200], ScalarType.Int64)).Total).backward();
            Tensor[] master = [x.detach().clone()], mean = [zeros_like(x)], variance = [zeros_like(x)];
            TorchExtras.AdamW(master, null, [x.grad!], mean, variance, new AdamWStep(1, 0.01));
            return [y, turned, gated, losses, x.grad!, w.grad!, master[0], tensor(TorchExtras.Norm([x.grad!, y]))];
        }
    });
}
