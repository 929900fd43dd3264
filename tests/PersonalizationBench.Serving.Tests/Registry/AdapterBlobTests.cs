using System.Globalization;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>Tests 7 and 8 of a trusted server: what an adapter's bytes may be, and which adapters may become revisions.</summary>
public sealed class AdapterBlobTests
{
    private const int Width = 32, KeyValueWidth = 16, Rank = 2;

    /// <summary>Two layers; q_proj 32 to 32, v_proj 32 to 16.</summary>
    private static readonly DecoderConfig Base = new(61, Width, 2, 4, 2, 48, 40);

    private static readonly Policy Policy = new("p", Bench.Alice, Bench.BaseDigest, Rank, ["q_proj", "v_proj"], DateTimeOffset.UnixEpoch);

    private static float[] Values(int count) => [.. Enumerable.Range(0, count).Select(i => (i % 13 - 6) / 8f)];

    private static LoraFactors Factors(string module, int rank = Rank, int input = Width, int output = Width) =>
        LoraFactors.FromSingles(module, rank, Values(rank * input), Values(output * rank));

    private static PeftAdapter Adapter(params LoraFactors[] modules) =>
        new(new PeftAdapterConfig(Rank, 16, [.. modules.Select(m => m.Module.Split('.')[^1])], "tiny"), modules, Bench.BaseDigest);

    private static PeftAdapter Good() => Adapter(Factors("model.layers.0.self_attn.q_proj"), Factors("model.layers.1.self_attn.v_proj", output: KeyValueWidth));

    private static string Refused(PeftAdapter adapter, Policy? policy = null)
    {
        var error = Assert.Throws<RegistryException>(() => AdapterBlob.Check(adapter, policy ?? Policy, Base, "upload"));
        Assert.Equal(RegistryError.Invalid, error.Error);
        Assert.StartsWith("upload: ", error.Message);
        return error.Message;
    }

    [Fact]
    public void Packed_and_read_it_is_the_same_adapter_and_packed_again_the_same_bytes()
    {
        var (adapter, blob) = (Good(), AdapterBlob.Pack(Good()));
        var read = AdapterBlob.Read(blob, "blob");
        Assert.Equal(adapter.Digest(), read.Digest());
        Assert.Equal(blob, AdapterBlob.Pack(read));
        AdapterBlob.Check(read, Policy, Base, "blob");
        // Tools that know PEFT's weights read these.
        using var weights = SafetensorsFile.Open(new MemoryStream(blob), "blob");
        Assert.Equal(["adapter_config", "adapter_sha256", "base_sha256", "format"], weights.Metadata.Keys);
        Assert.True(weights.Contains("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"));
    }

    [Fact]
    public void A_part_of_a_larger_buffer_is_read_in_its_place()
    {
        var blob = AdapterBlob.Pack(Good());
        byte[] larger = [1, 2, 3, .. blob, 4, 5];
        Assert.Equal(Good().Digest(), AdapterBlob.Read(larger.AsMemory(3, blob.Length), "blob").Digest());
    }

    [Fact]
    public void T07_Bytes_that_are_no_adapter_are_refused_naming_what_they_are()
    {
        var plain = SafetensorsFile.Serialize([TensorData.FromSingles("a", [1], 1)]);
        Assert.Equal("blob: expected the text of adapter_config.json as 'adapter_config' in the metadata", Assert.Throws<PbenchException>(() => AdapterBlob.Read(plain, "blob")).Message);
        Assert.StartsWith("blob: ", Assert.Throws<PbenchException>(() => AdapterBlob.Read("\u0080\u0004pickle"u8.ToArray(), "blob")).Message);
        Assert.Contains("truncated", Assert.Throws<PbenchException>(() => AdapterBlob.Read(AdapterBlob.Pack(Good()).AsMemory(..^1), "blob")).Message);
        var long_ = SafetensorsFile.Serialize([TensorData.FromSingles("a", [1], 1)], new Dictionary<string, string> { ["adapter_config"] = new(' ', 70_000) });
        Assert.Equal("blob: adapter_config: 70000 characters; expected at most 65536", Assert.Throws<PbenchException>(() => AdapterBlob.Read(long_, "blob")).Message);
    }

    [Fact]
    public void T07_A_hundred_thousand_tensors_are_refused_before_they_are_read()
    {
        var many = SafetensorsFile.Serialize(Enumerable.Range(0, 100_000).Select(i => new TensorData(i.ToString(CultureInfo.InvariantCulture), "U8", [0], Array.Empty<byte>())));
        Assert.Equal("blob: 100000 tensors; expected at most 4096", Assert.Throws<PbenchException>(() => AdapterBlob.Read(many, "blob")).Message);
    }

    [Fact]
    public void T07_Damaged_blobs_are_read_or_refused_and_never_more()
    {
        var valid = AdapterBlob.Pack(Good());
        var refused = Mutations.Run(valid, 1500, 7, 8 << 20, bytes => AdapterBlob.Check(AdapterBlob.Read(bytes, "blob"), Policy, Base, "blob"));
        Assert.InRange(refused, 1000, 1500);
    }

    [Fact]
    public void T08_What_was_changed_inside_does_not_match_its_own_digest()
    {
        var blob = AdapterBlob.Pack(Good());
        blob[^1] ^= 1;
        Assert.Contains("one of them was changed", Assert.Throws<PbenchException>(() => AdapterBlob.Read(blob, "blob")).Message);
        var text = Encoding.Latin1.GetString(AdapterBlob.Pack(Good()));
        var alpha = text.Replace("\\u0022lora_alpha\\u0022: 16", "\\u0022lora_alpha\\u0022: 99", StringComparison.Ordinal);
        Assert.NotEqual(text, alpha);
        Assert.Contains("one of them was changed", Assert.Throws<PbenchException>(() => AdapterBlob.Read(Encoding.Latin1.GetBytes(alpha), "blob")).Message);
    }

