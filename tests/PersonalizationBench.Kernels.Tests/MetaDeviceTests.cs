using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>
/// Forward and backward on TorchSharp's device without memory, where an operator of a tensor there and one left on the CPU is an error: what a
/// GPU would refuse. Kernels are for the CPU: none may be taken. Whole models, and libtorch's own attention, cannot be run
/// there: its index_select and its where have no such form.
/// </summary>
[Collection(nameof(Alone))]
public class MetaDeviceTests
{
    private static Tensor Meta(params long[] shape) => zeros(shape, ScalarType.Float32, device("meta"));

    // What comes from outside is on the CPU where the method says so, and there alone.
    public static TheoryData<string, Func<Tensor[], Tensor>, long[][]> Operators => new()
    {
        { "RmsNorm", x => TorchExtras.RmsNorm(x[0], x[1], 1e-5), [[5, 8], [8]] },
        { "Rotate", x => TorchExtras.Rotate(x[0], x[1], x[2]), [[2, 5, 3, 8], [1, 5, 1, 4], [1, 5, 1, 4]] },
        { "SwiGlu", x => TorchExtras.SwiGlu(x[0], x[1]), [[5, 8], [5, 8]] },
        { "SwiGlu of one", x => TorchExtras.SwiGlu(x[0]), [[5, 8]] },
        { "LowRankAdd", x => TorchExtras.LowRankAdd(x[0].mul(1), x[1], x[2], x[3], 0.5), [[12, 7], [12, 5], [3, 2, 5], [3, 7, 2]] },
        { "attention by products", x => TorchExtras.Products(x[0], x[1], x[2]), [[2, 9, 4, 8], [2, 9, 2, 8], [2, 9, 2, 8]] },
        { "CrossEntropy", x => TorchExtras.CrossEntropy(x[0], zeros([6], ScalarType.Int64, device("meta"))).Total, [[6, 9]] },
    };

    [Theory]
    [MemberData(nameof(Operators))]
    public void Operators_stay_on_their_inputs_device(string name, Func<Tensor[], Tensor> function, long[][] shapes)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = [.. shapes.Select(shape => Meta(shape).requires_grad_())];
        var result = function(inputs);
        Assert.Equal(DeviceType.META, result.device_type);
        result.sum().backward();
        Assert.All(inputs, input => Assert.True(input.grad!.device_type == DeviceType.META && input.grad.shape.SequenceEqual(input.shape), name));
    }

    [Fact]
    public void AdamW_stays_on_its_weights_device()
    {
        using DisposeScope scope = NewDisposeScope();
        TorchExtras.AdamW([Meta(3, 4)], [Meta(3, 4).to(ScalarType.BFloat16)], [Meta(3, 4)], [Meta(3, 4)], [Meta(3, 4)], new AdamWStep(1, 0.1));
    }

    [Fact]
    public void A_tensor_left_on_the_CPU_is_an_error_there_and_no_kernel_takes_one_from_there()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.ThrowsAny<Exception>(() => Meta(2, 3).add(ones(2, 3)));
        Assert.ThrowsAny<Exception>(() => TorchExtras.RmsNorm(Meta(2, 3), ones(3), 1e-5));
        Assert.ThrowsAny<Exception>(() => TorchExtras.RmsNorm(Random(1, 2, 3), Meta(3), 1e-5));
        Assert.Contains("on the CPU", Assert.Throws<ArgumentException>(() => TensorView.Of(Meta(2))).Message);
    }
}
