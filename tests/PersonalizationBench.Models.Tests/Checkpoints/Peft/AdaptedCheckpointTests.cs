using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>An adapter in the weights of a base's files, against the same adapter in a bank; and what does not fit.</summary>
public sealed class AdaptedCheckpointTests
{
    private const string Architectures = "refs/architectures", Query = "base_model.model.model.layers.0.self_attn.q_proj";

    /// <summary>Those of the repository, and of the data folder where it is there.</summary>
    public static TheoryData<string> Bases =>
    [
        .. Directory.EnumerateDirectories(HuggingFaceTests.Root).Where(d => File.Exists(Path.Combine(d, "model.safetensors"))).Select(d => Path.GetFileName(d)),
        .. SharedData.Folders(Architectures).Where(name => name != "not-yet-supported").Select(name => $"{Architectures}/{name}"),
    ];

    [SkippableTheory]
    [MemberData(nameof(Bases))]
    public void In_the_weights_and_in_a_bank_an_adapter_answers_alike(string name)
    {
        var folder = name.StartsWith(Architectures, StringComparison.Ordinal) ? Path.GetDirectoryName(SharedData.Require($"{name}/config.json"))! : Path.Combine(HuggingFaceTests.Root, name);
        using var loaded = PeftReferences.BaseAt(folder);
        using var bank = AdapterBankTests.Filled(loaded.Config, 1, new LoraOptions { Rank = 2, Alpha = 3 });
        int[][] rows = [[3, 1, 4, 1, 5, 9, 2, 6], [5, 3, 5, 8, 9, 7, 9, 3]];
        using var folded = loaded.Folded(bank.Export(0, loaded.Info), "adapter");
        PeftReferences.AreWithin(2e-4, HuggingFaceTests.Logits(loaded, rows, bank.Rows([0, 0], ScalarType.Float32)), HuggingFaceTests.Logits(folded, rows));
        Assert.Contains(HuggingFaceTests.Logits(loaded, rows).Zip(HuggingFaceTests.Logits(folded, rows)), p => Math.Abs(p.First - p.Second) > 1e-3);
    }

    [Fact]
    public void Tensors_under_llama_cpps_names_are_those_that_they_are_loaded_as()
    {
        var config = new DecoderConfig(23, 16, 2, 4, 2, 24, 32, TiedHead: false);
        var random = new Random(7);
        var file = new TensorList(GgufLayout.Of(config).Select(t => TensorData.FromSingles(t.Name, [.. Enumerable.Range(0, (int)t.Shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextSingle())], t.Shape)), "file");
        using var direct = DecoderWeights.Load(config, file, Precision.Float32, "cpu");
        var named = CheckpointLayout.AsTransformers(config, file);
        Assert.Contains("model.layers.1.self_attn.k_proj.weight", named.TensorNames);
        using var renamed = DecoderWeights.Load(config, named, Precision.Float32, "cpu");
        Assert.All(direct.Export().Zip(renamed.Export()), p => Assert.Equal(p.First.Bytes.ToArray(), p.Second.Bytes.ToArray()));
    }

    [Fact]
    public void Of_a_rank_above_a_projections_size_an_adapter_is_in_the_weights()
    {
        using var loaded = HuggingFaceTests.Load("llama");
        var narrow = loaded.Config.KeyValueDimension;
        Assert.True(narrow < loaded.Config.QueryDimension);
        var adapter = new PeftAdapter(
            new PeftAdapterConfig(narrow + 1, 3, ["q_proj", "k_proj"], ""),
            [.. new[] { ("q_proj", loaded.Config.QueryDimension), ("k_proj", narrow) }.Select(p => LoraFactors.FromSingles($"model.layers.0.self_attn.{p.Item1}", narrow + 1, new float[(narrow + 1) * loaded.Config.Dimension], new float[p.Item2 * (narrow + 1)]))], null);
        Assert.Null(PeftModules.Beyond(loaded.Config, adapter));
        Assert.False(AdapterBank.CanHold(loaded.Config, adapter));
        Assert.True(AdapterBank.CanHold(loaded.Config, adapter with { Config = adapter.Config with { RankPattern = new() { [".*"] = narrow } } }));
    }

