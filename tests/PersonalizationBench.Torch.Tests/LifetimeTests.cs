using PersonalizationBench.Torch.Interop;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PersonalizationBench.Torch.Tests;

// The count is of the whole process: no other test may run beside these.
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public class LifetimeTests
{
    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Bridge.pb_live_tensors();
    }

    [Fact]
    public void A_scope_disposes_what_was_made_in_it()
    {
        long before = Live();
        Tensor kept;
        using (DisposeScope outer = NewDisposeScope())
        {
            Tensor moved;
            using (DisposeScope inner = NewDisposeScope())
            {
                Tensor gone = ones(2);
                moved = (gone + 1).MoveToOuterDisposeScope();
                kept = (gone + 2).DetachFromDisposeScope();
                Assert.Equal(1, inner.DisposablesCount);
                Assert.Equal(before + 3, Bridge.pb_live_tensors());
            }
            Assert.Equal(2, moved.sum().item<float>() / 2);
            Assert.Equal(2, outer.DisposablesCount);
        }
        Assert.Equal(before + 1, Bridge.pb_live_tensors());
        Assert.Equal(3, kept[0].item<float>());
        kept.Dispose();
        Assert.Equal(before, Live());
    }

    [Fact]
    public void The_collector_frees_what_nobody_disposed()
    {
        long before = Live();
        Make();
        Assert.Equal(before, Live());

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Make()
        {
            for (int i = 0; i < 10; i++)
                _ = ones(1000);
        }
    }

    [Fact]
    public void Training_steps_leave_no_tensor_behind()
    {
        long before = Live();
        using (Linear layer = nn.Linear(8, 8))
        using (AdamW optimizer = optim.AdamW(layer.parameters(), lr: 0.01, weight_decay: 0.1))
        {
            Step(layer, optimizer);
            long steady = Live();
            for (int i = 0; i < 5; i++)
                Step(layer, optimizer);
            Assert.Equal(steady, Live());
        }
        Assert.Equal(before, Live());

        static void Step(Linear layer, AdamW optimizer)
        {
            using DisposeScope scope = NewDisposeScope();
            optimizer.zero_grad();
            layer.call(ones(4, 8)).square().mean().backward();
            nn.utils.clip_grad_norm_(layer.parameters(), 1.0);
            optimizer.step();
        }
    }

    [Fact]
    public void Every_kind_of_call_balances()
    {
        long before = Live();
        using (NewDisposeScope())
        {
            Tensor x = arange(12).view(3, 4).to(ScalarType.Float32);
            _ = x[1, TensorIndex.Slice(0, 2)];
            _ = x[TensorIndex.Tensor(tensor(new long[] { 0 }))];
            x[0, 1] = tensor(5f);
            x.index_put_((Scalar)1f, x > 3);
            _ = x.split([1, 3], 1);
            _ = x.topk(2);
            _ = x.unique();
            _ = 2 / x;
            _ = (double)x.sum();
            _ = nn.functional.scaled_dot_product_attention(x, x, x);
            Assert.ThrowsAny<Exception>(() => x.matmul(x));
            _ = autograd.grad([x.requires_grad_().sum()], [x]);
            _ = x.amax([0], true);
            using IDisposable mode = inference_mode();
            _ = x * 2;
        }
        Assert.Equal(before, Live());
    }

    [Fact]
    public void A_parameter_takes_over_its_tensor()
    {
        long before = Live();
        using (NewDisposeScope())
        {
            Tensor data = ones(2);
            var parameter = new Parameter(data);
            Assert.True(data.IsInvalid);
            Assert.True(parameter.requires_grad);
            Assert.Equal(before + 1, Bridge.pb_live_tensors());
        }
        Assert.Equal(before, Live());
    }
}
