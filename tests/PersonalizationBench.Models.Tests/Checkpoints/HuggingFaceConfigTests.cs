using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Torch;

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

    [Fact]
    public void Pythons_infinity_is_read()
    {
        var text = HuggingFaceConfig.Write(new DecoderConfig(100, 32, 2, 0, 0, 0, 64) { ModelType = "mamba2", StateSpace = new StateSpaceShape(8, 8, 16) });
        foreach (var limit in new[] { "[0.0, Infinity]", "[0.0, \"Infinity\"]" })
            Assert.Null(Read(text.Replace("\"n_groups\"", $"\"time_step_limit\": {limit}, \"n_groups\"", StringComparison.Ordinal)).StateSpace!.MaxStep);
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

    private static (string Key, JsonNode? Value) With(string key, JsonNode? value) => (key, value);

    private static DecoderConfig Read(params (string Key, JsonNode? Value)[] changes)
    {
        var json = JsonNode.Parse(Llama)!.AsObject();
        foreach (var (key, value) in changes) json[key] = value?.DeepClone();
        return Read(json.ToJsonString());
    }

    private static DecoderConfig Read(string text) => HuggingFaceConfig.Read(text, "here/config.json");
}
