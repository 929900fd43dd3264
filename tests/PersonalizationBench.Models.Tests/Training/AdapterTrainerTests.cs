using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models.Tests;

public sealed class AdapterTrainerTests
{
    private static readonly LoraOptions Lora = new() { Rank = 2, Alpha = 4 };
    private static readonly AdapterTrainingOptions Options = new() { Steps = 12, BatchSequences = 3, LearningRate = 5e-3, ClipNorm = 0.5, WeightDecay = 0.01, Seed = 4 };

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Batched_is_one_by_one(Precision precision)
    {
        using var loaded = TinyModels.Load(precision: precision, gain: 3);
        var corpora = Corpora(loaded.Config, 5);
        using var together = Bank(loaded.Config, 5);
        var batched = AdapterTrainer.Train(loaded, together, corpora, Options, CostMeter.Unread(), default);
        foreach (var corpus in corpora)
        {
            using var alone = Bank(loaded.Config, 1);
            alone.Initialise(0, corpus.Slot);
            var single = AdapterTrainer.Train(loaded, alone, [corpus with { Slot = 0 }], Options, CostMeter.Unread(), default)[0];
            Assert.Equal(single.Tokens, batched[corpus.Slot].Tokens);
            Assert.All(single.Losses.Zip(batched[corpus.Slot].Losses), p => Assert.True(Math.Abs(p.First - p.Second) <= 1e-3 * p.First, $"slot {corpus.Slot}: {p}"));
        }
    }

