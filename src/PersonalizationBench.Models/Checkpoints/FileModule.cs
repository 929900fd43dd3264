namespace PersonalizationBench.Models.Checkpoints;

/// <summary>A module of a block as Hugging Face's class of a model has it, and the projections here that it is.</summary>
/// <param name="Name">Within its block, such as <c>attn.c_attn</c>; no other module's name ends with it.</param>
/// <param name="Projections">By <see cref="DecoderConfig.Projections"/>, in the order of its rows; several where it is all of them in one product.</param>
internal sealed record FileModule(string Name, params string[] Projections)
{
    private static readonly string[] QueryKeyValue = ["q_proj", "k_proj", "v_proj"];

    private static readonly FileModule[] Gpt2 = [new("attn.c_attn", QueryKeyValue), new("attn.c_proj", "o_proj"), new("mlp.c_fc", "up_proj"), new("mlp.c_proj", "down_proj")];

    private static readonly FileModule[] GptNeoX =
    [
        new("attention.query_key_value", QueryKeyValue), new("attention.dense", "o_proj"), new("mlp.dense_h_to_4h", "up_proj"), new("mlp.dense_4h_to_h", "down_proj"),
    ];

    private static readonly FileModule[] Phi3 = [new("qkv_proj", QueryKeyValue), new("o_proj", "o_proj"), new("gate_up_proj", WeightNames.Gate, "up_proj"), new("down_proj", "down_proj")];

    public bool IsFused => Projections.Length > 1;

    public static IReadOnlyList<FileModule> Of(DecoderConfig config) => config.ModelType switch
    {
        "gpt2" => Gpt2,
        "gpt_neox" => GptNeoX,
        "phi3" => Phi3,
        _ => [.. config.Projections.Select(p => new FileModule(p, p))],
    };

    /// <summary>The whole name, such as <c>transformer.h.0.attn.c_attn</c>.</summary>
    public string Path(DecoderConfig config, int layer) => config.ModelType switch
    {
        "gpt2" => FormattableString.Invariant($"transformer.h.{layer}.{Name}"),
        "gpt_neox" => FormattableString.Invariant($"gpt_neox.layers.{layer}.{Name}"),
        _ => WeightNames.Module(layer, Name),
    };

    /// <summary>Whether a module's weight lies [in, out] in the file: GPT-2's within its blocks.</summary>
    public static bool IsTransposed(DecoderConfig config, string path) => config.ModelType == "gpt2" && path.Contains(".h.", StringComparison.Ordinal);

    /// <summary>From the order of a fused module's rows in the file to one projection after another.</summary>
    /// <param name="width">Values of a row.</param>
    public float[] RowsApart(DecoderConfig config, float[] values, int width) => IsHeadByHead(config) ? Regrouped(values, config.Heads, Projections.Length, config.HeadDimension * width) : values;

    /// <summary>The inverse of <see cref="RowsApart"/>.</summary>
    public float[] RowsTogether(DecoderConfig config, float[] values, int width) => IsHeadByHead(config) ? Regrouped(values, Projections.Length, config.Heads, config.HeadDimension * width) : values;

    /// <summary>In GPT-NeoX query, key and value of a head lie together, head after head.</summary>
    private bool IsHeadByHead(DecoderConfig config) => IsFused && config.ModelType == "gpt_neox";

    /// <summary>From [first, second, size] to [second, first, size].</summary>
    private static float[] Regrouped(float[] values, int first, int second, int size)
    {
        var grouped = new float[values.Length];
        for (var i = 0; i < first; i++)
            for (var j = 0; j < second; j++)
                values.AsSpan((i * second + j) * size, size).CopyTo(grouped.AsSpan((j * first + i) * size, size));
        return grouped;
    }
}