    [Theory]
    [InlineData("lora_magnitude_vector")]
    [InlineData("lora_magnitude_vector.weight")]
    [InlineData("lora_magnitude_vector.default.weight")]
    [InlineData("lora_magnitude_vector.default")]
    public void A_magnitude_goes_by_each_of_its_names(string name)
    {
        using var loaded = PeftReferences.BaseAt(Path.Combine(HuggingFaceTests.Root, "llama"));
        var width = loaded.Config.Dimension;
        TensorData[] tensors = [.. Factors(width, loaded.Config.QueryDimension), TensorData.FromSingles($"{Query}.{name}", [.. Enumerable.Range(1, loaded.Config.QueryDimension).Select(i => (float)i)], loaded.Config.QueryDimension)];
        using var folded = loaded.Folded(Parse("\"use_dora\":true", tensors), "adapter");
        using var norms = folded.Weights.Copy("model.layers.0.self_attn.q_proj.weight").square().sum(1).sqrt();
        Assert.All(TensorConversion.Singles(norms).ToArray().Select((norm, i) => (norm, i)), n => Assert.Equal(n.i + 1, n.norm, 1e-3));
    }

    [Theory]
    [InlineData("lm_head.weight")]
    [InlineData("lm_head.modules_to_save.weight")]
    [InlineData("lm_head.modules_to_save.default.weight")]
    public void A_module_that_was_saved_whole_takes_the_bases_place(string name)
    {
        using var loaded = PeftReferences.BaseAt(Path.Combine(HuggingFaceTests.Root, "llama"));
        var (vocabulary, width) = (loaded.Config.VocabularySize, loaded.Config.Dimension);
        float[] head = [.. Enumerable.Range(0, vocabulary * width).Select(i => i % 7 - 3f)];
        using var folded = loaded.Folded(Parse("\"modules_to_save\":[\"lm_head\"]", [.. Factors(width, loaded.Config.QueryDimension), TensorData.FromSingles($"base_model.model.{name}", head, vocabulary, width)]), "adapter");
        Assert.False(folded.Config.TiedHead);
        Assert.Equal(head, TensorConversion.Singles(folded.Weights.Copy(WeightNames.Head).contiguous()).ToArray());
        Assert.Equal(TensorConversion.Singles(loaded.Weights.Copy(WeightNames.Embedding)).ToArray(), TensorConversion.Singles(folded.Weights.Copy(WeightNames.Embedding)).ToArray());
    }

