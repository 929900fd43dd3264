using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Torch.Tests;

public class AutogradTests
{
    public static TheoryData<string, Func<Tensor, Tensor>> Functions => new()
    {
        { "tanh", x => x.tanh() },
        { "softmax", x => x.softmax(-1) },
        { "matmul", x => x.matmul(x.t()) },
        { "silu", x => x.silu() },
        { "logsumexp", x => x.logsumexp(1) },
        { "division", x => 1 / (x.square() + 1) },
        { "slices", x => cat([x[TensorIndex.Colon, 1].unsqueeze(1), x.narrow(1, 0, 2) * 3], 1) },
        { "layer norm", x => nn.functional.layer_norm(x, [3]) },
        { "where", x => where(x > 0, x * 2, x * 3) },
        { "attention", x => nn.functional.scaled_dot_product_attention(x, x, x, is_casual: true) },
    };

    [Theory]
    [MemberData(nameof(Functions))]
    public void Gradients_are_the_finite_differences(string name, Func<Tensor, Tensor> function)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(5);
        Tensor x = randn([4, 3], ScalarType.Float64, generator: generator).requires_grad_();
        Tensor weight = randn(function(x).shape, ScalarType.Float64, generator: generator);
        function(x).mul(weight).sum().backward();
        const double H = 1e-5;
        for (long i = 0; i < 4; i++)
            for (long j = 0; j < 3; j++)
            {
                double Shifted(double by)
                {
                    using IDisposable _ = no_grad();
                    Tensor moved = x.detach().clone();
                    moved[i, j] = moved[i, j] + by;
                    return function(moved).mul(weight).sum().item<double>();
                }
                double expected = (Shifted(H) - Shifted(-H)) / (2 * H);
                Assert.True(Math.Abs(expected - x.grad![i, j].item<double>()) < 1e-6, $"{name}: {expected} at {i}, {j}");
            }
    }

    [Fact]
    public void The_derivative_of_a_polynomial_is_exact() =>
        Prop.ForAll(ArbMap.Default.ArbFor<short>(), value =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor x = tensor((double)value).requires_grad_();
            Tensor first = autograd.grad([x.pow(3)], [x], create_graph: true)[0];
            Tensor second = autograd.grad([first], [x])[0];
            return first.item<double>() == 3.0 * value * value && second.item<double>() == 6.0 * value;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Gradients_accumulate_and_can_be_dropped()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones(2).requires_grad_();
        x.sum().backward();
        x.sum().backward();
        Assert.Equal(2, x.grad![0].item<float>());
        x.grad = null;
        Assert.Null(x.grad);
        Assert.True(x.is_leaf);
        Assert.False((x * 2).is_leaf);
        Assert.False(x.detach().requires_grad);
    }

    [Fact]
    public void An_input_without_use_is_null_where_that_is_allowed()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones(1).requires_grad_(), y = ones(1).requires_grad_();
        Assert.Null(autograd.grad([x.sum()], [x, y], allow_unused: true)[1]);
        Assert.ThrowsAny<Exception>(() => autograd.grad([x.sum()], [y]));
    }

    [Fact]
    public void Modes_nest_and_end()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones(1).requires_grad_();
        using (no_grad())
        {
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
                Assert.True((x * 2).requires_grad);
            Assert.False(is_grad_enabled());
        }
        Assert.True((x * 2).requires_grad);
        using (inference_mode())
        {
            Assert.True(is_inference_mode_enabled());
            Assert.False((x * 2).requires_grad);
        }
        Assert.False(is_inference_mode_enabled());
    }
}
