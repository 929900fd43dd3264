using PersonalizationBench.Core;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>The rule of <see cref="Precision.Auto"/>.</summary>
public static class ComputePrecision
{
    /// <summary>Below this width f32 is faster, beside being exact. Measured in training, 4 layers, vocabulary 2,048, two cores
    /// with AMX: width 64 f32 9,600 against 8,100 tokens/s; width 96 6,700 against 8,200.</summary>
    public const int SmallestBFloat16Dimension = 96;

    /// <summary>The same where attention is fused, which it is in bf16 alone: width 64, heads of 32, vocabulary 1,283, one core: f32
    /// 3,900 against 7,700 to 10,200 tokens/s.</summary>
    public const int SmallestFusedDimension = 64;

    /// <summary>With auto: bf16 where the device is fast at it and the model wide enough to gain, else f32.</summary>
    public static ScalarType Choose(DecoderConfig config, Precision precision, string device) => precision switch
    {
        Precision.Float32 => ScalarType.Float32,
        Precision.BFloat16 => ScalarType.BFloat16,
        _ => config.Dimension >= (IsFused(config) ? SmallestFusedDimension : SmallestBFloat16Dimension) && DecoderOps.FastBFloat16(device) ? ScalarType.BFloat16 : ScalarType.Float32,
    };

    private static bool IsFused(DecoderConfig config) => config.Recurrent is null && config.HeadDimension % 16 == 0;

    public static string Name(ScalarType type) => type == ScalarType.BFloat16 ? "bfloat16" : "float32";
}
