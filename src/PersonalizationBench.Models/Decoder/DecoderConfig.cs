using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models;

/// <summary>How a block's input is normalised.</summary>
public enum NormKind
{
    /// <summary>x / rms(x) times a weight (Zhang and Sennrich, 2019, arXiv:1910.07467).</summary>
    Rms,

    /// <summary>Mean and variance, with weight and bias (Ba et al., 2016, arXiv:1607.06450).</summary>
    Layer,
}

/// <summary>What stands between the two products of a block's second half.</summary>
public enum MlpKind
{
    /// <summary>silu(gate) * up (Shazeer, 2020, arXiv:2002.05202).</summary>
    SwiGlu,

    /// <summary>gelu(gate) * up, by tanh (Gemma; Shazeer, 2020).</summary>
    GeGluTanh,

    /// <summary>x times the normal distribution's cumulative function (Hendrycks and Gimpel, 2016, arXiv:1606.08415).</summary>
    Gelu,

    /// <summary>Its approximation by tanh, as GPT-2 has it.</summary>
    GeluTanh,
}

/// <summary>Where a transformer's block normalizes, of each of its halves.</summary>
public enum NormPlacement
{
    /// <summary>What goes in.</summary>
    Inputs,

    /// <summary>What comes out, before it is added (OLMo 2; OLMo Team, 2025, arXiv:2501.00656).</summary>
    Outputs,

    /// <summary>Both (Gemma 2; Gemma Team, 2024, arXiv:2408.00118).</summary>
    Both,
}

/// <summary>Which norms the queries and keys of a token get before they turn.</summary>
public enum QueryKeyNormKind
{
    None,

    /// <summary>Head by head, all heads by the same weights (Qwen3, Gemma 3).</summary>
    EachHead,

    /// <summary>Over all heads together (OLMo 2).</summary>
    Together,
}

