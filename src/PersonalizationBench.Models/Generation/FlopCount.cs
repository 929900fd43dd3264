using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models;

/// <summary>
/// Floating-point operations by count, a multiply-add as two: the products of a forward pass (projections, attention's two,
/// head). Norms, rotations and softmax, a few per cent, are left out; a backward pass counts twice the forward
/// (Kaplan et al., 2020, arXiv:2001.08361), or once where the weights get no gradient.
/// </summary>
public static class FlopCount
{
    /// <summary>A token through the projections of all blocks, without attention and head.</summary>
    public static double Projections(DecoderConfig config) =>
        2.0 * config.Layers * config.Projections.Sum(m => (double)config.ProjectionShape(m).Output * config.ProjectionShape(m).Input);

    /// <summary>One position's logits.</summary>
    public static double Head(DecoderConfig config) => 2.0 * config.VocabularySize * config.Dimension;

    /// <summary>One query that attends to <paramref name="span"/> positions, in all layers: scores and weighted sum.</summary>
    private static double Attention(DecoderConfig config, double span) => 4.0 * config.Layers * config.QueryDimension * span;

    /// <summary>What one token takes between the projections: attention to <paramref name="span"/> positions, or a state written and
    /// read (Mamba and Mamba-2: three products of the state's size), whatever came before, and in Mamba the products that say what.</summary>
    public static double Mixing(DecoderConfig config, double span) => config.Recurrent is not { } s ? Attention(config, span)
        : config.Layers * (6.0 * s.Inner * s.StateSize + (s is SelectiveShape selective ? 2.0 * s.Inner * (selective.Selected + selective.StepRank) : 0));

    /// <summary>A whole sequence from its start; the query at position t attends to t + 1 positions. A state-space model's is
    /// counted as the recurrence, of which the chunked form does more.</summary>
    public static double Sequence(DecoderConfig config, int length) =>
        length * Projections(config) + (config.Recurrent is null ? Attention(config, length * (length + 1.0) / 2) : length * Mixing(config, 1));

    /// <summary>A token through the low-rank products of an adapter.</summary>
    public static double Adapter(DecoderConfig config, LoraOptions options) =>
        2.0 * config.Layers * options.Rank * (options.TargetModules ?? config.Projections).Sum(m => (double)config.ProjectionShape(m).Output + config.ProjectionShape(m).Input);
}
