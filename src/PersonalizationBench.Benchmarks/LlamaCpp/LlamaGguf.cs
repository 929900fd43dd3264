using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// A Llama and its adapters as llama.cpp reads them, by its names and in its order of rows (<see cref="GgufLayout"/>).
/// </summary>
public static class LlamaGguf
{
    private const string Architecture = "llama";
    private const int NormalToken = 1;

    /// <param name="exact">The base in f32.</param>
    /// <param name="element">Of the matrices; norms stay f32.</param>
    public static void WriteBase(string path, LoadedBase exact, GgufElement element)
    {
        var config = exact.Config;
        if (!config.IsPlainLlama || config.RopeScaling is not null) throw new PbenchException($"base '{exact.Info.Name}': expected a plain Llama, which is all that is written for llama.cpp");
        var tensors = exact.Weights.Export().Select(weight =>
        {
            var values = TensorDTypes.ToSingles(weight.DType, weight.Bytes.Span, weight.Name);
            return Tensor(GgufLayout.NameOf(weight.Name), weight.Shape.Length == 1 ? GgufElement.F32 : element, GgufLayout.Interleaved(config, weight.Name.Split('.')[^2], values), weight.Shape);
        });
        GgufWriter.Write(path, Metadata(config, exact), [.. tensors]);
    }

    public static void WriteAdapter(string path, DecoderConfig config, PeftAdapter adapter, GgufElement element)
    {
        var tensors = adapter.Modules.SelectMany(factors =>
        {
            var (name, rank) = (GgufLayout.NameOf(factors.Module + ".weight"), adapter.Config.RankOf(factors.Module));
            return new[]
            {
                Tensor(name + ".lora_a", element, factors.ASingles(), rank, factors.InFeatures),
                Tensor(name + ".lora_b", element, GgufLayout.Interleaved(config, factors.Module.Split('.')[^1], factors.BSingles()), factors.OutFeatures, rank),
            };
        });
        GgufWriter.Write(path,
        [
            ("general.architecture", Architecture), ("general.type", "adapter"), ("adapter.type", "lora"),
            ("adapter.lora.alpha", (float)adapter.Config.Alpha),
        ], [.. tensors]);
    }

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
