using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using static PersonalizationBench.Models.Tests.Checkpoints.GgufFileTests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>What the metadata and the tensors' names of a GGUF file say of the model.</summary>
public sealed class GgufConfigTests
{
    private static readonly DecoderConfig s_llama = new(20, 8, 2, 2, 1, 12, 16, RopeTheta: 500, NormEpsilon: 0.125, TiedHead: false);

    [Fact]
    public void Rows_of_queries_and_keys_of_a_llama_alone_are_put_in_pairs()
    {
        float[] rows = [0, 1, 2, 3, 4, 5, 6, 7];
        Assert.Equal([0, 2, 1, 3, 4, 6, 5, 7], GgufLayout.Interleaved(s_llama, "q_proj", rows));
        Assert.Equal([0, 1, 4, 5, 2, 3, 6, 7], GgufLayout.Interleaved(s_llama, "k_proj", rows));
        foreach (var other in new[] { "v_proj", "o_proj", "gate_proj", "embed_tokens" }) Assert.Equal(rows, GgufLayout.Interleaved(s_llama, other, rows));
        foreach (var module in new[] { "q_proj", "k_proj" }) Assert.Equal(rows, GgufLayout.Interleaved(s_llama with { ModelType = "qwen2" }, module, rows));
    }

    [Theory]
    [InlineData("llama", false)]
    [InlineData("llama", true)]
    [InlineData("qwen2", true)]
    public void A_model_written_by_its_names_and_keys_is_the_same_model(string architecture, bool biases)
    {
        var config = s_llama with { ModelType = architecture, QueryKeyValueBias = biases, OutputBias = biases && architecture == "llama" };
        using var weights = DecoderWeights.Initialise(config, seed: 3, Precision.Float32);
        foreach (var name in weights.Names.Where(n => n.EndsWith("bias", StringComparison.Ordinal))) weights.Master(name).normal_();
        var tensors = weights.Export().Select(w => Tensor(GgufLayout.NameOf(w.Name), w.Shape, GgufLayout.Interleaved(config, w.Name.Split('.')[^2], TensorDTypes.ToSingles("F32", w.Bytes.Span, w.Name))));
        using var file = Written(Keys(architecture), tensors);
        Assert.Equal(config, GgufConfig.Read(file));
        using var read = DecoderWeights.Load(config, file, Precision.Float32, "cpu");
        Assert.All(weights.Names, name => Assert.Equal(TensorConversion.Singles(weights.Copy(name)).ToArray(), TensorConversion.Singles(read.Copy(name)).ToArray()));
    }