/// <summary>
/// The shape of a decoder-only model: Llama (Touvron et al., 2023, arXiv:2307.09288) unless said otherwise by the
/// properties that are not in the constructor, with which it is Mistral, Qwen, Gemma, Phi-3, OLMo 2, Granite, SmolLM3, GPT-2, GPT-NeoX,
/// Mamba or Mamba-2.
/// </summary>
/// <param name="VocabularySize">Rows of the embedding.</param>
/// <param name="Dimension">Width of the residual stream.</param>
/// <param name="Layers">Number of blocks.</param>
/// <param name="Heads">Query heads; their width is <see cref="HeadDimension"/>.</param>
/// <param name="KeyValueHeads">Key and value heads; divides <paramref name="Heads"/>.</param>
/// <param name="HiddenDimension">Width inside the second half of a block.</param>
/// <param name="ContextLength">Longest sequence, in tokens.</param>
/// <param name="RopeTheta">Base of the rotary frequencies.</param>
/// <param name="NormEpsilon">Added to the mean square, or the variance, before its root.</param>
/// <param name="TiedHead">True where the output projection is the embedding.</param>
public sealed record DecoderConfig(
    int VocabularySize,
    int Dimension,
    int Layers,
    int Heads,
    int KeyValueHeads,
    int HiddenDimension,
    int ContextLength,
    double RopeTheta = 10000,
    double NormEpsilon = 1e-5,
    bool TiedHead = true)
{
    /// <summary>Hugging Face's <c>model_type</c>: how the files call the weights.</summary>
    public string ModelType { get; init; } = "llama";

    /// <summary>Width of a head; 0 in <c>with</c> expressions and files: <see cref="Dimension"/> / <see cref="Heads"/>.</summary>
    public int HeadDimension { get => field > 0 ? field : Heads > 0 ? Dimension / Heads : 0; init; }

    public NormKind Norm { get; init; } = NormKind.Rms;

    public MlpKind Mlp { get; init; } = MlpKind.SwiGlu;

    /// <summary>Positions are learned vectors added to the embedding (GPT-2) and not rotations.</summary>
    public bool LearnedPositions { get; init; }

    /// <summary>Share of a head's channels that turn with the position (GPT-NeoX: a quarter).</summary>
    public double RotaryShare { get; init; } = 1;

    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Biases of the query, key and value projections.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>Bias of the projection behind attention.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Biases of the second half's projections.</summary>
    public bool MlpBias { get; init; }

    public QueryKeyNormKind QueryKeyNorm { get; init; }

    public NormPlacement NormPlacement { get; init; }

    /// <summary>What embedded tokens are multiplied by (Gemma: the root of the width).</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>What each half of a block is multiplied by before it is added (Granite).</summary>
    public double ResidualScale { get; init; } = 1;

    /// <summary>What logits are multiplied by (Granite).</summary>
    public double LogitScale { get; init; } = 1;

    /// <summary>c where logits x are c tanh(x / c) (Gemma 2); null: they are as they come.</summary>
    public double? LogitCap { get; init; }

    /// <summary>What the products of queries and keys are multiplied by; null: one over the root of a head's width.</summary>
    public double? AttentionScale { get; init; }

    /// <summary>The same of attention's scores as <see cref="LogitCap"/> of logits.</summary>
    public double? AttentionCap { get; init; }

    /// <summary>Both halves of a block read the same input (GPT-NeoX; Wang and Komatsuzaki, 2021).</summary>
    public bool ParallelResidual { get; init; }

    /// <summary>In <see cref="WindowedLayers"/> a query sees so many positions, its own included; null: all.</summary>
    public int? SlidingWindow { get; init; }

    public LayerSet WindowedLayers { get; init; }

    /// <summary>Base of the rotary frequencies, unscaled, in <see cref="WindowedLayers"/> where it is another there (Gemma 3).</summary>
    public double? WindowedRopeTheta { get; init; }

    /// <summary>Where queries and keys turn with their positions (SmolLM3 leaves every fourth layer without).</summary>
    public LayerSet RotatedLayers { get; init; }

    /// <summary>Blocks are Mamba-2 mixers, without attention and without a second half; null: they are not.</summary>
    public StateSpaceShape? StateSpace { get; init; }

    /// <summary>Blocks are Mamba mixers, likewise.</summary>
    public SelectiveShape? Selective { get; init; }

    /// <summary>Whichever mixer keeps states; null in a transformer.</summary>
    public RecurrentShape? Recurrent => (RecurrentShape?)StateSpace ?? Selective;

    /// <summary>Channels of a head that turn.</summary>
    public int RotaryDimension => LearnedPositions || Recurrent is not null ? 0 : (int)(RotaryShare * HeadDimension);

    /// <summary>Width of the queries of one token.</summary>
    public int QueryDimension => HeadDimension * Heads;

    /// <summary>Width of the keys, and of the values, of one token.</summary>
    public int KeyValueDimension => HeadDimension * KeyValueHeads;

    /// <summary>Number of weights, tied ones once; the largest number there is where a file asks for more.</summary>
    public long Parameters => (long)Int128.Min(long.MaxValue, Shapes().Aggregate(Int128.Zero, (sum, s) => sum + s.Shape.Aggregate(Int128.One, (a, b) => a * b)));

    /// <summary>Weights of tokens' and positions' embeddings and of a head of its own: what scaling laws leave out of a model's
    /// size (Kaplan et al., 2020, arXiv:2001.08361).</summary>
    public long EmbeddingParameters => ((TiedHead ? 1L : 2L) * VocabularySize * Dimension) + (LearnedPositions ? (long)ContextLength * Dimension : 0);

    /// <summary>The products of a block, each with the projections that share its input, in order.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Products =>
        Recurrent is not null ? WeightNames.RecurrentProducts : IsGated ? WeightNames.GatedProducts : WeightNames.PlainProducts;

    /// <summary>The second half of a block has a gate.</summary>
    public bool IsGated => Mlp is MlpKind.SwiGlu or MlpKind.GeGluTanh;

    /// <summary>The projections of a block that can be adapted, in the order of <see cref="Products"/>.</summary>
    public IReadOnlyList<string> Projections => [.. Products.SelectMany(p => p)];

    /// <summary>Nothing but what the constructor says: what <see cref="PackedLlama"/> can take.</summary>
    public bool IsPlainLlama => this with { ModelType = "llama", RopeScaling = null } == new DecoderConfig(
        VocabularySize, Dimension, Layers, Heads, KeyValueHeads, HiddenDimension, ContextLength, RopeTheta, NormEpsilon, TiedHead);

    /// <summary>How far back a query of this layer sees, its own position included; null: to the beginning.</summary>
    public int? WindowOf(int layer) => WindowedLayers.Contains(layer) ? SlidingWindow : null;

    /// <summary>Name (as Hugging Face's Llama has it) and shape of every weight, in the order of the file.</summary>
    public IEnumerable<(string Name, long[] Shape)> Shapes() => WeightNames.Of(this).Select(name => (name, ShapeOf(name)));

    /// <summary>The shape of one weight by its name.</summary>
    public long[] ShapeOf(string name) => name.Split('.') switch
    {
        [.., "embed_tokens", "weight"] or ["lm_head", "weight"] => [VocabularySize, Dimension],
        [.., "embed_positions", "weight"] => [ContextLength, Dimension],
        [.., "mixer", "norm", "weight"] when StateSpace is { } s => [s.Inner],
        [.., "conv1d", "weight"] when Recurrent is { } r => [r.Mixed, r.ConvolutionWidth],
        [.., "conv1d", "bias"] when Recurrent is { } r => [r.Mixed],
        [.., "x_proj", "weight"] when Selective is { } s => [s.Selected, s.Inner],
        [.., "dt_proj", "weight"] when Selective is { } s => [s.Inner, s.StepRank],
        [.., "A_log"] when Selective is { } s => [s.Inner, s.StateSize],
        [.., "D"] or [.., "dt_proj", "bias"] when Selective is { } s => [s.Inner],
        [.., "dt_bias" or "A_log" or "D"] when StateSpace is { } s => [s.Heads],
        [.., "input_layernorm" or "post_attention_layernorm" or "norm" or WeightNames.MixerOutputNorm or WeightNames.MlpOutputNorm, "weight" or "bias"] => [Dimension],
        [.., "q_norm", "weight"] => [QueryKeyNorm == QueryKeyNormKind.Together ? QueryDimension : HeadDimension],
        [.., "k_norm", "weight"] => [QueryKeyNorm == QueryKeyNormKind.Together ? KeyValueDimension : HeadDimension],
        [.., var module, "weight"] when ProjectionShape(module) is var (output, input) => [output, input],
        [.., var module, "bias"] => [ProjectionShape(module).Output],
        _ => throw new PbenchException($"'{name}' is not a weight of a {ModelType}"),
    };

    /// <summary>(out, in) of a projection such as <c>q_proj</c>.</summary>
    public (int Output, int Input) ProjectionShape(string module) => module switch
    {
        "in_proj" when Recurrent is { } r => (r.Projected, Dimension),
        "out_proj" when Recurrent is { } r => (Dimension, r.Inner),
        _ when Recurrent is not null => throw NoProjection(module),
        "q_proj" => (QueryDimension, Dimension),
        "o_proj" => (Dimension, QueryDimension),
        "k_proj" or "v_proj" => (KeyValueDimension, Dimension),
        WeightNames.Gate when IsGated => (HiddenDimension, Dimension),
        "up_proj" => (HiddenDimension, Dimension),
        "down_proj" => (Dimension, HiddenDimension),
        _ => throw NoProjection(module),
    };

    private PbenchException NoProjection(string module) => new($"'{module}' is not a projection of a {ModelType}; expected one of {string.Join(", ", Projections)}");

    /// <summary>Smaller of in and out for each projection: a rank above it is refused.</summary>
    public IReadOnlyDictionary<string, int> SmallestDimensions() =>
        Projections.ToDictionary(m => m, m => Math.Min(ProjectionShape(m).Output, ProjectionShape(m).Input));

    /// <summary>Returns itself, or throws <see cref="PbenchException"/> naming <paramref name="source"/> and the value that cannot be.</summary>
    public DecoderConfig Validated(string source)
    {
        Require(VocabularySize > 0, "vocab_size must be positive", VocabularySize);
        Require(Dimension > 0, "hidden_size must be positive", Dimension);
        Require(Layers > 0, "num_hidden_layers must be positive", Layers);
        Require(ContextLength > 1, "max_position_embeddings must be at least 2", ContextLength);
        Require(NormEpsilon > 0, "the norm's epsilon must be positive", NormEpsilon);
        if (Recurrent is { } r)
        {
            Require(r.StateSize > 0, "state_size must be positive", r.StateSize);
            Require(r.ConvolutionWidth > 1, "conv_kernel must be at least 2", r.ConvolutionWidth);
        }
        if (Selective is { } selective)
        {
            Require(selective.Inner > 0, "intermediate_size must be positive", selective.Inner);
            Require(selective.StepRank > 0, "time_step_rank must be positive", selective.StepRank);
            return this;
        }
        if (StateSpace is { } s)
        {
            Require(s.Heads > 0, "num_heads must be positive", s.Heads);
            Require(s.HeadDimension > 0, "head_dim must be positive", s.HeadDimension);
            Require(s.Groups > 0 && s.Heads % s.Groups == 0, $"n_groups must divide num_heads {s.Heads}", s.Groups);
            Require(s.ChunkSize > 0, "chunk_size must be positive", s.ChunkSize);
            Require(s.MinStep >= 0 && s.MinStep <= (s.MaxStep ?? double.PositiveInfinity), "time_step_limit must be [low, high] with 0 <= low <= high", s.MinStep);
            return this;
        }
        Require(Heads > 0 && (Dimension % Heads == 0 || HeadDimension != Dimension / Heads), $"num_attention_heads must divide hidden_size {Dimension}", Heads);
        Require(HeadDimension > 0 && HeadDimension % 2 == 0, "the width of a head must be even and positive (rotary positions turn pairs)", HeadDimension);
        Require(RotaryShare is > 0 and <= 1 && RotaryDimension % 2 == 0, "rotary_pct must leave an even number of channels to turn, not more than a head has", RotaryShare);
        Require(KeyValueHeads > 0 && Heads % KeyValueHeads == 0, $"num_key_value_heads must divide num_attention_heads {Heads}", KeyValueHeads);
        Require(HiddenDimension > 0, "intermediate_size must be positive", HiddenDimension);
        Require(RopeTheta > 0, "rope_theta must be positive", RopeTheta);
        Require(SlidingWindow is null or > 0, "sliding_window must be positive", SlidingWindow ?? 0);
        Require(WindowedRopeTheta is null or > 0, "rope_local_base_freq must be positive", WindowedRopeTheta ?? 0);
        Require(LogitCap is null or > 0, "final_logit_softcapping must be positive", LogitCap ?? 0);
        Require(AttentionCap is null or > 0, "attn_logit_softcapping must be positive", AttentionCap ?? 0);
        Require(AttentionScale is null or > 0, "the scale of attention must be positive", AttentionScale ?? 0);
        return this;

        void Require(bool holds, string expectation, object value)
        {
            if (!holds) throw new PbenchException(FormattableString.Invariant($"{source}: {expectation}, not {value}"));
        }
    }
}
