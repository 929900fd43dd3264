using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models.Tests;

public sealed class CartridgeTests
{
    private static readonly DecoderConfig Config = TinyModels.Grouped with { ContextLength = 120 };
    private static readonly AdapterTrainingOptions Options = new() { Steps = 8, BatchSequences = 2, LearningRate = 1e-2, Seed = 4 };

    public static TheoryData<string> Kinds => ["llama", "windowed", "learned positions"];

    private static DecoderConfig ConfigOf(string kind) => kind switch
    {
        "windowed" => Config with { SlidingWindow = 20 },
        "learned positions" => Config with { LearnedPositions = true, Norm = NormKind.Layer, Mlp = MlpKind.Gelu, KeyValueHeads = 4 },
        _ => Config,
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Untrained_it_is_the_text_that_it_was_made_of(string kind)
    {
        using var loaded = TinyModels.Load(ConfigOf(kind));
        var random = new DeterministicRandom(5);
        var (text, other) = (TinyModels.Tokens(loaded.Config, 30, random), TinyModels.Tokens(loaded.Config, 30, random));
        using var bank = new CartridgeBank(loaded.Config, 2, 30, "cpu");
        bank.Initialise(loaded, 0, text);
        bank.Initialise(loaded, 1, other);
        var questions = Enumerable.Range(1, 6).Select(i => (Tokens: TinyModels.Tokens(loaded.Config, i, random), Slot: (i % 3) - 1)).ToList();
        var whole = questions.ConvertAll(q => q.Slot < 0 ? q.Tokens : (int[])[.. q.Slot == 0 ? text : other, .. q.Tokens]);
        var generated = loaded.Generate(whole.ConvertAll(t => new GenerationRequest(t, 6)), CostMeter.Unread(), default);
        var scored = loaded.Score(whole.ConvertAll(t => new ScoreRequest(t, [3, 9, 4])), CostMeter.Unread(), default);

        using var use = loaded.UseCartridges(bank);
        var behind = loaded.Generate(questions.ConvertAll(q => new GenerationRequest(q.Tokens, 6, q.Slot)), CostMeter.Unread(), default);
        var likelihoods = loaded.Score(questions.ConvertAll(q => new ScoreRequest(q.Tokens, [3, 9, 4], q.Slot)), CostMeter.Unread(), default);
        Assert.Equal(generated.Select(g => g.Tokens), behind.Select(g => g.Tokens));
        Assert.All(scored.Zip(likelihoods), p => Assert.Equal(p.First, p.Second, 2e-4 * Math.Abs(p.First)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Its_loss_before_training_is_minus_the_likelihood_behind_the_text(string kind)
    {
        using var loaded = TinyModels.Load(ConfigOf(kind), gain: 3);
        var text = TinyModels.Tokens(loaded.Config, 12, new DeterministicRandom(5));
        var corpus = new SlotCorpus(0, TinyModels.Texts(loaded.Config.VocabularySize, 1, 100));
        using var bank = new CartridgeBank(loaded.Config, 1, 12, "cpu");
        bank.Initialise(loaded, 0, text);
        var ids = Assert.Single(TextEncoding.Sequences(loaded.Tokenizer, corpus.Texts[0], loaded.Config.ContextLength)).Ids;
        var expected = -loaded.Score([new ScoreRequest([.. text, ids[0]], ids[1..])], CostMeter.Unread(), default)[0] / (ids.Length - 1);
        var hard = corpus.Texts[0] with { Segments = [.. corpus.Texts[0].Segments.Select(s => s with { Weight = 1 })] };
        Assert.Equal(expected, CartridgeTrainer.Train(loaded, bank, [new SlotCorpus(0, [hard])], Options, CostMeter.Unread(), default)[0].Losses[0], 1e-3 * expected);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Batched_is_one_by_one(Precision precision)
    {
        using var loaded = TinyModels.Load(Config, precision, gain: 3);
        List<SlotCorpus> corpora = [.. Enumerable.Range(0, 3).Select(s => new SlotCorpus(s, TinyModels.Texts(Config.VocabularySize, 2 + s, 100 + s)) { Seed = s })];
        var options = Options with { Steps = null, Epochs = 4 };
        using var together = Filled(loaded, 3);
        var batched = CartridgeTrainer.Train(loaded, together, corpora, options, CostMeter.Unread(), default);
        foreach (var corpus in corpora)
        {
            using var alone = Filled(loaded, 3);
            var single = CartridgeTrainer.Train(loaded, alone, [corpus], options, CostMeter.Unread(), default)[0];
            Assert.Equal((single.Steps, single.Tokens), (batched[corpus.Slot].Steps, batched[corpus.Slot].Tokens));
            var tolerance = precision == Precision.Float32 ? 1e-3 : 2e-2;
            Assert.All(single.Losses.Zip(batched[corpus.Slot].Losses), p => Assert.Equal(p.First, p.Second, tolerance * p.First));
        }
    }

    [Fact]
    public void What_is_read_again_and_again_is_learned_and_the_base_and_the_first_position_stay_as_they_are()
    {
        using var loaded = TinyModels.Load(Config);
        using var bank = Filled(loaded, 2);
        using var before = bank.Layers[1].Keys.clone();
        var meter = CostMeter.Unread();
        var trained = CartridgeTrainer.Train(loaded, bank, [new SlotCorpus(1, TinyModels.Texts(Config.VocabularySize, 4, 7))], Options with { Steps = 150, LearningRate = 5e-2 }, meter, default)[0];
        Assert.True(trained.Losses[^1] < 0.7 * trained.Losses[0], $"{trained.Losses[0]} -> {trained.Losses[^1]}");
        Assert.Equal(trained.Tokens, meter.TrainedTokens);
        using var change = (bank.Layers[1].Keys - before).abs().amax([1, 3]);
        var largest = change.data<float>().ToArray();
        Assert.All(largest[..(Tokens + 1)], c => Assert.Equal(0, c)); // the other slot, and this one's first position
        Assert.All(largest[(Tokens + 1)..], c => Assert.True(c > 0));
        using var fresh = TinyModels.Load(Config);
        Assert.All(loaded.Weights.Export().Zip(fresh.Weights.Export()), p => Assert.True(p.First.Bytes.Span.SequenceEqual(p.Second.Bytes.Span)));
    }

    [Fact]
    public void What_has_no_room_or_no_keys_is_refused()
    {
        Assert.Contains("expected 2 to 30", Assert.Throws<PbenchException>(() => new CartridgeBank(Config, 1, 31, "cpu")).Message, StringComparison.Ordinal);
        var recurrent = new DecoderConfig(61, 32, 2, 0, 0, 0, 120) { ModelType = "mamba", Selective = new SelectiveShape(64, 8, 4) };
        Assert.Contains("no keys and values", Assert.Throws<PbenchException>(() => new CartridgeBank(recurrent, 1, 8, "cpu")).Message, StringComparison.Ordinal);
    }

    private const int Tokens = 10;

    private static CartridgeBank Filled(LoadedBase loaded, int slots)
    {
        var bank = new CartridgeBank(loaded.Config, slots, Tokens, "cpu");
        for (var slot = 0; slot < slots; slot++) bank.Initialise(loaded, slot, TinyModels.Tokens(loaded.Config, 6 + (3 * slot), new DeterministicRandom(slot)));
        return bank;
    }
}
