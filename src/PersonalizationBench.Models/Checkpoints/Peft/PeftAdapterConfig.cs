namespace PersonalizationBench.Models.Checkpoints;

/// <summary>What becomes of the base's weight W of an adapted module before the factors are added; it is computed anew from W whenever such an
/// adapter is put on.</summary>
public enum LoraStart
{
    /// <summary>Nothing.</summary>
    Unchanged,

    /// <summary>Its r largest singular components are taken away: the factors began as those (PiSSA; Meng et al., 2024, arXiv:2404.02948).</summary>
    Pissa,

    /// <summary>s Q R of the first r columns and rows of its QR decomposition is taken away (OLoRA; Büyükakyüz, 2024, arXiv:2406.01775).</summary>
    Olora,

    /// <summary>Its r smallest singular components are taken away (KaSA; Wang et al., 2024, arXiv:2412.06071).</summary>
    Kasa,
}

/// <summary>What an adapter's <c>adapter_config.json</c> says.</summary>
/// <param name="Rank"><c>r</c>, at least 1.</param>
/// <param name="Alpha"><c>lora_alpha</c>.</param>
/// <param name="TargetModules">Names of the adapted modules, whole or their last parts, such as q_proj.</param>
/// <param name="BaseModel"><c>base_model_name_or_path</c>.</param>
public sealed record PeftAdapterConfig(int Rank, double Alpha, IReadOnlyList<string> TargetModules, string BaseModel)
{
    /// <summary>In ordinal order, without repetition.</summary>
    public IReadOnlyList<string> TargetModules { get; init => field = Ordered(value); } = Ordered(TargetModules);

    /// <summary><c>use_rslora</c>: the update is scaled by alpha / sqrt(r) in place of alpha / r (Kalajdzievski, 2023).</summary>
    public bool UseRsLora { get; init; }

    /// <summary><c>rank_pattern</c>: other ranks of the modules whose names end with one of these patterns (regular expressions), as PEFT
    /// matches them: the first that matches, in the order of the file.</summary>
    public OrderedDictionary<string, int> RankPattern { get; init; } = [];

    /// <summary><c>alpha_pattern</c>: the same of alpha.</summary>
    public OrderedDictionary<string, double> AlphaPattern { get; init; } = [];

    /// <summary><c>fan_in_fan_out</c>: the base's own file has these weights [in, out] (GPT-2's). A and B are the same either way.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary><c>init_lora_weights</c> and <c>kasa_config</c>, where they change the base.</summary>
    public LoraStart Start { get; init; }

    /// <summary><c>use_dora</c>: a magnitude of its own for each output (Liu et al., 2024, arXiv:2402.09353).</summary>
    public bool UseDora { get; init; }

    /// <summary><c>lora_bias</c>: B has a bias.</summary>
    public bool LoraBias { get; init; }

    /// <summary><c>bias</c>: none, lora_only or all; which biases were trained and are in the file.</summary>
    public string Bias { get; init; } = "none";

    /// <summary><c>modules_to_save</c>: ends of the names of modules that were trained whole and are in the file.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary><c>trainable_token_indices</c>: tokens with embeddings of their own, by the end of the embedding's name; under an empty name:
    /// of whichever embedding the file has them.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<int>> TokenIndices { get; init; } = new Dictionary<string, IReadOnlyList<int>>();

    /// <summary><c>layer_replication</c>: the layers [start, end) of the base one after another, some more than once; empty: as they are.</summary>
    public IReadOnlyList<(int Start, int End)> LayerReplication { get; init; } = [];

    /// <summary>The factor s where no pattern says otherwise.</summary>
    public double Scaling => UseRsLora ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>The rank of one module.</summary>
    public int RankOf(string module) => PeftPattern.First(RankPattern.Keys, module) is { } pattern ? RankPattern[pattern] : Rank;

    /// <summary>The factor s of W x + s B A x in one module.</summary>
    public double ScalingOf(string module)
    {
        var alpha = PeftPattern.First(AlphaPattern.Keys, module) is { } pattern ? AlphaPattern[pattern] : Alpha;
        return UseRsLora ? alpha / Math.Sqrt(RankOf(module)) : alpha / RankOf(module);
    }

    /// <summary>Whether <c>target_modules</c> names a module.</summary>
    public bool Targets(string module) => TargetModules.Any(t => PeftPattern.IsEnd(t, module));

    private static IReadOnlyList<string> Ordered(IReadOnlyList<string> modules) => [.. modules.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}
