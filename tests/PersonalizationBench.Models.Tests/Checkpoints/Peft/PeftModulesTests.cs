using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;
using TorchSharp;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Adapters under the names of Hugging Face's classes, where query, key and value are one module.</summary>
public sealed class PeftModulesTests
{
    private static readonly LoraOptions Small = new() { Rank = 2, Alpha = 3 };

    public static TheoryData<string> Fused => ["gpt2", "gpt_neox", "gpt_neox-sequential"];

    public static TheoryData<string, LoraOptions> Saved => new()
    {
        { "gpt2", Small },
        { "gpt2", Small with { TargetModules = ["q_proj", "v_proj", "down_proj"], RankStabilised = true } },
        { "gpt2", Small with { TargetModules = ["k_proj"] } },
        { "gpt_neox", Small },
        { "gpt_neox-sequential", Small with { Rank = 7, TargetModules = ["v_proj", "k_proj"] } }, // 14 together, of 16
        { "mamba", Small },
        { "mamba2", Small with { TargetModules = ["out_proj"] } },
        { "qwen2", Small },
    };

    [Theory]
    [MemberData(nameof(Saved))]
    public void What_is_saved_is_what_PEFT_puts_on_the_weights_of_the_file(string name, LoraOptions options)
    {
        using var loaded = HuggingFaceTests.Load(name);
        using var bank = AdapterBankTests.Filled(loaded.Config, 2, options);
        var rows = HuggingFaceTests.Reference(name).Rows;
        var expected = HuggingFaceTests.Logits(loaded, rows, bank.Rows([1, 1], torch.ScalarType.Float32));
        using var folder = new TemporaryFolder();
        PeftAdapterFile.Save(folder.Path, bank.Export(1, loaded.Info));
        using var merged = Merged(name, PeftAdapterFile.Load(folder.Path));
        Assert.All(expected.Zip(HuggingFaceTests.Logits(merged, rows)), p => Assert.Equal(p.First, p.Second, 1e-4));
        Assert.Contains(expected.Zip(HuggingFaceTests.Logits(loaded, rows)), p => Math.Abs(p.First - p.Second) > 0.1);
    }

