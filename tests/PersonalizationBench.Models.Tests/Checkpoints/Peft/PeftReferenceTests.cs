using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Every adapter of the references is held to PEFT's logits and, where it is trained here, to its losses and parameters; or refused by name.</summary>
public sealed class PeftReferenceTests
{
    /// <summary>Trained here from the start that PEFT trained from: one rank, one alpha, in projections as they are here.</summary>
    private static readonly string[] Trained =
    [
        "lora", "lora_all_linear", "lora_exclude_modules", "lora_gaussian", "lora_init_false", "lora_layers_to_transform", "lora_layers_to_transform_single", "lora_mamba", "lora_no_task_type", "lora_orthogonal",
        "lora_targets_regex", "rslora",
    ];

    private static readonly string[] Read =
    [
        .. Trained, "dora", "dora_all_rslora", "dora_biased_base", "dora_embedding", "dora_gpt2", "eva", "kasa", "layer_replication", "lora_alpha_pattern_overlap", "lora_bias_all", "lora_bias_in_b", "lora_bias_lora_only",
        "lora_embedding", "lora_embedding_tied", "lora_embedding_tied_ensure", "lora_fa", "lora_gpt2", "lora_lm_head", "lora_mamba_documented", "lora_mamba_dt_proj", "lora_modules_to_save", "lora_modules_to_save_norms",
        "lora_modules_to_save_tied_ensure", "lora_plus", "lora_rank_alpha_pattern", "lora_rank_alpha_pattern_rslora", "lora_riemannian", "lora_trainable_tokens", "lora_trainable_tokens_tied", "mica", "monteclora", "olora",
        "pissa", "pissa_gpt2", "velora",
    ];

    /// <summary>LoRA that is refused, and the setting that is named.</summary>
    private static readonly Dictionary<string, string> Refused = new()
    {
        ["alora"] = "alora_invocation_tokens: expected this setting to be off: aLoRA, ",
        ["bdlora"] = "use_bdlora: expected this setting to be off: block-diagonal LoRA ",
        ["corda_ipm"] = "init_lora_weights: expected true, ",
        ["corda_kpm"] = "init_lora_weights: expected true, ",
        ["lora_ga"] = "init_lora_weights: expected true, ",
        ["pissa_niter_4"] = "init_lora_weights: expected true, ",
    };

    private static readonly string[] Converted = ["olora_converted_to_lora", "pissa_converted_to_lora", "pissa_converted_to_lora_rslora"];

    public static TheoryData<string> ReadCases => [.. Read];

    public static TheoryData<string> TrainedCases => [.. Trained];

    public static TheoryData<string> ConvertedCases => [.. Converted];

    /// <summary>All that are not read.</summary>
    public static TheoryData<string> RefusedCases => [.. PeftReferences.Names().Except(Read).DefaultIfEmpty("vera")];

    [SkippableTheory]
    [MemberData(nameof(ReadCases))]
    public void Logits_with_an_adapter_on_the_base_are_PEFTs(string name)
    {
        var facts = PeftReferences.Case(name);
        var (baseName, file) = (facts.GetProperty("base").GetString()!, PeftReferences.Folder(name, "logits.safetensors"));
        using var loaded = PeftReferences.Base(baseName);
        Holds("init", PeftReferences.Logits(file, "init") ?? PeftReferences.BaseLogits(baseName));
        // What PEFT makes of the folder, where that is another model than the one that it saved.
        Holds("trained", PeftReferences.Logits(file, "reloaded") ?? PeftReferences.Logits(file, "trained")!);

        void Holds(string stage, float[] expected)
        {
            var folder = PeftReferences.Folder(name, stage);
            var (adapter, rows) = (PeftAdapterFile.Load(folder), PeftReferences.EvaluationRows());
            // PEFT sorts the keys of patterns as it writes them, and one that was first is then behind another.
            Assert.Equal(name == "lora_alpha_pattern_overlap" ? [$"{folder}/{PeftAdapterFile.ConfigName}: alpha_pattern: 'v_proj' comes after others that match the same modules"] : [], adapter.Notes);
            // In the weights: the same as PEFT's merging, but where it merges into a tensor that embedding and head, or two layers, share.
            using var folded = loaded.Folded(adapter, folder);
            PeftReferences.AreWithin(PeftReferences.Loaded, expected, HuggingFaceTests.Logits(folded, rows));
            using var adapted = AdaptedBase.Load(loaded, folder);
            Assert.Equal(adapter.Notes, adapted.Notes);
            if (PeftModules.Beyond(loaded.Config, adapter) is not null)
            {
                Assert.Equal((-1, folded.Info.Digest), (adapted.Slot, adapted.Model.Info.Digest));
                return;
            }
            Assert.Equal((0, loaded), (adapted.Slot, adapted.Model));
            using var bank = AdapterBank.Of(loaded.Config, adapter, folder);
            PeftReferences.AreWithin(PeftReferences.Loaded, expected, HuggingFaceTests.Logits(loaded, rows, bank.Rows([0, 0], ScalarType.Float32)));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(ConvertedCases))]
    public void What_PEFT_converted_to_plain_LoRA_is_plain_LoRA(string name)
    {
        var root = Path.Combine(PeftReferences.Root(), "converted", name);
        using var loaded = PeftReferences.Base("base");
        using var adapted = AdaptedBase.Load(loaded, Path.Combine(root, "as_lora"));
        using var bank = AdapterBank.Of(loaded.Config, PeftAdapterFile.Load(Path.Combine(root, "as_lora")), name);
        Assert.Equal(0, adapted.Slot);
        PeftReferences.AreWithin(PeftReferences.Loaded, PeftReferences.Logits(Path.Combine(root, "logits.safetensors"), "as_lora")!, HuggingFaceTests.Logits(loaded, PeftReferences.EvaluationRows(), bank.Rows([0, 0], ScalarType.Float32)));
    }