    [Fact]
    public void An_update_leaves_every_other_slot_as_it_was()
    {
        using var loaded = TinyModels.Load(gain: 3);
        using var bank = AdapterBankTests.Filled(loaded.Config, 4, Lora);
        var before = Digests(bank, loaded);
        AdapterTrainer.Train(loaded, bank, [Corpora(loaded.Config, 4)[2]], Options, CostMeter.Unread(), default);
        var after = Digests(bank, loaded);
        Assert.NotEqual(before[2], after[2]);
        Assert.Equal([before[0], before[1], before[3]], [after[0], after[1], after[3]]);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_the_base_stays_as_it_is()
    {
        using var loaded = TinyModels.Load(gain: 3);
        using var fresh = TinyModels.Load(gain: 3);
        var digests = Enumerable.Range(0, 2).Select(_ =>
        {
            using var bank = Bank(loaded.Config, 3);
            AdapterTrainer.Train(loaded, bank, Corpora(loaded.Config, 3), Options, CostMeter.Unread(), default);
            return string.Join(' ', Digests(bank, loaded));
        }).ToList();
        Assert.Equal(digests[0], digests[1]);
        Assert.All(loaded.Weights.Export().Zip(fresh.Weights.Export()), p => Assert.True(p.First.Bytes.Span.SequenceEqual(p.Second.Bytes.Span)));
    }

    [Fact]
    public void Slots_that_train_for_different_times_in_several_groups_learn_as_they_do_alone()
    {
        using var loaded = TinyModels.Load(gain: 3);
        List<SlotCorpus> corpora = [.. Enumerable.Range(0, 4).Select(s => Corpus(loaded.Config, s, texts: 2 + 2 * s))];
        var options = Options with { Steps = null, Epochs = 4, MaxTokensPerStep = 100 };
        using var together = Bank(loaded.Config, 4);
        var batched = AdapterTrainer.Train(loaded, together, corpora, options, CostMeter.Unread(), default);
        Assert.Equal([3, 6, 8, 11], batched.Select(b => b.Steps));
        using var alone = Bank(loaded.Config, 4);
        foreach (var corpus in corpora)
        {
            var single = AdapterTrainer.Train(loaded, alone, [corpus], options, CostMeter.Unread(), default)[0];
            Assert.All(single.Losses.Zip(batched[corpus.Slot].Losses), p => Assert.Equal(p.First, p.Second, 1e-3 * p.First));
        }
    }

    [Fact]
    public void What_is_read_again_and_again_is_learned()
    {
        // The head is not adapted: its embeddings must be long enough to give a sure answer.
        using var loaded = TinyModels.Load(gain: 8);
        using var bank = Bank(loaded.Config, 2);
        var meter = CostMeter.Unread();
        var trained = AdapterTrainer.Train(loaded, bank, Corpora(loaded.Config, 2), Options with { Steps = 100, LearningRate = 2e-2, ClipNorm = 1 }, meter, default);
        Assert.All(trained, t => Assert.True(t.Losses[^1] < 0.5 * t.Losses[0], $"{t.Losses[0]} -> {t.Losses[^1]}"));
        Assert.Equal(trained.Sum(t => t.Tokens), meter.TrainedTokens);
        Assert.True(meter.Flops > 0);
    }

    [Fact]
    public void A_loss_that_is_no_number_names_slot_and_step_and_leaves_the_bank_as_it_was()
    {
        using var loaded = TinyModels.Load(gain: 3);
        using var bank = Bank(loaded.Config, 2);
        var before = Digests(bank, loaded);
        var error = Assert.Throws<DivergedException>(() =>
            AdapterTrainer.Train(loaded, bank, Corpora(loaded.Config, 2), Options with { LearningRate = 1e30, ClipNorm = 0, Warmup = 0 }, CostMeter.Unread(), default));
        Assert.Contains("slot", error.Message, StringComparison.Ordinal);
        Assert.Contains("step", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Digests(bank, loaded));
    }

    [Fact]
    public void A_distribution_of_one_token_is_that_token()
    {
        using var loaded = TinyModels.Load(gain: 3);
        var hard = Corpus(loaded.Config, 0, texts: 4);
        var soft = hard with { Texts = [.. hard.Texts.Select(t => t with { SoftEnding = [.. Ids(t)[1..].Select(id => new TokenDistribution([id], [1]))] })] };
        Assert.All(Losses(hard).Zip(Losses(soft)), p => Assert.Equal(p.First, p.Second, 1e-3 * p.First));

        int[] Ids(TrainingText text) => Assert.Single(TextEncoding.Sequences(loaded.Tokenizer, text, loaded.Config.ContextLength)).Ids;

        IReadOnlyList<double> Losses(SlotCorpus corpus)
        {
            using var bank = Bank(loaded.Config, 1);
            return AdapterTrainer.Train(loaded, bank, [corpus], Options, CostMeter.Unread(), default)[0].Losses;
        }
    }

    [Fact]
    public void A_soft_target_is_learned_down_to_its_entropy()
    {
        using var loaded = TinyModels.Load(gain: 8);
        using var bank = Bank(loaded.Config, 1);
        var text = Corpus(loaded.Config, 0, texts: 1).Texts[0];
        var length = Assert.Single(TextEncoding.Sequences(loaded.Tokenizer, text, loaded.Config.ContextLength)).Ids.Length;
        var corpus = new SlotCorpus(0, [new TrainingText([.. text.Segments.Select(s => s with { Weight = 1 })]) { SoftEnding = [.. Enumerable.Range(1, length - 1).Select(i => new TokenDistribution([i, i + 7], [0.75f, 0.25f]))] }]);
        var losses = AdapterTrainer.Train(loaded, bank, [corpus], Options with { Steps = 400, BatchSequences = 1, LearningRate = 2e-2, ClipNorm = 1, WeightDecay = 0 }, CostMeter.Unread(), default)[0].Losses;
        // -(0.75 ln 0.75 + 0.25 ln 0.25) nats: no weights can do better.
        Assert.InRange(losses[^1], 0.5623, 0.5 * losses[0]);
    }

    [Fact]
    public void Nothing_native_is_left_behind()
    {
        using var loaded = TinyModels.Load(precision: Precision.BFloat16);
        Run();
        var before = TinyModels.LiveTensors();
        Run();
        Assert.Equal(before, Engine.LiveTensors);

        void Run()
        {
            using var bank = Bank(loaded.Config, 2);
            AdapterTrainer.Train(loaded, bank, Corpora(loaded.Config, 2), Options with { Steps = 2 }, CostMeter.Unread(), default);
        }
    }

    private static AdapterBank Bank(DecoderConfig config, int slots)
    {
        var bank = new AdapterBank(config, slots, Lora);
        for (var slot = 0; slot < slots; slot++) bank.Initialise(slot, slot);
        return bank;
    }

    private static SlotCorpus Corpus(DecoderConfig config, int slot, int texts) =>
        new(slot, TinyModels.Texts(config.VocabularySize, texts, 100 + slot)) { Seed = 1000 + slot };

    private static List<SlotCorpus> Corpora(DecoderConfig config, int slots) => [.. Enumerable.Range(0, slots).Select(s => Corpus(config, s, 4))];

    private static List<string> Digests(AdapterBank bank, LoadedBase loaded) =>
        [.. Enumerable.Range(0, bank.Slots).Select(s => bank.Export(s, loaded.Info).Digest())];
}
