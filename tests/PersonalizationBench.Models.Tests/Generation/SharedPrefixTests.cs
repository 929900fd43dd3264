using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models.Tests;

/// <summary>What prompts begin with is read once, and it shows in nothing but the time.</summary>
public sealed class SharedPrefixTests
{
    private static readonly DecoderConfig Llama = TinyModels.Grouped with { ContextLength = 120 };

    public static TheoryData<string> Models => ["llama", "windowed", "learned positions", "mamba2", "mamba"];

    private static DecoderConfig ConfigOf(string model) => model switch
    {
        "windowed" => Llama with { SlidingWindow = 20 },
        "learned positions" => Llama with { LearnedPositions = true, Norm = NormKind.Layer, Mlp = MlpKind.Gelu, KeyValueHeads = 4 },
        "mamba2" => new DecoderConfig(61, 32, 2, 0, 0, 0, 120) { ModelType = "mamba2", StateSpace = new StateSpaceShape(Heads: 4, HeadDimension: 16, StateSize: 8) },
        "mamba" => new DecoderConfig(61, 32, 2, 0, 0, 0, 120) { ModelType = "mamba", Selective = new SelectiveShape(64, 8, 4) },
        _ => Llama,
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Answers_and_likelihoods_are_those_of_each_prompt_read_whole(string model)
    {
        using var loaded = TinyModels.Load(ConfigOf(model), gain: model.StartsWith("mamba", StringComparison.Ordinal) ? 3 : 8);
        using var bank = new AdapterBank(loaded.Config, 2, new LoraOptions { Rank = 2, Alpha = 4 });
        using var use = loaded.UseAdapters(bank);
        var random = new DeterministicRandom(5);
        // Two users with a history each, one of them under an adapter, questions of several lengths, and prompts that share nothing.
        var histories = new[] { 50, 41 }.Select(length => TinyModels.Tokens(loaded.Config, length, random)).ToList();
        var prompts = Enumerable.Range(0, 11).Select(i => (Tokens: i < 8 ? [.. histories[i % 2], .. TinyModels.Tokens(loaded.Config, 1 + (i * 3 % 7), random)] : TinyModels.Tokens(loaded.Config, 6 + i, random), Slot: i < 8 ? (i % 2) - 1 : 1)).ToList();
        var asked = prompts.ConvertAll(p => new GenerationRequest(p.Tokens, 6, p.Slot) { Candidates = [5, 9] });
        var scored = prompts.SelectMany(p => new[] { new ScoreRequest(p.Tokens, [7, 8, 3], p.Slot), new ScoreRequest(p.Tokens, [4], p.Slot), new ScoreRequest(p.Tokens, [], p.Slot) }).ToList();

        var (together, likelihoods) = (loaded.Generate(asked, CostMeter.Unread(), default), loaded.Score(scored, CostMeter.Unread(), default));
        loaded.SharesPrefixes = false;
        var (apart, expected) = (loaded.Generate(asked, CostMeter.Unread(), default), loaded.Score(scored, CostMeter.Unread(), default));

        Assert.Equal(apart.Select(g => g.Tokens), together.Select(g => g.Tokens));
        Assert.All(apart.Zip(together), p => Assert.All(p.First.CandidateScores!.Zip(p.Second.CandidateScores!), s => Assert.Equal(s.First, s.Second, 1e-3)));
        Assert.All(expected.Zip(likelihoods), p => Assert.Equal(p.First, p.Second, 1e-3));
    }

    /// <summary>In pages the very bits are the same: a page is found by all that came before it, and a row's numbers hang on nothing else.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void In_pages_answers_and_likelihoods_are_the_same_bits_however_little_is_read(Precision precision)
    {
        using var loaded = TinyModels.Load(Llama, precision);
        loaded.AnswersInPages = true;
        using var bank = new AdapterBank(loaded.Config, 3, new LoraOptions { Rank = 2, Alpha = 4 });
        for (var slot = 0; slot < 3; slot++) bank.Initialise(slot, slot);
        using var use = loaded.UseAdapters(bank);
        var random = new DeterministicRandom(6);
        var histories = Enumerable.Range(0, 3).Select(i => TinyModels.Tokens(loaded.Config, 40 + 7 * i, random)).ToList();
        var prompts = Enumerable.Range(0, 24).Select(i => (Tokens: (int[])[.. histories[i % 3], .. TinyModels.Tokens(loaded.Config, 1 + (i * 5 % 11), random)], Slot: (i % 4) - 1)).ToList();
        var asked = prompts.ConvertAll(p => new GenerationRequest(p.Tokens, 5, p.Slot) { Candidates = [5, 9], StopIds = [3] });
        var scored = prompts.SelectMany(p => new[] { new ScoreRequest(p.Tokens, [7, 8, 3], p.Slot), new ScoreRequest(p.Tokens, [4], p.Slot), new ScoreRequest(p.Tokens, [6], p.Slot), new ScoreRequest(p.Tokens, [], p.Slot) }).ToList();

        var (together, likelihoods) = (loaded.Generate(asked, CostMeter.Unread(), default), loaded.Score(scored, CostMeter.Unread(), default));
        loaded.SharesPrefixes = false;
        for (var i = 0; i < asked.Count; i++)
        {
            var alone = Assert.Single(loaded.Generate([asked[i]], CostMeter.Unread(), default));
            Assert.Equal(alone.Tokens, together[i].Tokens);
            Assert.Equal(alone.CandidateScores, together[i].CandidateScores);
        }
        Assert.Equal([.. scored.Select(s => loaded.Score([s], CostMeter.Unread(), default)[0])], likelihoods);

        // And, to rounding, those of the operators.
        loaded.AnswersInPages = false;
        var tolerance = precision == Precision.Float32 ? 1e-3 : 0.5;
        Assert.All(loaded.Score(scored, CostMeter.Unread(), default).Zip(likelihoods), p => Assert.Equal(p.First, p.Second, tolerance));
        if (precision == Precision.Float32) Assert.Equal(loaded.Generate(asked, CostMeter.Unread(), default).Select(g => g.Tokens), together.Select(g => g.Tokens));
    }

    [Fact]
    public void What_changes_after_an_answer_is_seen_by_the_next()
    {
        using var loaded = TinyModels.Load(Llama);
        loaded.AnswersInPages = true;
        using var bank = new AdapterBank(loaded.Config, 1, new LoraOptions { Rank = 2, Alpha = 4 });
        using var other = new AdapterBank(loaded.Config, 1, new LoraOptions { Rank = 4, Alpha = 64 });
        foreach (var site in other.Sites) TorchSharp.torch.nn.init.normal_(site.B, 0, 0.3);
        var request = new ScoreRequest(TinyModels.Tokens(loaded.Config, 50, new DeterministicRandom(3)), [7, 8], 0);
        using var use = loaded.UseAdapters(bank);
        var plain = Score();
        bank.Import(0, Trained(), "test");
        Assert.NotEqual(plain, Score());
        using (loaded.UseAdapters(other))
        {
            var adapted = Score();
            Assert.NotEqual(plain, adapted);
            other.Merge(0, loaded.Weights);
            Assert.NotEqual(adapted, Score());
            other.Unmerge(0, loaded.Weights);
            Assert.Equal(adapted, Score(), 1e-3);
        }

        double Score() => loaded.Score([request], CostMeter.Unread(), default)[0];

        PeftAdapter Trained()
        {
            using var two = new AdapterBank(loaded.Config, 1, new LoraOptions { Rank = 2, Alpha = 4 });
            foreach (var site in two.Sites) TorchSharp.torch.nn.init.normal_(site.B, 0, 0.3);
            return two.Export(0, loaded.Info);
        }
    }

    [Fact]
    public void A_history_is_read_once_for_all_questions_about_it()
    {
        using var loaded = TinyModels.Load(Llama);
        var random = new DeterministicRandom(2);
        var history = TinyModels.Tokens(loaded.Config, 80, random);
        var sequences = Enumerable.Range(0, 9).Select(i => new ReadSequence([.. history, .. TinyModels.Tokens(loaded.Config, 3 + i, random)], -1, 81)).ToList();
        var group = Assert.Single(SharedPrefixes.Of(sequences));
        Assert.Equal((9, 81), (group.Members.Count, group.Prefix));
    }

    [Fact]
    public void Every_sequence_is_in_one_group_whose_members_begin_alike_under_one_adapter() =>
        Prop.ForAll(Gen.Choose(0, 1 << 20).ToArbitrary(), seed =>
        {
            var random = new DeterministicRandom(seed);
            var stems = Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, random.Next(1, 90)).Select(_ => random.Next(0, 3)).ToArray()).ToList();
            var sequences = Enumerable.Range(0, random.Next(1, 20)).Select(_ =>
            {
                int[] tokens = [.. stems[random.Next(0, 3)], .. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(0, 3))];
                return new ReadSequence(tokens, random.Next(-1, 2), random.Next(0, tokens.Length));
            }).ToList();
            var groups = SharedPrefixes.Of(sequences);
            Assert.Equal(Enumerable.Range(0, sequences.Count), groups.SelectMany(g => g.Members).Order());
            foreach (var group in groups)
            {
                var first = sequences[group.Members[0]];
                Assert.All(group.Members.Select(m => sequences[m]), s =>
                {
                    Assert.Equal(first.Slot, s.Slot);
                    Assert.True(group.Prefix <= s.MostShared);
                    Assert.Equal(first.Tokens[..group.Prefix], s.Tokens[..group.Prefix]);
                });
            }
        }).QuickCheckThrowOnFailure();
}
