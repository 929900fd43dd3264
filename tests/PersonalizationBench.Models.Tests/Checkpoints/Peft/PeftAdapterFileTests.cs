using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public class PeftAdapterFileTests
{
    private static readonly string BaseDigest = new('a', 64);

    private static PeftAdapter Made() => new(
        new PeftAdapterConfig(2, 16, ["v_proj", "q_proj"], "stories260K"),
        [
            LoraFactors.FromSingles("model.layers.1.self_attn.q_proj", 2, [1, 2, 3, 4, 5, 6], [7, 8]),
            LoraFactors.FromSingles("model.layers.0.self_attn.v_proj", 2, [1, 2, 3, 4, 5, 6], [0.5f, -0.5f, 0.25f, 0]),
        ],
        BaseDigest);

    [Fact]
    public void SaveLoadSaveGivesTheSameBytes()
    {
        using var folder = new TemporaryFolder();
        PeftAdapterFile.Save(folder.File("one"), Made());
        var loaded = PeftAdapterFile.Load(folder.File("one"));
        PeftAdapterFile.Save(folder.File("two"), loaded);
        foreach (var name in new[] { PeftAdapterFile.ConfigName, PeftAdapterFile.WeightsName })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder.File("one"), name)), File.ReadAllBytes(Path.Combine(folder.File("two"), name)));

        Assert.Equal(Made().Digest(), loaded.Digest());
        Assert.Equal(BaseDigest, loaded.BaseDigest);
        Assert.Equal(["q_proj", "v_proj"], loaded.Config.TargetModules);
        var v = loaded.Modules[0];
        Assert.Equal("model.layers.0.self_attn.v_proj", v.Module);
        Assert.Equal((3, 2), (v.InFeatures, v.OutFeatures));
        Assert.Equal([0.5f, -0.5f, 0.25f, 0f], v.BSingles());
        Assert.Equal(8.0, loaded.Config.Scaling);
        Assert.Equal(16 / Math.Sqrt(2), (loaded.Config with { UseRsLora = true }).Scaling);
    }

    [Fact]
    public void NamesAndShapesArePefts()
    {
        using var folder = new TemporaryFolder();
        PeftAdapterFile.Save(folder.Path, Made());
        using var weights = SafetensorsFile.Open(folder.File(PeftAdapterFile.WeightsName));
        Assert.Equal([2L, 3L], weights.Find("base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight").Shape);
        Assert.Equal([1L, 2L], weights.Find("base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight").Shape);
        Assert.Equal(BaseDigest, weights.Metadata["base_sha256"]);
        Assert.Equal(Made().Digest(), weights.Metadata["adapter_sha256"]);
        Assert.Equal("pt", weights.Metadata["format"]);
        Assert.Contains("\"lora_alpha\": 16,", File.ReadAllText(folder.File(PeftAdapterFile.ConfigName)));
    }

    [Fact]
    public void AnAdapterOfPeftsOwnIsReadWithoutDigests()
    {
        // The keys that PEFT 0.17 writes for plain LoRA.
        const string config = """
            {"alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "meta/x", "bias": "none", "corda_config": null, "eva_config": null,
             "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "layer_replication": null,
             "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 32, "lora_bias": false, "lora_dropout": 0.05,
             "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA", "qalora_group_size": 16, "r": 2,
             "rank_pattern": {}, "revision": null, "target_modules": ["q_proj", "v_proj"], "target_parameters": null, "task_type": "CAUSAL_LM",
             "trainable_token_indices": null, "use_dora": false, "use_qalora": false, "use_rslora": true}
            """;
        var adapter = Parse(config, Weights());
        Assert.Null(adapter.BaseDigest);
        Assert.Equal(new { Rank = 2, Alpha = 32.0, UseRsLora = true }, new { adapter.Config.Rank, adapter.Config.Alpha, adapter.Config.UseRsLora });
    }

    [Theory]
    [InlineData("\"peft_type\":\"LORA\"", "\"peft_type\":\"VERA\"", "peft_type: expected \"LORA\", found \"VERA\"")]
    [InlineData("\"r\":2", "\"r\":0", "r: expected a rank")]
    [InlineData("\"r\":2", "\"r\":3", "[3, in]")]
    [InlineData("\"r\":2", "\"use_dora\":true,\"r\":2", "lora_magnitude_vector' is missing")]
    [InlineData("\"r\":2", "\"rank_pattern\":{\"q_proj\":4},\"r\":2", "rank_pattern")]
    [InlineData("\"r\":2", "\"modules_to_save\":7,\"r\":2", "modules_to_save")]
    [InlineData("\"r\":2", "\"init_lora_weights\":\"loftq\",\"r\":2", "init_lora_weights")]
    [InlineData("\"r\":2", "\"bias\":\"some\",\"r\":2", "bias: expected \"none\" or \"lora_only\" or \"all\", found \"some\"")]
    [InlineData("\"r\":2", "\"task_type\":\"SEQ_CLS\",\"r\":2", "task_type")]
    [InlineData("\"r\":2", "\"some_new_thing\":1,\"r\":2", "some_new_thing")]
    [InlineData("\"r\":2", "\"r\":2,\"r\":2", "not valid JSON")]
    [InlineData("[\"q_proj\",\"v_proj\"]", "[\"q_proj\"]", "none of target_modules")]
    [InlineData("[\"q_proj\",\"v_proj\"]", "\".*q_proj\"", "none of target_modules (.*q_proj)")]
    [InlineData("[\"q_proj\",\"v_proj\"]", "\".*[\"", "is no regular expression")]
    [InlineData("[\"q_proj\",\"v_proj\"]", "\"(([a-z0-9_.]+)+)+!\"", "takes more than a second")]
    [InlineData("\"r\":2", "\"rank_pattern\":{\"q_proj\":0},\"r\":2", "rank_pattern: expected ranks of at least 1")]
    [InlineData("\"r\":2", "\"alpha_pattern\":{\"q_proj\":\"x\"},\"r\":2", "alpha_pattern.q_proj: expected a number")]
    [InlineData("\"lora_alpha\":16", "\"lora_alpha\":1e999", "lora_alpha")]
    public void WhatIsNotLoraIsRefusedByName(string from, string to, string what)
    {
        const string config = """{"peft_type":"LORA","r":2,"lora_alpha":16,"target_modules":["q_proj","v_proj"]}""";
        Assert.Contains(from, config);
        Parse(config, Weights());
        Assert.Contains(what, Assert.Throws<PbenchException>(() => Parse(config.Replace(from, to), Weights())).Message);
    }

    [Theory]
    [InlineData("all", "v_proj.bias", true)]
    [InlineData("lora_only", "v_proj.base_layer.bias", true)]
    [InlineData("lora_only", "o_proj.bias", false)]
    [InlineData("none", "v_proj.bias", false)]
    public void Biases_that_were_trained_are_read_where_the_settings_say_so(string bias, string name, bool isRead)
    {
        // PEFT saves the biases that there are: of a base without any (a Llama) the adapter is one of bias "none".
        var config = $$"""{"peft_type":"LORA","r":2,"lora_alpha":16,"bias":"{{bias}}","target_modules":["q_proj","v_proj"]}""";
        Assert.Null(Parse(config, Weights()).BeyondFactors);

        var tensor = $"base_model.model.model.layers.0.self_attn.{name}";
        var weights = SafetensorsFile.Serialize([.. Tensors(), TensorData.FromSingles(tensor, [1, 2], 2)]);
        if (isRead)
        {
            var adapter = Parse(config, weights);
            Assert.Equal(("model.layers.0.self_attn.v_proj.bias", false), (adapter.Saved.Single().Values.Name, adapter.Saved.Single().OfModule));
            Assert.Equal("'model.layers.0.self_attn.v_proj.bias' is in the file whole", adapter.BeyondFactors);
            using var folder = new TemporaryFolder();
            Assert.EndsWith("what is written here is factors of LoRA alone", Assert.Throws<PbenchException>(() => PeftAdapterFile.Save(folder.Path, adapter)).Message);
            return;
        }
        Assert.Equal($"{PeftAdapterFile.WeightsName}: tensor '{tensor}': bias in adapter_config.json does not ask for it", Assert.Throws<PbenchException>(() => Parse(config, weights)).Message);
    }

    [Theory]
    [InlineData("\"all-linear\"")]
    [InlineData("\".*\\\\.(q_proj|v_proj)\"")]
    [InlineData("[\"q_proj\",\"v_proj\"],\"layers_to_transform\":[0,1]")]
    public void WhatIsAdaptedIsSaidByNamesFromThenOn(string targets)
    {
        var adapter = Parse($$"""{"peft_type":"LORA","r":2,"lora_alpha":16,"target_modules":{{targets}}}""", Weights());
        Assert.Equal(adapter.Modules.Select(m => m.Module), adapter.Config.TargetModules);
    }

    [Fact]
    public void PatternsChooseAsPeftDoes()
    {
        var config = new PeftAdapterConfig(8, 16, ["q_proj"], "")
        {
            RankPattern = new() { ["down_proj"] = 4, ["layers.1.mlp.up_proj"] = 2, [@"layers\.0\..*"] = 1 },
            AlphaPattern = new() { ["down_proj"] = 32 },
        };
        Assert.Equal((4, 8.0), Of("model.layers.1.mlp.down_proj"));
        Assert.Equal((2, 8.0), Of("model.layers.1.mlp.up_proj"));
        Assert.Equal((1, 16.0), Of("model.layers.0.self_attn.q_proj"));
        Assert.Equal((8, 2.0), Of("model.layers.1.self_attn.q_proj"));
        Assert.Equal((8, 2.0), Of("model.layers.1.mlp.shutdown_proj")); // a part of a name is none

        (int, double) Of(string module) => (config.RankOf(module), config.ScalingOf(module));
    }

    [Fact]
    public void TensorsThatAreNoFactorsAreRefused()
    {
        const string config = """{"peft_type":"LORA","r":2,"lora_alpha":16,"target_modules":["q_proj"]}""";
        const string q = "base_model.model.model.layers.0.self_attn.q_proj";
        var a = TensorData.FromSingles($"{q}.lora_A.weight", [1, 2, 3, 4], 2, 2);
        var b = TensorData.FromSingles($"{q}.lora_B.weight", [1, 2, 3, 4], 2, 2);
        Assert.Single(Parse(config, SafetensorsFile.Serialize([a, b])).Modules);
        Assert.Contains("lora_B", Refused([a]));
        Assert.Contains("lora_magnitude_vector", Refused([a, b, TensorData.FromSingles($"{q}.lora_magnitude_vector", [1], 1)]));
        Assert.Contains("BF16", Refused([a, new TensorData(b.Name, "BF16", [2, 2], new byte[8])]));
        Assert.Contains("[4]", Refused([a, b with { Shape = [4] }]));
        Assert.Contains("no tensors", Refused([]));

        string Refused(TensorData[] tensors) => Assert.Throws<PbenchException>(() => Parse(config, SafetensorsFile.Serialize(tensors))).Message;
    }

    [Fact]
    public void AChangedConfigurationOrFactorBreaksTheDigest()
    {
        using var folder = new TemporaryFolder();
        PeftAdapterFile.Save(folder.Path, Made());
        var configPath = folder.File(PeftAdapterFile.ConfigName);
        var config = File.ReadAllText(configPath);
        File.WriteAllText(configPath, config.Replace("\"lora_alpha\": 16", "\"lora_alpha\": 32"));
        Assert.Contains("adapter_sha256", Assert.Throws<PbenchException>(() => PeftAdapterFile.Load(folder.Path)).Message);
        File.WriteAllText(configPath, config);
        PeftAdapterFile.Load(folder.Path);

        var weights = File.ReadAllBytes(folder.File(PeftAdapterFile.WeightsName));
        weights[^1] ^= 1;
        File.WriteAllBytes(folder.File(PeftAdapterFile.WeightsName), weights);
        Assert.Contains("adapter_sha256", Assert.Throws<PbenchException>(() => PeftAdapterFile.Load(folder.Path)).Message);
    }

    [Fact]
    public void AnAdapterOfAnotherBaseIsRefused()
    {
        Made().RequireBase(BaseDigest, "here");
        Assert.Contains(new string('b', 64), Assert.Throws<PbenchException>(() => Made().RequireBase(new string('b', 64), "here")).Message);
    }

    [Fact]
    public void AMissingFolderIsNamed() =>
        Assert.Contains("/nowhere/at-all", Assert.Throws<PbenchException>(() => PeftAdapterFile.Load("/nowhere/at-all")).Message);

    [Fact]
    public void DamagedAdaptersAreReadOrRefused()
    {
        using var folder = new TemporaryFolder();
        PeftAdapterFile.Save(folder.Path, Made());
        var config = File.ReadAllBytes(folder.File(PeftAdapterFile.ConfigName));
        var weights = File.ReadAllBytes(folder.File(PeftAdapterFile.WeightsName));
        var refused = Mutations.Run(config, 4000, seed: 3, allocationLimit: 1 << 20, bytes => Parse(bytes, weights));
        Assert.InRange(refused, 2000, 3999);
        // With its digest inside, no damage to names, shapes or values goes unseen; to the rest of the metadata it may.
        Assert.InRange(Mutations.Run(weights, 4000, seed: 4, allocationLimit: 1 << 20, bytes => Parse(config, bytes)), 3600, 4000);
    }

    private static byte[] Weights() => SafetensorsFile.Serialize(Tensors());

    private static IEnumerable<TensorData> Tensors() => Made().Modules.SelectMany(m => new[]
    {
        new TensorData($"base_model.model.{m.Module}.lora_A.weight", m.DType, [2, m.InFeatures], m.A),
        new TensorData($"base_model.model.{m.Module}.lora_B.weight", m.DType, [m.OutFeatures, 2], m.B),
    });

    private static PeftAdapter Parse(string config, byte[] weights) => Parse(Encoding.UTF8.GetBytes(config), weights);

    private static PeftAdapter Parse(byte[] config, byte[] weights)
    {
        using var file = SafetensorsFile.Open(new MemoryStream(weights), PeftAdapterFile.WeightsName);
        return PeftAdapterFile.Parse(config, PeftAdapterFile.ConfigName, file, PeftAdapterFile.WeightsName);
    }
}
