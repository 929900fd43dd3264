using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>What Mamba does between its two projections, over whole sequences, token by token (Gu and Dao, 2023, arXiv:2312.00752,
    /// algorithm 2), computed in f32.</summary>
    /// <param name="projected">[B, T, <see cref="SelectiveShape.Projected"/>], f32 or bf16</param>
    /// <param name="lengths">as <see cref="StateSpace"/> takes them</param>
    /// <param name="memory">written, without a gradient: of each row, or of each span</param>
    /// <returns>[B, T, <see cref="SelectiveShape.Inner"/>], of the type of <paramref name="projected"/></returns>
    public static Tensor Selective(Tensor projected, SelectiveWeights weights, SelectiveShape shape, Tensor? lengths = null, StateSpaceMemory? memory = null) =>
        OverSequences([projected], lengths, (rows, counts) => new SelectiveMixer(shape, weights).Whole(rows[0], counts, memory));

    /// <summary>One further token per row.</summary>
    /// <param name="projected">[B, <see cref="SelectiveShape.Projected"/>]</param>
    /// <param name="memory">read, and written in place</param>
    /// <returns>[B, <see cref="SelectiveShape.Inner"/>]</returns>
    public static Tensor SelectiveNext(Tensor projected, SelectiveWeights weights, SelectiveShape shape, StateSpaceMemory memory)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(new SelectiveMixer(shape, weights).Next(projected, memory));
    }
}
