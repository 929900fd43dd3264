using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models;

/// <summary>Which bases and adapters are read.</summary>
public static class ModelFormats
{
    /// <summary>Types of transformers 5 that are refused, each held by a test against a model that it saved.</summary>
    public static readonly IReadOnlyList<string> RefusedArchitectures =
    [
        "bamba", "bloom", "cohere2", "deepseek_v3", "falcon", "falcon_h1", "falcon_mamba", "gemma4_text", "glm4", "gpt_neo", "gpt_oss", "gptj", "granitemoehybrid", "jamba", "lfm2", "lfm3", "ministral3", "mixtral",
        "nemotron_h", "olmo", "olmoe", "opt", "phi", "qwen3_5_text", "qwen3_moe", "qwen3_next", "recurrent_gemma", "rwkv", "stablelm", "starcoder2", "zamba2",
    ];

    public static IReadOnlyList<FormatSection> Sections =>
    [
        new("Bases in Hugging Face's layout: `model_type` of config.json", HuggingFaceConfig.ModelTypes, "Another type is refused by name, and so is every field that changes the result and is not known.") { Refused = RefusedArchitectures },
        new("Scaling of rotary positions: `rope_type`", HuggingFaceConfig.RopeTypes, "Another is refused by name.") { Refused = ["dynamic", "yarn", "longrope"] },
        new("Bases as GGUF: `general.architecture`", GgufConfig.Architectures, "Another, a scaling of rotations other than `none` and `linear`, factors of single frequencies, and every key of the architecture that is not known are refused by name."),
        new("Types of tensors in GGUF", Enum.GetNames<GgufElement>(), "Another is refused by its name, with the tensor's.") { Refused = [.. GgufElements.OtherNames] },
        new("Types of weights in safetensors", TensorDTypes.Floating, "Another is refused by its name, with the tensor's."),
        new("Adapters: `peft_type` of adapter_config.json", AdapterMethods.Read, "Another is refused by name.") { Refused = [.. AdapterMethods.Refused.Select(m => m.Name)] },
        new("Adapters: settings of LoRA beyond updates of projections", AdapterMethods.FoldedSettings, "`generate --adapter` follows these; serving and training refuse them by name. Another setting that changes the adapted model is refused by name.")
        {
            Refused = [.. AdapterMethods.RefusedSettings.Select(s => s.Name), .. AdapterMethods.RefusedStarts.Select(s => $"init_lora_weights: {s}")],
        },
    ];
}