    [Theory]
    [InlineData("model.layers.9.self_attn.q_proj.lora_A.weight", "\"target_modules\":[\"q_proj\"]", "'model.layers.9.self_attn.q_proj' is no module of this base that can be adapted; did you mean")]
    [InlineData("model.norm.lora_A.weight", "\"target_modules\":[\"norm\"]", "module 'model.norm': LoRA on a weight [16] is not supported")]
    [InlineData("model.embed_tokens.lora_A.weight", "\"target_modules\":[\"embed_tokens\"]", "module 'model.embed_tokens': expected lora_embedding_A and lora_embedding_B")]
    [InlineData("model.layers.0.self_attn.q_proj.lora_A.weight", "\"target_modules\":[\"q_proj\"],\"use_dora\":false", "module 'model.layers.0.self_attn.q_proj': expected 16 in and 16 out, found 5 and 4")]
    [InlineData("model.layers.0.self_attn.q_proj.lora_A.weight", "\"target_modules\":[\"q_proj\"],\"layer_replication\":[[0,9]]", "layer_replication: [0, 9]: the base has 2 layers")]
    public void What_does_not_fit_the_base_is_refused_by_name(string tensor, string settings, string expected)
    {
        using var loaded = PeftReferences.BaseAt(Path.Combine(HuggingFaceTests.Root, "llama"));
        TensorData[] tensors = [TensorData.FromSingles($"base_model.model.{tensor}", new float[10], 2, 5), TensorData.FromSingles($"base_model.model.{tensor.Replace("lora_A", "lora_B", StringComparison.Ordinal)}", new float[8], 4, 2)];
        var adapter = Parse(settings, tensors, targets: false);
        Assert.StartsWith($"adapter: {expected}", Assert.Throws<PbenchException>(() => loaded.Folded(adapter, "adapter")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_that_the_base_does_not_have_are_refused()
    {
        using var loaded = PeftReferences.BaseAt(Path.Combine(HuggingFaceTests.Root, "llama"));
        var width = loaded.Config.Dimension;
        var rows = TensorData.FromSingles("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", new float[width], 1, width);
        var adapter = Parse("\"trainable_token_indices\":{\"embed_tokens\":[5000]}", [.. Factors(width, loaded.Config.QueryDimension), rows]);
        Assert.Contains($"trainable_token_indices: expected tokens from 0 to {loaded.Config.VocabularySize - 1}, found 5000", Assert.Throws<PbenchException>(() => loaded.Folded(adapter, "adapter")).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("lora_embedding_tied_ensure")]
    [InlineData("dora_embedding")]
    [InlineData("lora_trainable_tokens_tied")]
    [InlineData("lora_bias_all")]
    [InlineData("layer_replication")]
    [InlineData("lora_modules_to_save")]
    [InlineData("lora_layers_to_transform")]
    public void Damaged_adapters_are_put_on_a_base_or_refused_and_never_more(string name)
    {
        using var loaded = PeftReferences.Base(PeftReferences.Case(name).GetProperty("base").GetString()!);
        var (config, weights) = (File.ReadAllBytes(Path.Combine(PeftReferences.Folder(name, "trained"), PeftAdapterFile.ConfigName)), File.ReadAllBytes(Path.Combine(PeftReferences.Folder(name, "trained"), PeftAdapterFile.WeightsName)));
        Mutations.Run(config, 150, seed: 5, allocationLimit: 4 << 20, bytes => Put(bytes, weights));
        Mutations.Run(weights, 150, seed: 6, allocationLimit: 4 << 20, bytes => Put(config, bytes));

        void Put(byte[] settings, byte[] tensors)
        {
            using var file = SafetensorsFile.Open(new MemoryStream(tensors), PeftAdapterFile.WeightsName);
            loaded.Folded(PeftAdapterFile.Parse(settings, PeftAdapterFile.ConfigName, file, PeftAdapterFile.WeightsName), "adapter").Dispose();
        }
    }

    [Fact]
    public void Modules_that_the_settings_name_and_the_file_does_not_have_are_said_to_be_as_in_the_base()
    {
        using var loaded = PeftReferences.BaseAt(Path.Combine(HuggingFaceTests.Root, "llama"));
        using var folder = new TemporaryFolder();
        SafetensorsFile.Write(folder.File(PeftAdapterFile.WeightsName), Factors(loaded.Config.Dimension, loaded.Config.QueryDimension));
        File.WriteAllText(folder.File(PeftAdapterFile.ConfigName), """{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""");
        using (var adapted = AdaptedBase.Load(loaded, folder.Path))
            Assert.Equal([$"{folder.Path}: no tensors of 1 modules that target_modules names, such as 'model.layers.1.self_attn.q_proj': they are as in the base"], adapted.Notes);
        File.WriteAllText(folder.File(PeftAdapterFile.ConfigName), """{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"],"layers_to_transform":[0]}""");
        using var whole = AdaptedBase.Load(loaded, folder.Path);
        Assert.Empty(whole.Notes);
    }

    [Fact]
    public void A_pickle_is_not_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(PeftAdapterFile.ConfigName), """{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""");
        File.WriteAllText(folder.File("adapter_model.bin"), "");
        Assert.StartsWith($"{folder.File("adapter_model.bin")}: a pickle can run anything, and is not read", Assert.Throws<PbenchException>(() => PeftAdapterFile.Load(folder.Path)).Message);
    }

    private static TensorData[] Factors(int input, int output) =>
    [
        TensorData.FromSingles($"{Query}.lora_A.weight", [.. Enumerable.Range(0, 2 * input).Select(i => i % 3 - 1f)], 2, input),
        TensorData.FromSingles($"{Query}.lora_B.weight", [.. Enumerable.Range(0, 2 * output).Select(i => i % 5 / 4f)], output, 2),
    ];

    private static PeftAdapter Parse(string settings, TensorData[] tensors, bool targets = true)
    {
        using var file = SafetensorsFile.Open(new MemoryStream(SafetensorsFile.Serialize(tensors)), PeftAdapterFile.WeightsName);
        var config = $$"""{"peft_type":"LORA","r":2,"lora_alpha":4,{{(targets ? "\"target_modules\":[\"q_proj\"]," : "")}}{{settings}}}""";
        return PeftAdapterFile.Parse(Encoding.UTF8.GetBytes(config), PeftAdapterFile.ConfigName, file, PeftAdapterFile.WeightsName);
    }
}
