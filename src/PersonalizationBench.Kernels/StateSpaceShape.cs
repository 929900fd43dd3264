using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>The shape of a mixer that keeps a state of each sequence in place of keys and values.</summary>
/// <param name="StateSize">N, values that each channel keeps.</param>
/// <param name="ConvolutionWidth">K, tokens that the short convolution sees.</param>
public abstract record RecurrentShape(int StateSize, int ConvolutionWidth)
{
    /// <summary>The convolution has a bias.</summary>
    public bool ConvolutionBias { get; init; } = true;

    /// <summary>Width of the mixer.</summary>
    public abstract int Inner { get; }

    /// <summary>Channels of the convolution.</summary>
    public abstract int Mixed { get; }

    /// <summary>Rows of the input projection.</summary>
    public abstract int Projected { get; }

    /// <summary>Sizes of one sequence's state in one layer.</summary>
    public abstract long[] StateSizes { get; }
}

/// <summary>The shape of a Mamba mixer (Gu and Dao, 2023, arXiv:2312.00752).</summary>
/// <param name="Inner">Channels, each with a state of its own.</param>
/// <param name="StateSize">N, values that each channel keeps.</param>
/// <param name="StepRank">R, the rank of the projection that gives each channel its step size.</param>
/// <param name="ConvolutionWidth">K, tokens that the short convolution sees.</param>
public sealed record SelectiveShape(int Inner, int StateSize, int StepRank, int ConvolutionWidth = 4) : RecurrentShape(StateSize, ConvolutionWidth)
{
    /// <summary>The input and the output projection have biases.</summary>
    public bool ProjectionBias { get; init; }

    public override int Inner { get; } = Inner;

    public override int Mixed => Inner;

    /// <summary>The convolution's channels, and the gate.</summary>
    public override int Projected => 2 * Inner;

    /// <summary>Rows of what is projected from the convolution: step sizes in their low rank, what is written (B) and what is read (C).</summary>
    public int Selected => StepRank + 2 * StateSize;

    public override long[] StateSizes => [Inner, StateSize];
}

/// <summary>The shape of a Mamba-2 mixer (Dao and Gu, 2024, arXiv:2405.21060).</summary>
/// <param name="Heads">H.</param>
/// <param name="HeadDimension">P, channels of a head.</param>
/// <param name="StateSize">N, values that each channel keeps.</param>
/// <param name="Groups">G, dividing <paramref name="Heads"/>: heads of a group share what is written and read.</param>
/// <param name="ConvolutionWidth">K, tokens that the short convolution sees.</param>
/// <param name="ChunkSize">Tokens that are computed as one product in training where it is composed of operators; a matter of speed alone.</param>
public sealed record StateSpaceShape(int Heads, int HeadDimension, int StateSize, int Groups = 1, int ConvolutionWidth = 4, int ChunkSize = 64)
    : RecurrentShape(StateSize, ConvolutionWidth)
{
    /// <summary>Bounds on the step size after its softplus; null: no upper one.</summary>
    public double MinStep { get; init; }

    public double? MaxStep { get; init; }

    /// <summary>H P.</summary>
    public override int Inner => Heads * HeadDimension;

    /// <summary>x, what is written (B) and what is read (C).</summary>
    public override int Mixed => Inner + 2 * Groups * StateSize;

    /// <summary>Gate, convolution's channels, step sizes.</summary>
    public override int Projected => Inner + Mixed + Heads;

    public override long[] StateSizes => [Heads, HeadDimension, StateSize];
}

/// <summary>What a Mamba-2 mixer has beside its projections, f32.</summary>
/// <param name="Convolution">[mixed, K]</param>
/// <param name="ConvolutionBias">[mixed]</param>
/// <param name="StepBias">[H]</param>
/// <param name="LogDecay">[H], the logarithm of -A.</param>
/// <param name="Skip">[H]</param>
/// <param name="Norm">[inner]</param>
public sealed record StateSpaceWeights(Tensor Convolution, Tensor? ConvolutionBias, Tensor StepBias, Tensor LogDecay, Tensor Skip, Tensor Norm);

/// <summary>What a Mamba mixer has beside its projections, f32.</summary>
/// <param name="Convolution">[inner, K]</param>
/// <param name="ConvolutionBias">[inner]</param>
/// <param name="Select">[R + 2 N, inner], from the convolution to step sizes in their low rank, what is written and what is read.</param>
/// <param name="Step">[inner, R], from the low rank to each channel's step size.</param>
/// <param name="StepBias">[inner]</param>
/// <param name="LogDecay">[inner, N], the logarithm of -A.</param>
/// <param name="Skip">[inner]</param>
public sealed record SelectiveWeights(Tensor Convolution, Tensor? ConvolutionBias, Tensor Select, Tensor Step, Tensor StepBias, Tensor LogDecay, Tensor Skip);
