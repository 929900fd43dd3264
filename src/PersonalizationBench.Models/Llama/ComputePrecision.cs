using PersonalizationBench.Core;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>The rule of <see cref="Precision.Auto"/>.</summary>
public static class ComputePrecision
{
    /// <summary>Below this width f32 is as fast as bf16 and exact.</summary>
    public const int SmallestBFloat16Dimension = 96;

    /// <summary>With auto: bf16 where the device is fast at it and the model wide enough to gain, else f32.</summary>
    public static ScalarType Choose(LlamaConfig config, Precision precision, string device) => precision switch
    {
        Precision.Float32 => ScalarType.Float32,
        Precision.BFloat16 => ScalarType.BFloat16,
        _ => config.Dimension >= SmallestBFloat16Dimension && Kernels.FastBFloat16(device) ? ScalarType.BFloat16 : ScalarType.Float32,
    };

    public static string Name(ScalarType type) => type == ScalarType.BFloat16 ? "bfloat16" : "float32";
}
