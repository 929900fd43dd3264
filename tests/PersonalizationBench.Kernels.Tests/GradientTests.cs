using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Autograd functions in managed code: what they give, what they keep, and what they leave behind.</summary>
[Collection(nameof(Alone))]
public class GradientTests
{
    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Engine.LiveTensors;
    }

    // y = a b, with whatever the test wants to see of the backward pass.
    private static Tensor Product(Tensor a, Tensor b, Action<Tensor>? seen = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor y;
        using (no_grad()) y = a.mul(b);
        return scope.MoveToOuter(Gradient.Attach(y, [a, b], [a, b], (saved, gradient) =>
        {
            seen?.Invoke(gradient);
            return [gradient.mul(saved[1]), b.requires_grad ? gradient.mul(saved[0]) : null];
        }));
    }

    [Fact]
    public void Gradients_pass_through_and_add_up()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(1, 5).requires_grad_(), b = Random(2, 5).requires_grad_(), c = Random(3, 5);
        Product(Product(a, b), a).add(Product(a, c)).sum().backward();
        Assert.InRange(Distance(a.grad!, (2 * a * b + c).detach()), 0, 1e-6);
        Assert.InRange(Distance(b.grad!, a.square().detach()), 0, 1e-6);
    }

    [Fact]
    public void Nothing_is_left_behind_with_or_without_a_backward_pass()
    {
        var before = Live();
        for (var i = 0; i < 3; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor a = Random(1, 5).requires_grad_(), b = Random(2, 5).requires_grad_();
            Tensor y = Product(Product(a, b), b).sum();
            if (i > 0) y.backward();
        }
        // Without a collection: everything went with its scope.
        Assert.Equal(before, Engine.LiveTensors);
    }

    [Fact]
    public void A_second_backward_pass_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(1, 5).requires_grad_();
        Tensor y = Product(a, a).sum();
        y.backward();
        var error = Assert.ThrowsAny<Exception>(() => y.backward());
        Assert.Contains("gradient", error.Message);
    }

    [Fact]
    public void A_saved_tensor_that_was_written_since_is_an_error()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(1, 5).requires_grad_(), b = Random(2, 5);
        Tensor y = Product(a, b).sum();
        b.add_(1);
        Assert.ThrowsAny<Exception>(() => y.backward());
    }

    [Fact]
    public void A_result_that_nothing_learns_from_has_no_gradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(1, 4, 6), w = ones(6);
        Assert.False(TorchExtras.RmsNorm(x, w, 1e-5).requires_grad);
        Tensor learning = x.clone().requires_grad_();
        Assert.True(TorchExtras.RmsNorm(learning, w, 1e-5).requires_grad);
        using IDisposable _ = no_grad();
        Assert.False(TorchExtras.RmsNorm(learning, w, 1e-5).requires_grad);
    }
}