    [Theory]
    [MemberData(nameof(Saved))]
    public void What_was_saved_comes_back_as_it_was(string name, LoraOptions options)
    {
        using var loaded = HuggingFaceTests.Load(name);
        using var bank = AdapterBankTests.Filled(loaded.Config, 2, options);
        using var folder = new TemporaryFolder();
        PeftAdapterFile.Save(folder.File("a"), bank.Export(1, loaded.Info));
        using var other = new AdapterBank(loaded.Config, 3, options);
        other.Import(2, PeftAdapterFile.Load(folder.File("a")), "a");
        foreach (var (site, back) in bank.Sites.Zip(other.Sites))
        {
            Assert.Equal(Values(site.A, 1), Values(back.A, 2));
            Assert.Equal(Values(site.B, 1), Values(back.B, 2));
        }
        PeftAdapterFile.Save(folder.File("b"), other.Export(2, loaded.Info));
        foreach (var file in new[] { PeftAdapterFile.ConfigName, PeftAdapterFile.WeightsName })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder.File("a"), file)), File.ReadAllBytes(Path.Combine(folder.File("b"), file)));
    }

    [Theory]
    [MemberData(nameof(Fused))]
    public void One_A_of_query_key_and_value_stays_one(string name)
    {
        var folder = Path.Combine(HuggingFaceTests.Root, name.Split('-')[0], "adapter");
        var adapter = PeftAdapterFile.Load(folder);
        using var loaded = HuggingFaceTests.Load(name);
        using var bank = AdapterBank.Of(loaded.Config, adapter, folder);
        var saved = bank.Export(0, loaded.Info);
        Assert.Equal(adapter.Modules.Select(m => m.Module), saved.Modules.Select(m => m.Module));
        Assert.Empty(saved.Config.RankPattern);
        Assert.Equal(name == "gpt2", saved.Config.FanInFanOut);
        var fused = adapter.Modules.Zip(saved.Modules).Where(p => p.First.Module.Contains("query_key_value", StringComparison.Ordinal) || p.First.Module.Contains("c_attn", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, fused.Count);
        Assert.All(fused, p => Assert.Equal(p.First.ASingles(), p.Second.ASingles()));
        Assert.All(fused, p => Assert.Equal(p.First.BSingles(), p.Second.BSingles()));
    }

    [Fact]
    public void As_of_their_own_are_stacked_and_the_factor_stays()
    {
        using var loaded = HuggingFaceTests.Load("gpt2");
        using var bank = AdapterBankTests.Filled(loaded.Config, 1, Small);
        var saved = bank.Export(0, loaded.Info);
        Assert.Equal(["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"], saved.Config.TargetModules);
        Assert.Equal(
            [("transformer.h.0.attn.c_attn", 6, 1.5, 16, 48), ("transformer.h.0.attn.c_proj", 2, 1.5, 16, 16), ("transformer.h.0.mlp.c_fc", 2, 1.5, 16, 64), ("transformer.h.0.mlp.c_proj", 2, 1.5, 64, 16)],
            saved.Modules.Take(4).Select(m => (m.Module, saved.Config.RankOf(m.Module), saved.Config.ScalingOf(m.Module), m.InFeatures, m.OutFeatures)));
    }

    [Fact]
    public void An_adapter_that_has_learned_nothing_is_saved_in_its_own_rank()
    {
        using var loaded = HuggingFaceTests.Load("gpt2");
        using var bank = new AdapterBank(loaded.Config, 1, Small);
        var saved = bank.Export(0, loaded.Info);
        Assert.Empty(saved.Config.RankPattern);
        using var again = AdapterBank.Of(loaded.Config, saved, "untrained");
        var query = again.Sites.First(s => s.Module.EndsWith("q_proj", StringComparison.Ordinal));
        Assert.Equal(Values(bank.Sites.First(s => s.Module == query.Module).A, 0), Values(query.A, 0));
    }

    [Fact]
    public void What_has_no_place_in_the_base_is_refused_by_name()
    {
        using var loaded = HuggingFaceTests.Load("gpt2");
        Throws("'transformer.wte' is no projection of this base; expected some of attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj in its 2 layers", "transformer.wte", 16, 53);
        Throws("'transformer.h.2.attn.c_attn' is no projection", "transformer.h.2.attn.c_attn", 16, 48);
        Throws("'model.layers.0.self_attn.q_proj' is no projection", "model.layers.0.self_attn.q_proj", 16, 16);
        Throws("module 'transformer.h.0.attn.c_attn': expected 16 in and 48 out, found 48 and 16", "transformer.h.0.attn.c_attn", 48, 16);
        using var narrow = new AdapterBank(loaded.Config, 1, Small with { TargetModules = ["o_proj"] });
        var error = Assert.Throws<PbenchException>(() => narrow.Import(0, Made("transformer.h.0.attn.c_attn", 16, 48), "here"));
        Assert.Equal("here: module 'transformer.h.0.attn.c_attn' is not adapted here", error.Message);

        void Throws(string expected, string module, int input, int output) =>
            Assert.StartsWith("here: " + expected, Assert.Throws<PbenchException>(() => AdapterBank.Of(loaded.Config, Made(module, input, output), "here")).Message, StringComparison.Ordinal);

        static PeftAdapter Made(string module, int input, int output) => new(
            new PeftAdapterConfig(2, 3, [module], "gpt2"), [LoraFactors.FromSingles(module, 2, new float[2 * input], [.. Enumerable.Repeat(1f, 2 * output)])], null);
    }

    /// <summary>The reference's checkpoint with s B A added to the tensors of the adapter's names, as they lie in the file.</summary>
    private static LoadedBase Merged(string name, PeftAdapter adapter)
    {
        var config = HuggingFaceTests.Read(name);
        using var file = SafetensorsFile.Open(Path.Combine(HuggingFaceTests.Root, name, SafetensorsFolder.SingleName));
        var byModule = adapter.Modules.ToDictionary(m => m.Module + ".weight");
        var tensors = file.Tensors.Select(t => TensorData.FromSingles(t.Name, byModule.Remove(t.Name, out var factors) ? Added(t, factors) : file.ReadSingles(t.Name), t.Shape)).ToList();
        Assert.Empty(byModule);
        return new LoadedBase(BaseFolder.InfoOf(name, "merged", config), DecoderWeights.Load(config, new TensorList(tensors, name), Precision.Float32, "cpu"), new NumberTokenizer(config.VocabularySize));

        float[] Added(TensorEntry entry, LoraFactors factors)
        {
            var (weight, a, b) = (file.ReadSingles(entry.Name), factors.ASingles(), factors.BSingles());
            var (rank, scaling) = (adapter.Config.RankOf(factors.Module), adapter.Config.ScalingOf(factors.Module));
            for (var row = 0; row < factors.OutFeatures; row++)
            {
                for (var column = 0; column < factors.InFeatures; column++)
                {
                    var change = Enumerable.Range(0, rank).Sum(i => (double)b[row * rank + i] * a[i * factors.InFeatures + column]);
                    weight[adapter.Config.FanInFanOut ? column * factors.OutFeatures + row : row * factors.InFeatures + column] += (float)(scaling * change);
                }
            }
            return weight;
        }
    }

    private static float[] Values(torch.Tensor stacked, int slot) => TensorConversion.Singles(stacked.select(0, slot).contiguous()).ToArray();
}
