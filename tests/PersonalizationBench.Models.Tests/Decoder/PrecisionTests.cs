using PersonalizationBench.Core;
using TorchSharp;

namespace PersonalizationBench.Models.Tests;

public sealed class PrecisionTests
{
    [Theory]
    [InlineData(64, 2, true)]      // heads of 32: fused attention
    [InlineData(64, 8, false)]     // heads of 8: composed
    [InlineData(48, 3, false)]
    [InlineData(96, 12, true)]
    public void Auto_takes_bf16_where_it_is_fast(int width, int heads, bool isWide) =>
        Assert.Equal(isWide && DecoderOps.FastBFloat16("cpu") ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32,
            ComputePrecision.Choose(new DecoderConfig(61, width, 2, heads, heads, 48, 40), Precision.Auto, "cpu"));

    [Fact]
    public void A_narrow_model_without_attention_is_in_f32()
    {
        var narrow = new DecoderConfig(61, 64, 2, 0, 0, 0, 40);
        Assert.All([narrow with { ModelType = "mamba", Selective = new Kernels.SelectiveShape(128, 16, 4) }, narrow with { ModelType = "mamba2", StateSpace = new Kernels.StateSpaceShape(4, 32, 16) }],
            config => Assert.Equal(torch.ScalarType.Float32, ComputePrecision.Choose(config, Precision.Auto, "cpu")));
    }

    [Theory]
    [InlineData(Precision.Float32, torch.ScalarType.Float32)]
    [InlineData(Precision.BFloat16, torch.ScalarType.BFloat16)]
    public void What_was_asked_for_is_taken(Precision precision, torch.ScalarType type) =>
        Assert.Equal(type, ComputePrecision.Choose(TinyModels.Grouped, precision, "cpu"));
}