    public static TheoryData<string, object, string> Refused => new()
    {
        { "general.architecture", "gemma2", "general.architecture 'gemma2' is not read; expected one of llama, qwen2" },
        { "general.type", "adapter", "general.type 'adapter': expected 'model'" },
        { "split.count", 3u, "split.count: this is one of 3 files" },
        { "llama.rope.scaling.type", "yarn", "rope.scaling.type 'yarn' is not supported; expected 'none' or 'linear'" },
        { "llama.rope.scaling.attn_factor", 1.5f, "llama.rope.scaling.attn_factor 1.5 is not known here and may change the result" },
        { "llama.expert_count", 8u, "llama.expert_count 8 is not known here" },
        { "llama.attention.sliding_window", 64u, "llama.attention.sliding_window 64 is not known here" },
        { "llama.logit_scale", 0.5f, "llama.logit_scale 0.5 is not known here" },
        { "llama.rope.dimension_count", 2u, "llama.rope.dimension_count: expected 4, the width of a key: every channel turns; found 2" },
        { "llama.attention.value_length", 8u, "llama.attention.value_length: expected 4, the width of a key; found 8" },
        { "llama.vocab_size", 21u, "llama.vocab_size: expected 20, the rows of token_embd.weight; found 21" },
        { "llama.attention.head_count", "two", "llama.attention.head_count: expected a whole number, found two" },
        { "llama.attention.head_count", new[] { 2, 2 }, "llama.attention.head_count: expected a whole number, found an array of 2" },
        { "llama.attention.head_count_kv", 3u, "num_key_value_heads must divide num_attention_heads 2, not 3" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_understood_is_refused_by_name(string key, object value, string expected)
    {
        using var file = Written([.. Keys("llama").Where(k => k.Key != key), (key, value)], [Tensor("token_embd.weight", [20, 8], new float[160])]);
        var error = Assert.Throws<PbenchException>(() => GgufConfig.Read(file));
        Assert.StartsWith("bad.gguf: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_says_no_and_what_is_no_business_of_the_models_is_passed_over()
    {
        using var file = Written(
            [.. Keys("llama"), ("llama.expert_count", 0u), ("llama.rope.scaling.type", "none"), ("quantize.imatrix.file", "x"), ("general.file_type", 3u)],
            [Tensor("token_embd.weight", [20, 8], new float[160]), Tensor("output.weight", [20, 8], new float[160])]);
        Assert.Equal(s_llama, GgufConfig.Read(file));
    }

    [Theory]
    [InlineData("llama.rope.scaling.factor", "llama.rope.scaling.type")]
    [InlineData("llama.rope.scale_linear", null)]
    public void Linear_scaling_is_told_in_the_old_way_and_the_new(string factor, string? kind)
    {
        using var file = Written([.. Keys("llama"), (factor, 4f), .. kind is null ? Array.Empty<(string, object)>() : [(kind, "linear")]], [Tensor("token_embd.weight", [20, 8], new float[160])]);
        Assert.Equal(new LinearRopeScaling(4), GgufConfig.Read(file).RopeScaling);
    }

    [Fact]
    public void Frequencies_of_their_own_a_missing_key_and_a_missing_or_strange_tensor_are_refused_by_name()
    {
        var embedding = Tensor("token_embd.weight", [20, 8], new float[160]);
        Refuse(Keys("llama"), [embedding, Tensor("rope_freqs.weight", [2], [1, 2])], "tensor 'rope_freqs.weight': frequencies changed one by one are not supported");
        Refuse([.. Keys("llama").Where(k => k.Key != "llama.block_count")], [embedding], "llama.block_count is missing");
        Refuse([], [embedding], "general.architecture is missing");
        Refuse(Keys("llama"), [], "there is no tensor 'token_embd.weight'");
        using var strange = Written(Keys("llama"), [embedding, Tensor("blk.0.attn_qkv.weight", [2], [1, 2])]);
        Assert.Contains("tensor 'blk.0.attn_qkv.weight' has no place in this model; did you mean 'blk.0.attn_", Assert.Throws<PbenchException>(() => DecoderWeights.Load(GgufConfig.Read(strange), strange, Precision.Float32, "cpu")).Message, StringComparison.Ordinal);

        static void Refuse(IEnumerable<(string, object)> metadata, IEnumerable<GgufTensor> tensors, string expected)
        {
            using var file = Written(metadata, tensors);
            Assert.Contains(expected, Assert.Throws<PbenchException>(() => GgufConfig.Read(file)).Message, StringComparison.Ordinal);
        }
    }

    private static (string Key, object Value)[] Keys(string architecture) =>
    [
        ("general.architecture", architecture), ($"{architecture}.block_count", 2u), ($"{architecture}.context_length", 16u), ($"{architecture}.embedding_length", 8u), ($"{architecture}.feed_forward_length", 12u),
        ($"{architecture}.attention.head_count", 2u), ($"{architecture}.attention.head_count_kv", 1u), ($"{architecture}.rope.freq_base", 500f), ($"{architecture}.attention.layer_norm_rms_epsilon", 0.125f),
    ];

    private static GgufFile Written(IEnumerable<(string, object)> metadata, IEnumerable<GgufTensor> tensors)
    {
        var stream = new MemoryStream();
        GgufWriter.Write(stream, [.. metadata], [.. tensors]);
        return GgufFile.Open(stream, "bad.gguf");
    }
}
