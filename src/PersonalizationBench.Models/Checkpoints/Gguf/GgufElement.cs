using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>How the elements of a tensor are stored, by ggml's numbers and names: those that are read here.</summary>
public enum GgufElement : uint
{
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    BF16 = 30,
}

/// <summary>Sizes of ggml's types.</summary>
internal static class GgufElements
{
    /// <summary>The types that ggml has beside <see cref="GgufElement"/>, to refuse them by their names.</summary>
    private static readonly Dictionary<uint, string> Others = new()
    {
        [9] = "Q8_1",
        [10] = "Q2_K",
        [11] = "Q3_K",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
        [40] = "NVFP4",
    };

    public static IEnumerable<string> OtherNames => Others.Values;

    public static string Names => string.Join(", ", Enum.GetNames<GgufElement>());

    /// <summary>Elements that are stored together, and the bytes that they take.</summary>
    public static (int Elements, int Bytes) BlockOf(GgufElement element) => element switch
    {
        GgufElement.F32 => (1, 4),
        GgufElement.F16 or GgufElement.BF16 => (1, 2),
        GgufElement.Q4_0 => (32, 18),
        GgufElement.Q4_1 => (32, 20),
        GgufElement.Q5_0 => (32, 22),
        GgufElement.Q5_1 => (32, 24),
        GgufElement.Q8_0 => (32, 34),
        GgufElement.Q4_K => (256, 144),
        GgufElement.Q5_K => (256, 176),
        GgufElement.Q6_K => (256, 210),
        _ => throw new ArgumentOutOfRangeException(nameof(element), element, null),
    };

    /// <param name="where">What errors call the tensor.</param>
    public static GgufElement Of(uint number, string where) => Enum.IsDefined((GgufElement)number) ? (GgufElement)number
        : throw new PbenchException($"{where}: its type {(Others.TryGetValue(number, out var name) ? name : $"number {number}")} is not read; expected one of {Names}");
}