    [Fact]
    public void T08_An_adapter_of_another_base_or_of_none_is_refused()
    {
        var other = new string('c', 64);
        Assert.Equal($"upload: trained on base {other}; policy 'p' is of base {Bench.BaseDigest}", Refused(Good() with { BaseDigest = other }));
        Assert.Equal($"upload: trained on base unknown; policy 'p' is of base {Bench.BaseDigest}", Refused(Good() with { BaseDigest = null }));
    }

    [Fact]
    public void T08_Ranks_above_the_policys_are_refused()
    {
        Assert.Equal("upload: q_proj has rank 2; policy 'p' allows at most 1", Refused(Good(), Policy with { Rank = 1 }));
        var patterned = Good();
        var high = new PeftAdapter(patterned.Config with { RankPattern = new() { ["v_proj"] = 5 } }, [patterned.Modules[0], Factors("model.layers.1.self_attn.v_proj", 5, output: KeyValueWidth)], Bench.BaseDigest);
        Assert.Equal("upload: v_proj has rank 5; policy 'p' allows at most 2", Refused(high));
        AdapterBlob.Check(high, Policy with { Rank = 5 }, Base, "upload");
    }

    [Fact]
    public void T08_Modules_that_are_not_the_policys_or_not_the_bases_are_refused()
    {
        Assert.Equal("upload: adapts o_proj; policy 'p' has q_proj, v_proj", Refused(Adapter(Factors("model.layers.0.self_attn.o_proj"))));
        Assert.StartsWith("upload: 'model.layers.2.self_attn.q_proj' is no projection of this base", Refused(Adapter(Factors("model.layers.2.self_attn.q_proj"))));
        Assert.StartsWith("upload: 'model.embed_tokens' is no projection of this base", Refused(Adapter(Factors("model.embed_tokens"))));
    }

    [Theory]
    [InlineData("\"use_dora\":true", "lora_magnitude_vector", "'model.layers.0.self_attn.q_proj' has magnitudes of its own (use_dora)")]
    [InlineData("\"lora_bias\":true", "lora_B.bias", "'model.layers.0.self_attn.q_proj' has a bias of its own (lora_bias)")]
    [InlineData("\"bias\":\"all\"", "base_layer.bias", "'model.layers.0.self_attn.q_proj.bias' is in the file whole")]
    [InlineData("\"init_lora_weights\":\"pissa\"", null, "its start (init_lora_weights \"pissa\") changes the base's weights")]
    [InlineData("\"layer_replication\":[[0,2],[1,2]]", null, "layer_replication puts layers of the base to use more than once")]
    public void T08_What_is_more_than_updates_of_projections_is_refused_by_name(string setting, string? further, string what)
    {
        const string Module = "base_model.model.model.layers.0.self_attn.q_proj";
        TensorData[] tensors = [TensorData.FromSingles($"{Module}.lora_A.weight", Values(Rank * Width), Rank, Width), TensorData.FromSingles($"{Module}.lora_B.weight", Values(Width * Rank), Width, Rank)];
        var blob = SafetensorsFile.Serialize(
            further is null ? tensors : [.. tensors, TensorData.FromSingles($"{Module}.{further}", Values(Width), Width)],
            new Dictionary<string, string> { ["adapter_config"] = $$"""{"peft_type":"LORA","r":{{Rank}},"lora_alpha":16,"target_modules":["q_proj"],{{setting}}}""", ["base_sha256"] = Bench.BaseDigest });
        Assert.Equal($"upload: {what}; expected updates s B A of projections alone", Refused(AdapterBlob.Read(blob, "blob")));
    }

    [Fact]
    public void T08_Shapes_that_are_not_the_bases_are_refused() =>
        Assert.Equal("upload: module 'model.layers.0.self_attn.v_proj': expected 32 in and 16 out, found 32 and 32", Refused(Adapter(Factors("model.layers.0.self_attn.v_proj"))));

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    [InlineData(float.NegativeInfinity, "-Infinity")]
    public void T08_Values_that_are_no_finite_numbers_are_refused(float value, string name)
    {
        var (a, b) = (Values(Rank * Width), Values(Width * Rank));
        a[5] = value;
        Assert.Equal($"upload: module 'model.layers.0.self_attn.q_proj': lora_A has {name} at 5; expected finite numbers", Refused(Adapter(LoraFactors.FromSingles("model.layers.0.self_attn.q_proj", Rank, a, b))));
        (a[5], b[63]) = (0, value);
        Assert.Equal($"upload: module 'model.layers.0.self_attn.q_proj': lora_B has {name} at 63; expected finite numbers", Refused(Adapter(LoraFactors.FromSingles("model.layers.0.self_attn.q_proj", Rank, a, b))));
    }

    [Fact]
    public void T08_Types_other_than_peft_has_are_refused()
    {
        var factors = Factors("model.layers.0.self_attn.q_proj");
        var blob = AdapterBlob.Pack(Adapter(factors with { DType = "I32" }));
        Assert.Contains("expected lora_A and lora_B both in F32, F16 or BF16, found I32 and I32", Assert.Throws<PbenchException>(() => AdapterBlob.Read(blob, "blob")).Message);
    }
}
