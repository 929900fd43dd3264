namespace PersonalizationBench.Models.Checkpoints;

/// <summary>A name in an adapter's settings, and what it stands for.</summary>
public sealed record AdapterTerm(string Name, string Meaning);

/// <summary>Which adapters are read, and which are known and refused: what the reader of <c>adapter_config.json</c> goes by.</summary>
public static class AdapterMethods
{
    /// <summary>Values of <c>peft_type</c> that are read.</summary>
    public static readonly IReadOnlyList<string> Read = ["LORA"];

    /// <summary>Those that are not: the rest of PEFT 0.21, and BONE, which is MISS by its older name.</summary>
    public static readonly IReadOnlyList<AdapterTerm> Refused =
    [
        new("ADALORA", "AdaLoRA"),
        new("ADAMSS", "AdaMSS"),
        new("ADAPTION_PROMPT", "LLaMA-Adapter"),
        new("BEFT", "BEFT"),
        new("BOFT", "BOFT"),
        new("BONE", "Bone"),
        new("C3A", "C3A"),
        new("CARTRIDGE", "a cartridge (trained keys and values)"),
        new("CPT", "context-aware prompt tuning"),
        new("DEFT", "DEFT"),
        new("DELORA", "DeLoRA"),
        new("FOURIERFT", "FourierFT"),
        new("FROD", "FRoD"),
        new("GLORA", "GLoRA"),
        new("GRALORA", "GraLoRA"),
        new("HIRA", "HiRA"),
        new("HRA", "Householder reflection adaptation"),
        new("IA3", "(IA)3"),
        new("LILY", "Lily"),
        new("LN_TUNING", "tuning of layer norms"),
        new("LOHA", "LoHa"),
        new("LOKR", "LoKr"),
        new("MISS", "MiSS"),
        new("MULTITASK_PROMPT_TUNING", "multitask prompt tuning"),
        new("OFT", "OFT"),
        new("OSF", "orthogonal subspace fine-tuning"),
        new("PEANUT", "PEANuT"),
        new("POLY", "Polytropon"),
        new("PREFIX_TUNING", "prefix tuning"),
        new("PROMPT_TUNING", "prompt tuning"),
        new("PSOFT", "PSOFT"),
        new("PVERA", "PVeRA"),
        new("P_TUNING", "P-tuning"),
        new("RANDLORA", "RandLoRA"),
        new("ROAD", "RoAd"),
        new("SHADOW", "Shadow"),
        new("SHIRA", "SHiRA"),
        new("SUPERTUNING", "supertuning"),
        new("TINYLORA", "TinyLoRA"),
        new("TRAINABLE_TOKENS", "trainable tokens without LoRA"),
        new("UNILORA", "Uni-LoRA"),
        new("VBLORA", "VB-LoRA"),
        new("VERA", "VeRA"),
        new("WAVEFT", "WaveFT"),
        new("XLORA", "X-LoRA"),
    ];

    /// <summary>Settings of LoRA that are refused where they are on.</summary>
    public static readonly IReadOnlyList<AdapterTerm> RefusedSettings =
    [
        new("alora_invocation_tokens", "aLoRA, which acts from its invocation tokens on,"),
        new("arrow_config", "Arrow's routing between adapters"),
        new("megatron_config", "a base of Megatron's"),
        new("target_parameters", "LoRA on parameters that are no modules"),
        new("use_bdlora", "block-diagonal LoRA"),
        new("use_qalora", "QA-LoRA"),
    ];

    /// <summary>Values of <c>init_lora_weights</c> that change the base by what is not in the adapter's files.</summary>
    public static readonly IReadOnlyList<string> RefusedStarts = ["corda", "loftq", "lora_ga", "pissa_niter_N"];

    /// <summary>Settings of LoRA that put more on the base than updates s B A of its projections: <c>generate --adapter</c> follows them,
    /// serving and training do not.</summary>
    public static readonly IReadOnlyList<string> FoldedSettings =
    [
        "bias", "init_lora_weights: olora", "init_lora_weights: pissa", "kasa_config", "layer_replication", "lora_bias", "modules_to_save", "target_modules: the embedding", "target_modules: the head",
        "target_modules: x_proj", "target_modules: dt_proj", "trainable_token_indices", "use_dora",
    ];
}
