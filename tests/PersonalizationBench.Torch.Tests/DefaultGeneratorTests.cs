using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PersonalizationBench.Torch.Tests;

// The default generator is the whole process's: a test beside these that draws from it would change what they draw.
[Collection(nameof(Alone))]
public class DefaultGeneratorTests
{
    [Fact]
    public void The_same_seed_draws_the_same()
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(3);
        float[] first = rand(4).data<float>().ToArray();
        manual_seed(3);
        Assert.Equal(first, rand(4).data<float>().ToArray());
    }

    [Fact]
    public void Training_fits_a_line()
    {
        manual_seed(1);
        using Linear layer = nn.Linear(1, 1);
        using AdamW optimizer = optim.AdamW(layer.parameters(), lr: 0.05);
        for (int i = 0; i < 400; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor x = rand(32, 1);
            optimizer.zero_grad();
            nn.functional.mse_loss(layer.call(x), x * 3 - 1).backward();
            optimizer.step();
        }
        Assert.Equal(3, layer.weight.item<float>(), 0.05);
        Assert.Equal(-1, layer.bias!.item<float>(), 0.05);
    }
}
