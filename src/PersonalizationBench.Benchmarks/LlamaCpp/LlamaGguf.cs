using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// A Llama and its adapters as llama.cpp reads them. It turns neighbouring channels of queries and keys where the weights here turn
/// channels half a head apart, so the rows of those projections, and of their adapters' B, are put into its order.
/// </summary>
public static class LlamaGguf
{
    private const string Architecture = "llama";
    private const int NormalToken = 1;

    private static readonly Dictionary<string, string> s_modules = new(StringComparer.Ordinal)
    {
        ["input_layernorm"] = "attn_norm",
        ["q_proj"] = "attn_q",
        ["k_proj"] = "attn_k",
        ["v_proj"] = "attn_v",
        ["o_proj"] = "attn_output",
        ["post_attention_layernorm"] = "ffn_norm",
        ["gate_proj"] = "ffn_gate",
        ["up_proj"] = "ffn_up",
        ["down_proj"] = "ffn_down",
    };

    /// <param name="exact">The base in f32.</param>
    /// <param name="element">Of the matrices; norms stay f32.</param>
    public static void WriteBase(string path, LoadedBase exact, GgufElement element)
    {
        var config = exact.Config;
        if (!config.IsPlainLlama || config.RopeScaling is not null) throw new PbenchException($"base '{exact.Info.Name}': expected a plain Llama, which is all that is written for llama.cpp");
        var tensors = exact.Weights.Export().Select(weight =>
        {
            var values = TensorDTypes.ToSingles(weight.DType, weight.Bytes.Span, weight.Name);
            return Tensor(NameOf(weight.Name), weight.Shape.Length == 1 ? GgufElement.F32 : element, InItsOrder(config, weight.Name.Split('.')[^2], values, config.Dimension), weight.Shape);
        });
        GgufFile.Write(path, Metadata(config, exact), [.. tensors]);
    }

    public static void WriteAdapter(string path, DecoderConfig config, PeftAdapter adapter, GgufElement element)
    {
        var tensors = adapter.Modules.SelectMany(factors =>
        {
            var (name, rank) = (NameOf(factors.Module + ".weight"), adapter.Config.RankOf(factors.Module));
            return new[]
            {
                Tensor(name + ".lora_a", element, factors.ASingles(), rank, factors.InFeatures),
                Tensor(name + ".lora_b", element, InItsOrder(config, factors.Module.Split('.')[^1], factors.BSingles(), rank), factors.OutFeatures, rank),
            };
        });
        GgufFile.Write(path,
        [
            ("general.architecture", Architecture), ("general.type", "adapter"), ("adapter.type", "lora"),
            ("adapter.lora.alpha", (float)adapter.Config.Alpha),
        ], [.. tensors]);
    }

    /// <summary>What llama.cpp calls a weight.</summary>
    internal static string NameOf(string weight) => weight switch
    {
        WeightNames.Embedding => "token_embd.weight",
        WeightNames.FinalNorm => "output_norm.weight",
        WeightNames.Head => "output.weight",
        _ when weight.Split('.') is ["model", "layers", var layer, .., var module, "weight"] && s_modules.TryGetValue(module, out var name) => $"blk.{layer}.{name}.weight",
        _ => throw new PbenchException($"'{weight}' is not a weight of a plain Llama"),
    };

    /// <summary>Rows of a projection, or of its B, as llama.cpp wants them.</summary>
    internal static float[] InItsOrder(DecoderConfig config, string module, float[] values, int columns) => module switch
    {
        "q_proj" => RotaryLayout.HalfToInterleaved(values, config.Heads, config.HeadDimension, columns),
        "k_proj" => RotaryLayout.HalfToInterleaved(values, config.KeyValueHeads, config.HeadDimension, columns),
        _ => values,
    };

    private static (string, object)[] Metadata(DecoderConfig config, LoadedBase model)
    {
        // Prompts and answers are ids: all that is wanted of the tokens' texts is that there are as many as rows, each once, and one for
        // every byte, without which a tokenizer of this kind ends the process.
        string[] texts = [.. Enumerable.Range(0, config.VocabularySize).Select(i => i <= byte.MaxValue ? FormattableString.Invariant($"<0x{i:X2}>") : FormattableString.Invariant($"token-{i}"))];
        return
        [
            ("general.architecture", Architecture), ("general.type", "model"), ("general.name", model.Info.Name),
            ("llama.vocab_size", (uint)config.VocabularySize), ("llama.context_length", (uint)config.ContextLength),
            ("llama.embedding_length", (uint)config.Dimension), ("llama.block_count", (uint)config.Layers), ("llama.feed_forward_length", (uint)config.HiddenDimension),
            ("llama.attention.head_count", (uint)config.Heads), ("llama.attention.head_count_kv", (uint)config.KeyValueHeads),
            ("llama.attention.key_length", (uint)config.HeadDimension), ("llama.attention.value_length", (uint)config.HeadDimension),
            ("llama.attention.layer_norm_rms_epsilon", (float)config.NormEpsilon),
            ("llama.rope.dimension_count", (uint)config.RotaryDimension), ("llama.rope.freq_base", (float)config.RopeTheta),
            ("tokenizer.ggml.model", "llama"), ("tokenizer.ggml.tokens", texts), ("tokenizer.ggml.scores", new float[texts.Length]),
            ("tokenizer.ggml.token_type", Enumerable.Repeat(NormalToken, texts.Length).ToArray()),
            ("tokenizer.ggml.bos_token_id", (uint)model.Tokenizer.BeginOfText!), ("tokenizer.ggml.eos_token_id", (uint)model.Tokenizer.EndOfText!),
        ];
    }

    private static GgufTensor Tensor(string name, GgufElement element, float[] values, params long[] shape) => new(name, element, shape, element switch
    {
        GgufElement.F32 => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
        GgufElement.F16 => MemoryMarshal.AsBytes(values.Select(v => (Half)v).ToArray().AsSpan()).ToArray(),
        _ => BFloat16.FromSingles(values),
    });
}
