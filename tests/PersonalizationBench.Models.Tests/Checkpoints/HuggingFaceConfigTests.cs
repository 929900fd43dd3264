using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Kernels;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public sealed class HuggingFaceConfigTests
{
    private const string Llama = """
        { "model_type": "llama", "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
          "intermediate_size": 48, "max_position_embeddings": 64, "torch_dtype": "bfloat16", "use_cache": true }
        """;

    [Fact]
    public void Defaults_are_those_of_transformers() => Assert.Equal(
        new DecoderConfig(100, 32, 2, 4, 4, 48, 64, RopeTheta: 10000, NormEpsilon: 1e-6, TiedHead: false), Read(Llama));

    [Fact]
    public void What_is_written_is_read()
    {
        var config = new DecoderConfig(100, 32, 2, 4, 2, 48, 64, RopeTheta: 500, NormEpsilon: 1e-5, TiedHead: true);
        Assert.Equal(config, Read(HuggingFaceConfig.Write(config)));
        foreach (var (low, high) in new (double, double?)[] { (0, null), (0.1, 2.5) })
        {
            var state = new DecoderConfig(100, 32, 2, 0, 0, 0, 64) { ModelType = "mamba2", StateSpace = new StateSpaceShape(8, 8, 16, 2) { MinStep = low, MaxStep = high } };
            Assert.Equal(state, Read(HuggingFaceConfig.Write(state)));
        }
    }

    [Theory]
    [InlineData("[0.0, Infinity]")]
    [InlineData("[0.0, \"Infinity\"]")]
    [InlineData("[0.0, {\"__float__\": \"Infinity\"}]")] // transformers 5
    [InlineData("[{\"__float__\": \"-Infinity\"}, {\"__float__\": \"Infinity\"}]")]
    [InlineData("[-Infinity, 1e999]")]
    public void Infinity_is_read_however_it_is_written(string limit) =>
        Assert.Equal((0.0, null), Read(Mamba2With(limit)).StateSpace is { } s ? (s.MinStep, s.MaxStep) : default);

    [Theory]
    [InlineData("[0.0, NaN]", "time_step_limit: expected [low, high], found [0, NaN]")]
    [InlineData("[0.0, {\"__float__\": \"NaN\"}]", "time_step_limit: expected [low, high], found [0, NaN]")]
    [InlineData("[0.0, {\"__float__\": \"large\"}]", "time_step_limit: expected a number, found {\"__float__\": \"large\"}")]
    [InlineData("[0.0, {\"__int__\": \"Infinity\"}]", "time_step_limit: expected a number")]
    [InlineData("[0.0]", "time_step_limit: expected [low, high], found [0]")]
    public void What_is_no_bound_is_refused(string limit, string expected) =>
        Assert.Contains(expected, Assert.Throws<PbenchException>(() => Read(Mamba2With(limit))).Message, StringComparison.Ordinal);

    [Fact]
    public void Other_numbers_may_not_be_infinite_or_none()
    {
        foreach (var value in new[] { "NaN", "{\"__float__\":\"NaN\"}", "{\"__float__\":\"-Infinity\"}" })
            Assert.Contains("rope_theta must be positive", Assert.Throws<PbenchException>(() => Read(Llama.Replace("\"use_cache\": true", $"\"rope_theta\": {value}", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    private static string Mamba2With(string limit) =>
        HuggingFaceConfig.Write(new DecoderConfig(100, 32, 2, 0, 0, 0, 64) { ModelType = "mamba2", StateSpace = new StateSpaceShape(8, 8, 16) }).Replace("\"n_groups\"", $"\"time_step_limit\": {limit}, \"n_groups\"", StringComparison.Ordinal);

    [Theory]
    [InlineData("_attn_implementation_autoset", "true")]
    [InlineData("_attn_implementation", "\"sdpa\"")]
    [InlineData("_experts_implementation_internal", "\"eager\"")]
    [InlineData("_name_or_path", "\"here\"")]
    [InlineData("_num_labels", "2")]
    [InlineData("_commit_hash", "\"0f3a\"")]
    [InlineData("is_llama_config", "true")]
    [InlineData("is_mistral_config", "true")]
    [InlineData("runtime_config", "{ \"threads\": 4 }")]
    [InlineData("bos_token_id", "1")]
    [InlineData("image_token_id", "1")]
    [InlineData("eos_token_ids", "[1, 2]")]
    [InlineData("hidden_dropout_prob", "0.1")]
    [InlineData("embedding_dropout", "0.1")]
    [InlineData("resid_pdrop", "0.1")]
    [InlineData("dropout", "0.1")]
    [InlineData("initializer_factor", "1.0")]
    [InlineData("router_aux_loss_coef", "0.01")]
    [InlineData("summary_proj_to_labels", "true")]
    [InlineData("unsloth_version", "\"2026.1\"")]
    [InlineData("transformers_version", "\"5.24.0\"")]
    [InlineData("id2label", "{ \"0\": \"a\" }")]
    public void What_libraries_write_of_themselves_and_of_training_changes_nothing(string key, string value) => Assert.Equal(Read(Llama), Read(With(key, JsonNode.Parse(value))));

    [Theory]
    [InlineData("_remove_final_layer_norm", "true")]
    [InlineData("_sliding_window_pattern", "6")]
    [InlineData("is_causal", "true")]
    [InlineData("is_llama", "true")]
    [InlineData("dropout_layers", "2")]
    [InlineData("runtime", "1")]
    public void What_only_looks_like_it_is_refused(string key, string value) =>
        Assert.Contains($"{key} {value} is not known here", Assert.Throws<PbenchException>(() => Read(With(key, JsonNode.Parse(value)))).Message, StringComparison.Ordinal);

    public static TheoryData<string> BugCases => ["attn_autoset", "is_llama_config", "mamba2-infinity"];

    /// <summary>Small files made after public reports (<c>refs/bug-cases</c> of the data folder).</summary>
    [SkippableTheory]
    [MemberData(nameof(BugCases))]
    public void Configurations_that_fell_are_read_as_without_what_they_fell_over(string name)
    {
        var path = SharedData.Require($"refs/bug-cases/config/{name}/config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach (var inert in new[] { "_attn_implementation_autoset", "is_llama_config" }) json.Remove(inert);
        if (json["time_step_limit"] is JsonArray limit) limit[1] = 1e30;
        var plain = Read(json.ToJsonString());
        Assert.Equal(plain.StateSpace is { } state ? plain with { StateSpace = state with { MaxStep = null } } : plain, HuggingFaceConfig.Read(File.ReadAllText(path), path));
    }

    // The fields of state-spaces/mamba-130m-hf.
    private const string Mamba = """
        { "architectures": ["MambaForCausalLM"], "bos_token_id": 0, "conv_kernel": 4, "d_inner": 1536, "d_model": 768, "eos_token_id": 0, "expand": 2,
          "fused_add_norm": true, "hidden_act": "silu", "hidden_size": 768, "initializer_range": 0.1, "intermediate_size": 1536,
          "layer_norm_epsilon": 1e-05, "model_type": "mamba", "n_layer": 24, "num_hidden_layers": 24, "pad_token_id": 0, "pad_vocab_size_multiple": 8,
          "rescale_prenorm_residual": false, "residual_in_fp32": true, "rms_norm": true, "ssm_cfg": {}, "state_size": 16, "time_step_floor": 0.0001,
          "time_step_init_scheme": "random", "time_step_max": 0.1, "time_step_min": 0.001, "time_step_rank": 48, "time_step_scale": 1.0,
          "torch_dtype": "float32", "transformers_version": "4.39.0.dev0", "use_bias": false, "use_cache": true, "use_conv_bias": true, "vocab_size": 50280 }
        """;

    [Fact]
    public void A_mamba_is_read()
    {
        var config = Read(Mamba);
        Assert.Equal(
            new DecoderConfig(50280, 768, 24, 0, 0, 0, config.ContextLength) { ModelType = "mamba", Selective = new SelectiveShape(1536, 16, 48) }, config);
        Assert.Equal(129_135_360, config.Parameters); // as the model's card counts: 130 M
        Assert.Equal(config, Read(Mamba.Replace("\"time_step_rank\": 48", "\"time_step_rank\": \"auto\"", StringComparison.Ordinal)));
        Assert.Equal(5, Read("{ \"model_type\": \"mamba\", \"vocab_size\": 9, \"hidden_size\": 65, \"num_hidden_layers\": 1 }").Selective!.StepRank); // rounded up
    }

    [Theory]
    [InlineData("\"intermediate_size\": 1536", "\"intermediate_size\": 1024", "intermediate_size: expected 1536 by hidden_size, expand and num_hidden_layers, found 1024")]
    [InlineData("\"d_model\": 768", "\"d_model\": 512", "d_model: expected 768")]
    [InlineData("\"n_layer\": 24", "\"n_layer\": 12", "n_layer: expected 24")]
    [InlineData("\"ssm_cfg\": {}", "\"ssm_cfg\": { \"layer\": \"Mamba2\" }", "ssm_cfg: expected {}; nothing else is supported")]
    [InlineData("\"rms_norm\": true", "\"rms_norm\": false", "rms_norm: expected true")]
    [InlineData("\"time_step_rank\": 48", "\"time_step_rank\": \"small\"", "time_step_rank: expected a whole number")]
    [InlineData("\"time_step_rank\": 48", "\"time_step_rank\": 0", "time_step_rank must be positive")]
    [InlineData("\"state_size\": 16", "\"state_size\": 0", "state_size must be positive")]
    [InlineData("\"conv_kernel\": 4", "\"conv_kernel\": 1", "conv_kernel must be at least 2")]
    [InlineData("\"expand\": 2", "\"expand\": 2, \"time_step_limit\": [0, 1]", "time_step_limit [0, 1] is not known here")]
    public void A_mamba_that_is_another_model_is_refused_by_name(string from, string to, string expected)
    {
        Assert.Contains(from, Mamba, StringComparison.Ordinal);
        var error = Assert.Throws<PbenchException>(() => Read(Mamba.Replace(from, to, StringComparison.Ordinal)));
        Assert.StartsWith("here/config.json: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotations_are_told_in_the_old_way_and_the_new()
    {
        var old = Read(With("rope_theta", 500.0), With("rope_scaling", new JsonObject { ["type"] = "linear", ["factor"] = 2.0 }));
        var parameters = new JsonObject { ["rope_type"] = "linear", ["factor"] = 2.0, ["rope_theta"] = 500.0 };
        Assert.Equal(old, Read(With("rope_parameters", parameters)));
        Assert.Equal(new LinearRopeScaling(2), old.RopeScaling);
    }

    [Fact]
    public void Layer_types_say_where_the_window_begins()
    {
        var config = Read(
            With("model_type", "qwen3"), With("head_dim", 8), With("use_sliding_window", true), With("sliding_window", 4),
            With("layer_types", new JsonArray("full_attention", "sliding_attention")));
        Assert.Equal([null, 4], new[] { config.WindowOf(0), config.WindowOf(1) });
        Assert.Null(Read(With("model_type", "qwen2"), With("sliding_window", 4)).SlidingWindow); // not in use unless said so
    }

    [Fact]
    public void Layers_of_gemmas_are_told_in_the_old_way_and_the_new()
    {
        (string, JsonNode?)[] gemma = [With("model_type", "gemma3_text"), With("num_hidden_layers", 7), With("num_key_value_heads", 2), With("head_dim", 8), With("sliding_window", 4)];
        var old = Read([.. gemma, With("rope_theta", 1e6), With("rope_local_base_freq", 5000.0), With("rope_scaling", new JsonObject { ["rope_type"] = "linear", ["factor"] = 8.0 }), With("sliding_window_pattern", 3)]);
        var layers = new JsonArray([.. Enumerable.Range(1, 7).Select(i => (JsonNode)(i % 3 == 0 ? "full_attention" : "sliding_attention"))]);
        var parameters = new JsonObject
        {
            ["full_attention"] = new JsonObject { ["rope_type"] = "linear", ["factor"] = 8.0, ["rope_theta"] = 1e6 },
            ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 5000.0 },
        };
        Assert.Equal(old, Read([.. gemma, With("rope_parameters", parameters), With("layer_types", layers), With("_sliding_window_pattern", 6)]));
        Assert.Equal([4, 4, null, 4, 4, null, 4], Enumerable.Range(0, 7).Select(old.WindowOf));
        Assert.Equal((new LinearRopeScaling(8), 5000.0), (old.RopeScaling, old.WindowedRopeTheta));
        Assert.False(old.IsPlainLlama);
    }

    [Fact]
    public void A_cap_that_is_said_to_be_none_is_none()
    {
        (string, JsonNode?)[] gemma = [With("model_type", "gemma2"), With("num_key_value_heads", 2), With("head_dim", 8)];
        Assert.Equal((50.0, 30.0), Read(gemma) is var c ? (c.AttentionCap, c.LogitCap) : default);
        Assert.Equal((null, null), Read([.. gemma, With("attn_logit_softcapping", null), With("final_logit_softcapping", null)]) is var none ? (none.AttentionCap, none.LogitCap) : default);
    }

    [Theory]
    [InlineData("smollm3", "no_rope_layers", "[1, 2]", "no_rope_layers: expected 2 times 0 or 1, one for each layer")]
    [InlineData("smollm3", "layer_types", "[\"full_attention\", \"chunked_attention\"]", "layer_types: expected 2 times 'full_attention' or 'sliding_attention'")]
    [InlineData("olmo3", "sliding_window", "4", "layer_types is missing")]
    [InlineData("gemma2", "hidden_activation", "\"gelu\"", "hidden_activation 'gelu' is not supported")]
    [InlineData("gemma2", "attn_logit_softcapping", "-1.0", "attn_logit_softcapping must be positive")]
    [InlineData("phi3", "rope_scaling", "{ \"type\": \"longrope\" }", "rope_scaling.type 'longrope' is not supported")]
    [InlineData("gemma2", "use_bidirectional_attention", "true", "use_bidirectional_attention true is not known here")]
    public void What_other_families_say_and_cannot_be_done_is_refused_by_name(string type, string key, string value, string expected) =>
        Assert.Contains(expected, Assert.Throws<PbenchException>(() => Read(With("model_type", type), With("num_key_value_heads", 2), With(key, JsonNode.Parse(value)))).Message, StringComparison.Ordinal);

    public static TheoryData<string, string, string> Refused => new()
    {
        { "model_type", "\"lama\"", "did you mean 'llama'?" },
        { "model_type", "\"mixtral\"", "Expected one of llama, mistral" },
        { "attn_logit_softcapping", "30.0", "attn_logit_softcapping 30.0 is not known here" },
        { "hidden_act", "\"gelu\"", "hidden_act 'gelu' is not supported" },
        { "rope_scaling", "{ \"rope_type\": \"yarn\", \"factor\": 4.0 }", "rope_scaling.rope_type 'yarn' is not supported" },
        { "rope_scaling", "{ \"rope_type\": \"linear\", \"factor\": 4.0, \"beta\": 1 }", "rope_scaling.beta 1 is not known here" },
        { "rope_scaling", "{ \"rope_type\": \"linear\" }", "rope_scaling.factor is missing" },
        { "quantization_config", "{ \"bits\": 4 }", "quantization_config" },
        { "num_hidden_layers", "\"two\"", "num_hidden_layers: expected a whole number" },
        { "num_key_value_heads", "3", "num_key_value_heads must divide" },
        { "hidden_size", "33", "num_attention_heads must divide hidden_size 33" },
        { "vocab_size", "null", "vocab_size is missing" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_changes_the_result_and_cannot_be_done_is_refused_by_name(string key, string value, string expected)
    {
        var error = Assert.Throws<PbenchException>(() => Read(With(key, JsonNode.Parse(value))));
        Assert.StartsWith("here/config.json: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_architecture_that_there_is_and_that_is_not_here_is_refused_by_its_name_and_taken_for_no_other() => Assert.All(ModelFormats.RefusedArchitectures, type =>
        Assert.StartsWith($"here/config.json: model_type '{type}' is not supported. Expected one of llama, mistral", Assert.Throws<PbenchException>(() => Read(With("model_type", type))).Message, StringComparison.Ordinal));

    private static (string Key, JsonNode? Value) With(string key, JsonNode? value) => (key, value);

    private static DecoderConfig Read(params (string Key, JsonNode? Value)[] changes)
    {
        var json = JsonNode.Parse(Llama)!.AsObject();
        foreach (var (key, value) in changes) json[key] = value?.DeepClone();
        return Read(json.ToJsonString());
    }

    private static DecoderConfig Read(string text) => HuggingFaceConfig.Read(text, "here/config.json");
}
