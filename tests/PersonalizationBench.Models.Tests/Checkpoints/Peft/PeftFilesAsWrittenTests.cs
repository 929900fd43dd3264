using System.Text;
using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Adapter files as PEFT and others write them: what does not change the model is let be, an order is kept, what nothing answers to is named.</summary>
public sealed class PeftFilesAsWrittenTests
{
    private const string Q = "model.layers.0.self_attn.q_proj", Config = """{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""";

    private static readonly string[] Patterns = ["q_proj", "layers.0.self_attn.q_proj", ".*", "self_attn.q_proj", @"layers\.1\..*", "^model.layers.0.self_attn.q_proj", "^q_proj", "v_proj", @"model\.layers\.[01]\.self_attn\.[qv]_proj"];

    [Theory]
    [InlineData("\"auto_mapping\": {\"base_model_class\": \"LlamaForCausalLM\", \"parent_library\": \"transformers.models.llama.modeling_llama\"}")]
    [InlineData("\"runtime_config\": {\"ephemeral_gpu_offload\": false}")]
    [InlineData("\"init_lora_weights\": \"eva\", \"eva_config\": {\"rho\": 2.0, \"tau\": 0.99}")]
    [InlineData("\"init_lora_weights\": \"orthogonal\"")]
    [InlineData("\"init_lora_weights\": \"gaussian\"")]
    [InlineData("\"init_lora_weights\": \"mica\"")]
    [InlineData("\"init_lora_weights\": false")]
    [InlineData("\"_num_labels\": 2")]
    [InlineData("\"layer_replication\": null")]
    [InlineData("\"layer_replication\": []")]
    [InlineData("\"trainable_token_indices\": null, \"target_parameters\": null, \"use_bdlora\": null, \"arrow_config\": null")]
    [InlineData("\"alora_invocation_tokens\": null, \"megatron_config\": null, \"megatron_core\": \"megatron.core\"")]
    [InlineData("\"corda_config\": {\"corda_method\": \"ipm\"}, \"lora_ga_config\": {\"scale\": \"stable\"}, \"loftq_config\": {\"loftq_bits\": 4}")]
    [InlineData("\"velora_config\": {\"num_groups\": 4}, \"monteclora_config\": {\"num_samples\": 8}, \"kasa_config\": null")]
    [InlineData("\"ensure_weight_tying\": true")]
    [InlineData("\"swift_type\": \"LORA\", \"lora_dtype\": null, \"lorap_lr_ratio\": 16.0, \"lorap_emb_lr\": 1e-06, \"enable_lora\": null, \"model_key_mapping\": null")]
    [InlineData("\"enable_lora\": null, \"merge_weights\": true")]
    [InlineData("\"exclude_modules\": [\"lm_head\"]")]
    [InlineData("\"exclude_modules\": \".*lm_head\"")]
    [InlineData("\"layers_to_transform\": [0], \"layers_pattern\": \"layers\"")]
    [InlineData("\"layers_to_transform\": 0")]
    [InlineData("\"task_type\": null, \"revision\": \"main\", \"inference_mode\": false, \"lora_dropout\": 0.1, \"peft_version\": \"0.21.2\"")]
    [InlineData("\"use_dora\": null, \"use_rslora\": null, \"bias\": null, \"fan_in_fan_out\": null")]
    [InlineData("\"something_new\": false, \"and_another\": {}")]
    public void Settings_that_do_not_change_the_model_give_what_the_files_without_them_give(string settings)
    {
        var (plain, said) = (Parse(Config, Pair(Q)), Parse($"{Config[..^1]},{settings}}}", Pair(Q)));
        Assert.Equal(plain.Modules[0] with { A = said.Modules[0].A, B = said.Modules[0].B }, said.Modules[0]);
        Assert.Equal((2, 2.0), (said.Config.RankOf(Q), said.Config.ScalingOf(Q)));
        Assert.Equal(plain.Modules[0].ASingles(), said.Modules[0].ASingles());
        Assert.Equal(plain.Digest(), said.Digest());
        Assert.Null(said.BeyondFactors);
        Assert.Empty(said.Notes);
    }

