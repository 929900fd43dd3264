using static TorchSharp.torch;

namespace PersonalizationBench.Torch;

/// <summary>The shape of a Mamba-2 mixer (Dao and Gu, 2024, arXiv:2405.21060).</summary>
/// <param name="Heads">H.</param>
/// <param name="HeadDimension">P, channels of a head.</param>
/// <param name="StateSize">N, values that each channel keeps.</param>
/// <param name="Groups">G, dividing <paramref name="Heads"/>: heads of a group share what is written and read.</param>
/// <param name="ConvolutionWidth">K, tokens that the short convolution sees.</param>
/// <param name="ChunkSize">Tokens that are computed as one product in training where it is composed of operators; a matter of speed alone.</param>
public sealed record StateSpaceShape(int Heads, int HeadDimension, int StateSize, int Groups = 1, int ConvolutionWidth = 4, int ChunkSize = 64)
{
    /// <summary>Bounds on the step size after its softplus; null: no upper one.</summary>
    public double MinStep { get; init; }

    public double? MaxStep { get; init; }

    /// <summary>The convolution has a bias.</summary>
    public bool ConvolutionBias { get; init; } = true;

    /// <summary>Width of the mixer: H P.</summary>
    public int Inner => Heads * HeadDimension;

    /// <summary>Channels of the convolution: x, what is written (B) and what is read (C).</summary>
    public int Mixed => Inner + 2 * Groups * StateSize;

    /// <summary>Rows of the input projection: gate, convolution's channels, step sizes.</summary>
    public int Projected => Inner + Mixed + Heads;
}

/// <summary>What a Mamba-2 mixer has beside its projections, f32.</summary>
/// <param name="Convolution">[mixed, K]</param>
/// <param name="ConvolutionBias">[mixed]</param>
/// <param name="StepBias">[H]</param>
/// <param name="LogDecay">[H], the logarithm of -A.</param>
/// <param name="Skip">[H]</param>
/// <param name="Norm">[inner]</param>
public sealed record StateSpaceWeights(Tensor Convolution, Tensor? ConvolutionBias, Tensor StepBias, Tensor LogDecay, Tensor Skip, Tensor Norm);

/// <summary>What is behind the last token of each sequence.</summary>
/// <param name="Inputs">[B, K - 1, mixed], the convolution's last inputs, zeros before the first token; of the projection's type.</param>
/// <param name="States">[B, H, P, N], f32</param>
public readonly record struct StateSpaceMemory(Tensor Inputs, Tensor States);
