using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace PersonalizationBench.Torch.Tests;

public class ModuleTests
{
    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly Linear first;
        private readonly ModuleList<Linear> rest;
        [ComponentName(Name = "gain")]
        private readonly Parameter _gain;
        private readonly Tensor table;

        public Net()
            : base("net")
        {
            first = nn.Linear(4, 3);
            rest = nn.ModuleList(nn.Linear(3, 3, hasBias: false), nn.Linear(3, 2));
            _gain = nn.Parameter(ones(1));
            table = arange(3);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using DisposeScope scope = NewDisposeScope();
            return (rest[1].call(rest[0].call(first.call(input).tanh())) * _gain).MoveToOuterDisposeScope();
        }
    }

    [Fact]
    public void Components_are_named_by_their_fields()
    {
        using var net = new Net();
        Assert.Equal(
            ["first.bias", "first.weight", "gain", "rest.0.weight", "rest.1.bias", "rest.1.weight"],
            net.named_parameters().Select(named => named.name).Order(StringComparer.Ordinal));
        Assert.Equal(["table"], net.named_buffers().Select(named => named.name));
        Assert.Equal(7, net.state_dict().Count);
        Assert.Equal(1 + 12 + 3 + 9 + 6 + 2, net.parameters().Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void A_state_dict_makes_two_modules_equal()
    {
        using DisposeScope scope = NewDisposeScope();
        using Net a = new(), b = new();
        Tensor x = randn(5, 4);
        Assert.False(a.call(x).allclose(b.call(x)));
        b.load_state_dict(a.state_dict());
        Assert.True(a.call(x).allclose(b.call(x)));
        var part = a.state_dict();
        part.Remove("gain");
        var error = Assert.Throws<InvalidOperationException>(() => b.load_state_dict(part));
        Assert.Contains("gain", error.Message);
    }

    [Fact]
    public void Conversion_keeps_whole_numbers_and_the_need_for_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using Net net = new Net().to(ScalarType.BFloat16);
        Assert.All(net.parameters(), parameter => Assert.True(parameter.dtype == ScalarType.BFloat16 && parameter.requires_grad));
        Assert.Equal(ScalarType.Int64, net.get_buffer("table")!.dtype);
        Assert.Equal(ScalarType.BFloat16, net.call(ones([2, 4], ScalarType.BFloat16)).dtype);
    }

    [Fact]
    public void AdamW_follows_its_formula()
    {
        using DisposeScope scope = NewDisposeScope();
        using var weight = new Parameter(tensor(new float[] { 1, -2 }));
        using AdamW optimizer = optim.AdamW([weight], lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.5);
        double[] w = [1, -2], m = [0, 0], v = [0, 0];
        for (int step = 1; step <= 3; step++)
        {
            optimizer.zero_grad();
            (weight * weight).sum().backward();
            optimizer.step();
            for (int i = 0; i < 2; i++)
            {
                double g = 2 * w[i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.99 * v[i] + 0.01 * g * g;
                w[i] = w[i] * (1 - 0.1 * 0.5) - 0.1 * m[i] / (1 - Math.Pow(0.9, step)) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.99, step))) + 1e-8);
                Assert.Equal(w[i], weight[i].item<float>(), 1e-5);
            }
        }
    }

    [Fact]
    public void Clipping_scales_all_gradients_together()
    {
        using DisposeScope scope = NewDisposeScope();
        using Parameter a = new(zeros(1)), b = new(zeros(1));
        (a * 3 + b * 4).sum().backward();
        Assert.Equal(5, nn.utils.clip_grad_norm_([a, b], 1), 1e-5);
        Assert.Equal(0.6, a.grad!.item<float>(), 1e-4);
        Assert.Equal(0.8, b.grad!.item<float>(), 1e-4);
        Assert.Equal(1, nn.utils.clip_grad_norm_([a, b], 2), 1e-4);
        Assert.Equal(0.8, b.grad!.item<float>(), 1e-4);
    }

    [Fact]
    public void Losses_are_the_hand_values()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = tensor(new float[,] { { 0, 0 }, { (float)Math.Log(3), 0 } });
        Tensor targets = tensor(new long[] { 0, 1 });
        Assert.Equal((Math.Log(2) + Math.Log(4)) / 2, nn.functional.cross_entropy(logits, targets).item<float>(), 1e-6);
        Assert.Equal(Math.Log(4), nn.functional.cross_entropy(logits, tensor(new long[] { -100, 1 })).item<float>(), 1e-6);
    }
}