    [Theory]
    [InlineData("lora_A.default.weight", "lora_B.default.weight")]
    [InlineData("lora_A.weight", "lora_B.default.weight")]
    public void The_adapters_own_name_within_a_tensors_is_no_matter(string a, string b)
    {
        var (plain, named) = (Parse(Config, Pair(Q)), Parse(Config, Pair(Q, a, b)));
        Assert.Equal(plain.Digest(), named.Digest());
        var twice = Assert.Throws<PbenchException>(() => Parse(Config, [.. Pair(Q), .. Pair(Q, "lora_A.default.weight", "lora_B.default.weight")]));
        Assert.Contains($"module '{Q}' is adapted twice", twice.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_pattern_in_the_files_order_that_matches_is_the_one() => Check.One(
        FsCheck.Config.QuickThrowOnFailure,
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var random = new Random(seed);
            string[] order = [.. Patterns.OrderBy(_ => random.Next()).Take(random.Next(1, Patterns.Length + 1))];
            var json = $"{Config[..^1]},\"alpha_pattern\":{{{string.Join(',', order.Select((p, i) => $"\"{p.Replace("\\", "\\\\", StringComparison.Ordinal)}\":{10 + i}"))}}}}}";
            // What each of them matches, by hand.
            string[] matching = ["q_proj", "layers.0.self_attn.q_proj", ".*", "self_attn.q_proj", "^model.layers.0.self_attn.q_proj", @"model\.layers\.[01]\.self_attn\.[qv]_proj"];
            var first = Array.FindIndex(order, p => matching.Contains(p));
            var adapter = Parse(json, Pair(Q));
            return adapter.Config.ScalingOf(Q) == (first < 0 ? 4 : 10 + first) / 2.0 && adapter.Notes.Count == order.Length - (first < 0 ? 0 : 1);
        }));

    [Theory]
    [InlineData("\"alpha_pattern\":{\"^q_proj\":100}", "adapter_config.json: alpha_pattern: '^q_proj' matches no adapted module")]
    [InlineData("\"rank_pattern\":{\"v_proj\":8}", "adapter_config.json: rank_pattern: 'v_proj' matches no adapted module")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":4,\"layers.0.self_attn.q_proj\":1}", "adapter_config.json: alpha_pattern: 'layers.0.self_attn.q_proj' comes after others that match the same modules")]
    [InlineData("\"layers_to_transform\":[0,7]", "adapter_config.json: layers_to_transform: no tensor is of layer 7")]
    public void What_nothing_answers_to_is_named(string setting, string note)
    {
        Assert.Equal([note], Parse($"{Config[..^1]},{setting}}}", Pair(Q)).Notes);
        Assert.Equal(["adapter_config.json: target_modules: 'r_proj' is none of the modules that have tensors"], Parse(Config.Replace("[\"q_proj\"]", "[\"q_proj\",\"r_proj\"]", StringComparison.Ordinal), Pair(Q)).Notes);
    }

    [Theory]
    [InlineData("\"exclude_modules\":[\"q_proj\"]", "exclude_modules (q_proj) names it")]
    [InlineData("\"exclude_modules\":\".*q_proj\"", "exclude_modules (.*q_proj) names it")]
    [InlineData("\"layers_to_transform\":[1]", "none of target_modules")]
    [InlineData("\"layers_to_transform\":[0],\"layers_pattern\":[\"h\"]", "none of target_modules")]
    [InlineData("\"layers_pattern\":\"layers\"", "layers_pattern: expected null, or layers_to_transform beside it")]
    [InlineData("\"layers_pattern\":\"[\",\"layers_to_transform\":0", "layers_pattern: '[' is no regular expression")]
    [InlineData("\"init_lora_weights\":\"pissa_niter_16\"", "a random projection decided")]
    [InlineData("\"init_lora_weights\":\"corda\"", "by what is not in these files")]
    [InlineData("\"init_lora_weights\":\"new\"", "init_lora_weights: expected true, false, ")]
    [InlineData("\"use_qalora\":true", "use_qalora: expected this setting to be off: QA-LoRA is not supported")]
    [InlineData("\"target_parameters\":[\"mlp.experts.gate\"]", "target_parameters: expected this setting to be off")]
    [InlineData("\"layer_replication\":[[1,0]]", "layer_replication: expected pairs [start, end) of layers")]
    [InlineData("\"trainable_token_indices\":[\"a\"]", "trainable_token_indices: expected a whole number")]
    [InlineData("\"something_new\":7", "something_new 7 is not known here and may change the result")]
    public void What_does_change_the_model_is_followed_or_refused_by_name(string setting, string expected) =>
        Assert.Contains(expected, Assert.Throws<PbenchException>(() => Parse($"{Config[..^1]},{setting}}}", Pair(Q))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_method_that_is_not_here_is_refused_before_its_settings_are_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(PeftAdapterFile.ConfigName), """{"vera_dropout": 0.0, "r": "many", "d_initial": 0.1, "peft_type": "VERA", "target_modules": 7}""");
        var error = Assert.Throws<PbenchException>(() => PeftAdapterFile.Load(folder.Path)); // nor is there a file of weights
        Assert.Equal($"{folder.File(PeftAdapterFile.ConfigName)}: peft_type: expected \"LORA\", found \"VERA\": VeRA is not supported", error.Message);
    }

    [SkippableTheory]
    [InlineData("peft-alpha-order")]
    [InlineData("peft-rank-order")]
    [InlineData("peft-pattern-matches-nothing")]
    [InlineData("peft-auto-mapping")]
    [InlineData("peft-eva")]
    [InlineData("peft-exclude")]
    public void Files_that_fell_are_read_as_PEFT_reads_them(string name)
    {
        var folder = Path.GetDirectoryName(SharedData.Require($"refs/bug-cases/{name}/{PeftAdapterFile.ConfigName}"))!;
        var adapter = PeftAdapterFile.Load(folder);
        var (rank, scaling) = name switch { "peft-alpha-order" => (2, 32.0), "peft-rank-order" => (4, 0.5), _ => (2, 2.0) };
        Assert.All(adapter.Modules, m => Assert.Equal((rank, scaling), (adapter.Config.RankOf(m.Module), adapter.Config.ScalingOf(m.Module))));
        Assert.Equal(name switch
        {
            "peft-alpha-order" => [$"{folder}/adapter_config.json: alpha_pattern: 'layers.0.self_attn.q_proj' comes after others that match the same modules"],
            "peft-rank-order" => [$"{folder}/adapter_config.json: rank_pattern: 'layers.0.self_attn.q_proj' comes after others that match the same modules"],
            "peft-pattern-matches-nothing" => [$"{folder}/adapter_config.json: alpha_pattern: '^q_proj' matches no adapted module"],
            _ => (string[])[],
        }, adapter.Notes);

        // The same factors under the plainest settings that mean the same.
        using var weights = SafetensorsFile.Open(Path.Combine(folder, PeftAdapterFile.WeightsName));
        var plain = PeftAdapterFile.Parse(
            Encoding.UTF8.GetBytes(FormattableString.Invariant($$"""{"peft_type":"LORA","r":{{rank}},"lora_alpha":{{scaling * rank}},"target_modules":["q_proj"]}""")), "plain", weights, "plain");
        using var loaded = new BaseCatalog(Path.Combine(Repository(), "datasets", "bases"), null).Load("world-1m", Precision.Float32, "cpu");
        int[][] rows = [[5, 6, 7, 8], [9, 3, 2, 11]];
        var logits = Logits(adapter);
        Assert.Equal(Logits(plain), logits);
        Assert.Contains(HuggingFaceTests.Logits(loaded, rows).Zip(logits), p => Math.Abs(p.First - p.Second) > 1e-3);

        float[] Logits(PeftAdapter one)
        {
            using var bank = AdapterBank.Of(loaded.Config, one, name);
            return HuggingFaceTests.Logits(loaded, rows, bank.Rows([0, 0], ScalarType.Float32));
        }
    }

    private static string Repository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at!.FullName, "PersonalizationBench.sln"))) at = at.Parent;
        return at.FullName;
    }

    private static TensorData[] Pair(string module, string a = "lora_A.weight", string b = "lora_B.weight") =>
    [
        TensorData.FromSingles($"base_model.model.{module}.{a}", [1, 2, 3, 4, 5, 6], 2, 3),
        TensorData.FromSingles($"base_model.model.{module}.{b}", [0.5f, -0.5f, 0.25f, 0], 2, 2),
    ];

    private static PeftAdapter Parse(string config, TensorData[] tensors)
    {
        using var file = SafetensorsFile.Open(new MemoryStream(SafetensorsFile.Serialize(tensors)), PeftAdapterFile.WeightsName);
        return PeftAdapterFile.Parse(Encoding.UTF8.GetBytes(config), PeftAdapterFile.ConfigName, file, PeftAdapterFile.WeightsName);
    }
}