    [SkippableTheory]
    [MemberData(nameof(TrainedCases))]
    public void Ten_steps_from_PEFTs_start_end_where_PEFTs_end(string name)
    {
        var facts = PeftReferences.Case(name);
        var exact = facts.GetProperty("float64");
        var (lossTolerance, logitTolerance, parameterTolerance) = (2e-5 + 10 * Allowed("loss"), 1e-4 + 10 * Allowed("logit"), 1e-5 + 10 * Allowed("parameter"));
        using var loaded = PeftReferences.Base(facts.GetProperty("base").GetString()!);
        using var bank = AdapterBank.Of(loaded.Config, PeftAdapterFile.Load(PeftReferences.Folder(name, "init")), name);
        var options = new AdapterTrainingOptions { Steps = 10, BatchSequences = 4, LearningRate = facts.GetProperty("lr").GetDouble(), Schedule = LearningRateSchedule.Constant, Warmup = 0, ClipNorm = 0 };

        var trained = AdapterTrainer.Train(loaded, bank, [InOrder(loaded, PeftReferences.TrainingRows(), options)], options, CostMeter.Unread(), CancellationToken.None)[0];

        Assert.All(facts.GetProperty("losses").EnumerateArray().Zip(trained.Losses), p => Assert.Equal(p.First.GetDouble(), p.Second, lossTolerance));
        PeftReferences.AreWithin(logitTolerance, PeftReferences.Logits(PeftReferences.Folder(name, "logits.safetensors"), "trained")!, HuggingFaceTests.Logits(loaded, PeftReferences.EvaluationRows(), bank.Rows([0, 0], ScalarType.Float32)));
        var expected = PeftAdapterFile.Load(PeftReferences.Folder(name, "trained")).Modules.ToDictionary(m => m.Module);
        foreach (var module in bank.Export(0, loaded.Info).Modules)
        {
            // What PEFT's adapter leaves alone has learned nothing here.
            if (!expected.Remove(module.Module, out var other)) other = LoraFactors.FromSingles(module.Module, 1, new float[module.ASingles().Length], new float[module.BSingles().Length]);
            PeftReferences.AreWithin(parameterTolerance, other.ASingles(), module.ASingles());
            PeftReferences.AreWithin(parameterTolerance, other.BSingles(), module.BSingles());
        }
        Assert.Empty(expected);

        double Allowed(string what) => exact.GetProperty($"max_{what}_difference").GetDouble();
    }

    [SkippableTheory]
    [MemberData(nameof(RefusedCases))]
    public void Every_other_adapter_is_refused_by_the_name_of_what_it_is(string name)
    {
        var type = PeftReferences.Case(name).GetProperty("peft_type").GetString()!;
        var expected = type == "LORA" ? Refused[name] : $"peft_type: expected \"LORA\", found \"{type}\": {AdapterMethods.Refused.Single(m => m.Name == type).Meaning} is not supported";
        foreach (var stage in new[] { "init", "trained" })
        {
            var error = Assert.Throws<PbenchException>(() => PeftAdapterFile.Load(PeftReferences.Folder(name, stage)));
            Assert.StartsWith($"{Path.Combine(PeftReferences.Folder(name, stage), PeftAdapterFile.ConfigName)}: {expected}", error.Message, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public void Every_method_that_PEFT_has_is_read_or_refused_and_every_case_is_one_of_these_tests()
    {
        using var index = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(PeftReferences.Root(), "index.json")));
        Assert.Empty(index.RootElement.GetProperty("peft_types").EnumerateArray().Select(t => t.GetString()!).Except(AdapterMethods.Read).Except(AdapterMethods.Refused.Select(m => m.Name)));
        var cases = index.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!).ToList();
        Assert.Equal(123, cases.Count);
        Assert.Empty(Read.Concat(Refused.Keys).Except(cases));
        Assert.Equal(cases.Order(StringComparer.Ordinal), PeftReferences.Names());
    }

    /// <summary>A corpus whose texts the trainer reads in this order, one after another, through its only epoch.</summary>
    private static SlotCorpus InOrder(LoadedBase loaded, IReadOnlyList<TokenSequence> rows, AdapterTrainingOptions options)
    {
        // Which text is read when hangs on their number and the seed alone.
        var places = Enumerable.Range(0, rows.Count).Select(i => new TrainingText([new(string.Create(CultureInfo.InvariantCulture, $"{i} 0"), 1)])).ToList();
        var order = AdapterTrainer.StepsOf(loaded, new SlotCorpus(0, places), options).SelectMany(step => step.Sequences).Select(s => s.Ids[0]).ToList();
        Assert.Equal(rows.Count, order.Distinct().Count());
        var texts = new TrainingText[rows.Count];
        foreach (var (row, place) in rows.Zip(order)) texts[place] = new TrainingText([.. row.Ids.Zip(row.Weights, (id, weight) => new TextSegment(id.ToString(CultureInfo.InvariantCulture), weight))]);
        return new SlotCorpus(0, texts);
    }
}
