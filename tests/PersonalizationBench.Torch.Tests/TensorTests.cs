using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Torch.Tests;

public class TensorTests
{
    private static float[] Values(Tensor tensor) => tensor.to(ScalarType.Float32).contiguous().data<float>().ToArray();

    [Fact]
    public void A_tensor_of_an_array_has_its_values_and_shape()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3);

        Assert.Equal([2, 3], x.shape);
        Assert.Equal([3, 1], x.stride());
        Assert.Equal(6, x.numel());
        Assert.Equal(ScalarType.Float32, x.dtype);
        Assert.Equal(DeviceType.CPU, x.device_type);
        Assert.Equal(6f, x[1, 2].item<float>());
        Assert.Equal([1, 4, 2, 5, 3, 6], Values(x.t()));
    }

    [Fact]
    public void Arrays_of_every_element_type_arrive()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal([1, 2], tensor(new long[] { 1, 2 }).data<long>().ToArray());
        Assert.Equal([1, 2], tensor(new int[] { 1, 2 }).data<int>().ToArray());
        Assert.Equal([true, false], tensor(new bool[] { true, false }).data<bool>().ToArray());
        Assert.Equal([1.5, 2], tensor(new double[] { 1.5, 2 }).data<double>().ToArray());
        Assert.Equal(new byte[] { 1, 2 }, tensor(new byte[] { 1, 2 }).data<byte>().ToArray());
        Assert.Equal([2, 2], tensor(new long[,] { { 1, 2 }, { 3, 4 } }).shape);
        Assert.Equal(ScalarType.BFloat16, tensor(new float[] { 1 }, dtype: ScalarType.BFloat16).dtype);
        Assert.Equal(7, tensor(7L).item<long>());
        Assert.Empty(tensor(7L).shape);
    }

    [Fact]
    public void Factories_fill()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal([0, 0], Values(zeros(2)));
        Assert.Equal([1, 1], Values(ones(1, 2)));
        Assert.Equal([2.5f, 2.5f], Values(full(2, 2.5)));
        Assert.Equal(ScalarType.Int64, arange(5).dtype);
        Assert.Equal([1, 3, 5], Values(arange(1, 6, 2)));
        Assert.Equal(ScalarType.Float32, arange(0, 1, 0.25).dtype);
        Assert.Equal([0, 0.5f, 1], Values(linspace(0, 1, 3)));
        Assert.Equal([1, 0, 0, 1], Values(eye(2)));
        Assert.Equal([3, 3], Values(full_like(zeros(2), 3)));
        Assert.Equal(ScalarType.BFloat16, zeros([2, 2], ScalarType.BFloat16).dtype);
    }

    [Fact]
    public void Operators_compute()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 2, 4 });
        Assert.Equal([2, 4, 8], Values(x + x));
        Assert.Equal([3, 4, 6], Values(x + 2));
        Assert.Equal([1, 0, -2], Values(2 - x));
        Assert.Equal([4, 2, 1], Values(4.0 / x));
        Assert.Equal([-1, -2, -4], Values(-x));
        Assert.Equal([1, 4, 16], Values(x * x));
        Assert.Equal([1, 4, 16], Values(x.pow(2)));
        Assert.Equal([0.5f, 1, 2], Values(x / 2));
        Assert.Equal([false, true, true], (x >= 2).data<bool>().ToArray());
        Assert.Equal([1, 0, 0], Values(x % 2));
        Assert.Equal(7, x.sum().item<float>());
        Assert.Equal(7f / 3, x.mean().item<float>(), 1e-6);
        Assert.Equal(2, x.argmax().item<long>());
        Assert.Equal([1, 3, 7], Values(x.cumsum(0)));
        Assert.Equal([2, 2, 3], Values(x.clamp((Scalar)2, 3)));
        Assert.Equal([1, 2, 2], Values(x.sqrt().pow(2).div(2, RoundingMode.None).mul(2).minimum(full_like(x, 2))), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void In_place_operators_answer_the_same_object()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones(2);
        Assert.Same(x, x.add_(1).mul_(3).sub_(tensor(1f)).div_(5));
        Assert.Equal([1, 1], Values(x));
        Assert.Equal([7, 7], Values(x.fill_(7)));
        Assert.Equal([13, 13], Values(x.addcmul_(full_like(x, 2), full_like(x, 3), 1)));
        Assert.Equal([10, 10], Values(x.addcdiv_(full_like(x, 6), full_like(x, 2), -1)));
        Assert.Equal([5, 5], Values(x.lerp_(zeros_like(x), tensor(0.5f))));
        Assert.Equal([0, 0], Values(x.zero_()));
    }

    [Fact]
    public void Shapes_change_as_asked()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = arange(24).view(2, 3, 4);
        Assert.Equal([4, 3, 2], x.permute(2, 1, 0).shape);
        Assert.Equal([2, 12], x.flatten(1).shape);
        Assert.Equal([2, 1, 3, 4], x.unsqueeze(1).shape);
        Assert.Equal([2, 3, 4], x.unsqueeze(1).squeeze(1).shape);
        Assert.Equal([2, 3, 8], x.repeat(1, 1, 2).shape);
        Assert.Equal([2, 6, 4], x.repeat_interleave(2, 1).shape);
        Assert.Equal([5, 2, 3, 4], x.expand(5, 2, 3, 4).shape);
        Assert.Equal([2, 1, 4], x.narrow(1, 1, 1).shape);
        Assert.Equal([[2, 1, 4], [2, 2, 4]], x.split([1, 2], 1).Select(part => part.shape));
        Assert.Equal(2, x.chunk(2, 2).Length);
        Assert.Equal([2, 2, 3, 4], stack([x, x]).shape);
        Assert.Equal([4, 3, 4], cat([x, x]).shape);
    }

    [Fact]
    public void Indexing_reads_and_writes()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = arange(12).view(3, 4);
        Assert.Equal([4, 5, 6, 7], x[1].data<long>().ToArray());
        Assert.Equal([1, 5, 9], Values(x[TensorIndex.Colon, 1]));
        Assert.Equal([3, 7, 11], Values(x[TensorIndex.Ellipsis, -1]));
        Assert.Equal([5, 6], Values(x[1, TensorIndex.Slice(1, 3)]));
        Assert.Equal([8, 9, 10, 11, 0, 1, 2, 3], Values(x[TensorIndex.Tensor(tensor(new long[] { 2, 0 }))]));
        Assert.Equal([2, 8], Values(x[TensorIndex.Tensor(tensor(new long[] { 0, 2 })), TensorIndex.Tensor(tensor(new long[] { 2, 0 }))]));
        Assert.Equal([9, 10, 11], Values(x[x > 8]));
        Assert.Equal([1, 3, 4], x[TensorIndex.None].shape);
        x[0, TensorIndex.Slice(0, 2)] = tensor(new long[] { 50, 60 });
        Assert.Equal([50, 60, 2, 3], x[0].data<long>().ToArray());
        x.index_put_((Scalar)(-1), x.gt(8));
        Assert.Equal([-1, -1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1], x.data<long>().ToArray());
    }

    [Fact]
    public void Gathering_and_scattering()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[,] { { 1, 2 }, { 3, 4 } });
        Tensor index = tensor(new long[,] { { 1 }, { 0 } });
        Assert.Equal([2, 3], Values(x.gather(1, index)));
        Assert.Equal([3, 4, 1, 2], Values(x.index_select(0, tensor(new long[] { 1, 0 }))));
        Assert.Equal([0, 9, 9, 0], Values(zeros(2, 2).scatter_(1, index, full(2, 1, 9f))));
        Assert.Equal([1, 11, 13, 4], Values(x.scatter_add(1, index, tensor(new float[,] { { 9 }, { 10 } }))));
        Assert.Equal([1, 2, 13, 24], Values(x.clone().index_add_(0, tensor(new long[] { 1 }), tensor(new float[,] { { 10, 20 } }), 1)));
        Assert.Equal([7, 7, 3, 4], Values(x.clone().index_copy_(0, tensor(new long[] { 0 }), full(1, 2, 7f))));
        (Tensor values, Tensor places) = x.topk(1);
        Assert.Equal([2, 4], Values(values));
        Assert.Equal([1, 1], Values(places));
        Assert.Equal([1, 2], Values(where(x < 3, x, zeros_like(x)))[..2]);
    }

    [Fact]
    public void Products()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = tensor(new float[,] { { 1, 2 }, { 3, 4 } });
        Assert.Equal([7, 10, 15, 22], Values(a.matmul(a)));
        Assert.Equal([7, 10, 15, 22], Values(einsum("ij,jk->ik", a, a)));
        Assert.Equal([8, 11, 16, 23], Values(ones(2, 2).addmm(a, a)));
        Assert.Equal([1, 3, 0, 4], Values(nn.functional.conv1d(tensor(new float[,,] { { { 1, 2 }, { 0, 4 } } }), ones(2, 1, 2), padding: 1, groups: 2)[.., .., ..2].flatten()));
    }

    [Fact]
    public void Bytes_are_the_memory_itself()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 2, 3 });
        Assert.Equal(2f, MemoryMarshal.Cast<byte, float>(x.bytes)[1]);
        byte[] bytes = x.bytes.ToArray();
        Tensor y = empty(3);
        y.bytes = bytes;
        Assert.Equal([1, 2, 3], Values(y));
        using var stream = new MemoryStream();
        x.WriteBytesToStream(stream);
        Assert.Equal(bytes, stream.ToArray());
        stream.Position = 0;
        y.zero_().ReadBytesFromStream(stream);
        Assert.Equal([1, 2, 3], Values(y));
        Assert.Throws<InvalidOperationException>(() => { _ = zeros(2, 3).t().bytes; });
        Assert.Throws<ArgumentException>(() => y.bytes = new byte[3]);
    }

    [Fact]
    public void Errors_name_the_operator_and_the_reason()
    {
        using DisposeScope scope = NewDisposeScope();
        var error = Assert.Throws<ExternalException>(() => ones(2, 3).matmul(ones(2, 3)));
        Assert.Contains("aten::matmul", error.Message);
        Assert.Contains("mat1 and mat2 shapes cannot be multiplied", error.Message);
        Assert.DoesNotContain("frame #", error.Message);
        Assert.Throws<ExternalException>(() => ones(2).view(3));
        Assert.Throws<ArgumentException>(() => ones(2).item<float>());
        Assert.Throws<ArgumentException>(() => ones(2).data<long>());
        Assert.Throws<ArgumentException>(() => tensor(new float[] { 1, 2, 3 }, 2, 2));
    }

    [Fact]
    public void A_disposed_tensor_says_so()
    {
        Tensor x = ones(2);
        x.Dispose();
        x.Dispose();
        Assert.True(x.IsInvalid);
        Assert.Throws<ObjectDisposedException>(() => x.sum());
    }

    [Fact]
    public void Generators_are_deterministic_and_apart()
    {
        using DisposeScope scope = NewDisposeScope();
        using var a = new Generator(7);
        using var b = new Generator(7);
        using var c = new Generator(8);
        float[] first = Values(randn([100], generator: a));
        Assert.Equal(first, Values(randn([100], generator: b)));
        Assert.NotEqual(first, Values(randn([100], generator: c)));
        Assert.NotEqual(first, Values(randn([100], generator: a)));
        Assert.Equal(first, Values(randn([100], generator: a.manual_seed(7))));
        using Tensor state = a.get_state();
        float[] next = Values(rand([5], generator: a));
        a.set_state(state);
        Assert.Equal(next, Values(rand([5], generator: a)));
        Assert.Equal(7, a.initial_seed());
        Assert.Equal(Enumerable.Range(0, 9), Values(randperm(9, generator: a)).Order().Select(v => (int)v));
        Assert.All(Values(randint(3, 5, [50], generator: a)), v => Assert.InRange(v, 3, 4));
        Assert.Equal(1, tensor(new float[] { 0, 1, 0 }).multinomial(1, generator: a).item<long>());
    }
}
