using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests;

public sealed class GenerationTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(1)]
    public void With_the_cache_the_same_tokens_come_as_without(int keyValueHeads)
    {
        using var loaded = TinyModels.Load(TinyModels.Grouped with { KeyValueHeads = keyValueHeads });
        var random = new DeterministicRandom(keyValueHeads);
        var requests = Enumerable.Range(0, 12).Select(_ => new GenerationRequest(TinyModels.Tokens(loaded.Config, random.Next(1, 25), random), random.Next(1, 12))).ToList();
        var generated = loaded.Generate(requests, CostMeter.Unread(), default);
        for (var i = 0; i < requests.Count; i++) Assert.Equal(WithoutCache(loaded, requests[i]), generated[i].Tokens);
    }

    [Fact]
    public void Candidates_are_scored_from_the_same_reading_as_a_score_of_their_own()
    {
        using var loaded = TinyModels.Load();
        var random = new DeterministicRandom(8);
        int[][] prompts = [TinyModels.Tokens(loaded.Config, 9, random), TinyModels.Tokens(loaded.Config, 4, random), TinyModels.Tokens(loaded.Config, 6, random)];
        int[][] candidates = [[5, 6, 7], [], [60]];
        var generated = loaded.Generate([.. prompts.Zip(candidates, (p, c) => new GenerationRequest(p, 3) { Candidates = c })], CostMeter.Unread(), default);
        for (var i = 0; i < prompts.Length; i++)
        {
            var expected = loaded.Score([.. candidates[i].Select(c => new ScoreRequest(prompts[i], [c]))], CostMeter.Unread(), default);
            Assert.Equal(expected.Count, generated[i].CandidateScores!.Count);
            Assert.All(expected.Zip(generated[i].CandidateScores!), p => Assert.Equal(p.First, p.Second, 1e-4));
        }
        Assert.Throws<PbenchException>(() => loaded.Generate([new GenerationRequest(prompts[0], 1) { Candidates = [61] }], CostMeter.Unread(), default));
    }

    [Fact]
    public void Generation_stops_before_a_stop_id_at_the_bound_and_at_the_end_of_the_context()
    {
        using var loaded = TinyModels.Load();
        var prompt = TinyModels.Tokens(loaded.Config, 6, new DeterministicRandom(1));
        var free = Single(new GenerationRequest(prompt, 8));
        Assert.Equal(8, free.Length);
        var stop = free[^1];
        Assert.Equal(free.TakeWhile(t => t != stop), Single(new GenerationRequest(prompt, 8) { StopIds = [stop] }));
        Assert.Empty(Single(new GenerationRequest(prompt, 0)));
        // The last token may be predicted from the context's last position but is not read.
        Assert.Equal(loaded.Config.ContextLength - 6 + 1, Single(new GenerationRequest(prompt, 1000)).Length);
        var full = TinyModels.Tokens(loaded.Config, loaded.Config.ContextLength, new DeterministicRandom(2));
        Assert.Single(Single(new GenerationRequest(full, 5)));

        int[] Single(GenerationRequest request) => loaded.Generate([request], CostMeter.Unread(), default)[0].Tokens;
    }

    [Fact]
    public void Scores_are_the_log_likelihoods_of_the_equations()
    {
        using var loaded = TinyModels.Load();
        var naive = NaiveLlama.Of(loaded.Weights);
        var random = new DeterministicRandom(9);
        var requests = Enumerable.Range(0, 7).Select(_ => new ScoreRequest(TinyModels.Tokens(loaded.Config, random.Next(1, 20), random), TinyModels.Tokens(loaded.Config, random.Next(0, 12), random))).ToList();
        var scores = loaded.Score(requests, CostMeter.Unread(), default);
        for (var i = 0; i < requests.Count; i++)
        {
            int[] tokens = [.. requests[i].Prompt, .. requests[i].Continuation];
            var logits = naive.Logits(tokens);
            var expected = Enumerable.Range(requests[i].Prompt.Length, requests[i].Continuation.Length).Sum(t => logits[t - 1][tokens[t]] - Math.Log(logits[t - 1].Sum(Math.Exp)));
            Assert.Equal(expected, scores[i], 1e-3);
        }
    }

    [Fact]
    public void What_cannot_be_read_is_refused_by_name()
    {
        using var loaded = TinyModels.Load();
        Assert.Contains("context is 40", Message(() => loaded.Generate([new GenerationRequest(new int[41], 1)], CostMeter.Unread(), default)), StringComparison.Ordinal);
        Assert.Contains("empty", Message(() => loaded.Generate([new GenerationRequest([], 1)], CostMeter.Unread(), default)), StringComparison.Ordinal);
        Assert.Contains("token 61", Message(() => loaded.Score([new ScoreRequest([0], [61])], CostMeter.Unread(), default)), StringComparison.Ordinal);

        static string Message(Action action) => Assert.Throws<PbenchException>(action).Message;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forced_tokens_are_taken_instead_of_the_likeliest_and_what_follows_goes_on_from_them(bool inPages)
    {
        using var loaded = TinyModels.Load();
        loaded.AnswersInPages = inPages;
        int[] forced = [9, 3, 12];
        var answer = Assert.Single(loaded.Generate([new GenerationRequest([0, 5, 6], 5) { Forced = forced }], CostMeter.Unread(), default)).Tokens;
        Assert.Equal(forced, answer[..3]);
        Assert.Equal(Assert.Single(loaded.Generate([new GenerationRequest([0, 5, 6, 9, 3, 12], 2)], CostMeter.Unread(), default)).Tokens, answer[3..]);
    }

    [Fact]
    public void Costs_are_counted_as_documented()
    {
        using var loaded = TinyModels.Load();
        var config = loaded.Config;
        var meter = CostMeter.Unread();
        loaded.Generate([new GenerationRequest([0, 5, 6], 2)], meter, default);
        var perToken = FlopCount.Projections(config);
        // Two products of d x d and d x kv each, three of d x f, two operations per multiply-add, in every layer.
        Assert.Equal(2.0 * 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48), perToken);
        Assert.Equal(4 * perToken + FlopCount.Mixing(config, 1 + 2 + 3 + 4) + 2 * FlopCount.Head(config), meter.Flops);
        Assert.Equal((3L, 2L), (meter.PromptTokens, meter.GeneratedTokens));
        Assert.Equal((1, 1), (meter.FirstTokenSeconds.Count, meter.PerTokenSeconds.Count));
        Assert.Equal(5 * 2 * 2 * 16 * 4, meter.CacheBytesPerSequence);
    }

    [Fact]
    public void Nothing_native_is_left_behind()
    {
        using var loaded = TinyModels.Load();
        Run();
        var before = TinyModels.LiveTensors();
        Run();
        Assert.Equal(before, Engine.LiveTensors);

        void Run()
        {
            loaded.Generate([new GenerationRequest([0, 3], 5), new GenerationRequest([0, 3, 4, 5], 3)], CostMeter.Unread(), default);
            loaded.Score([new ScoreRequest([0], [4, 5])], CostMeter.Unread(), default);
        }
    }

    [SkippableFact]
    public void Greedy_text_of_stories260K_is_that_of_llama2c()
    {
        var expected = File.ReadAllText(SharedData.Require("weights/llama2c/stories260K.greedy200.txt"));
        var weights = SharedData.Require("weights/llama2c/stories260K.bin");
        var catalog = new BaseCatalog("none", Path.GetFullPath(Path.Combine(Path.GetDirectoryName(weights)!, "..", "..")));
        using var loaded = catalog.Load("stories260K", Precision.Auto, "cpu");
        var generated = loaded.Generate([new GenerationRequest(loaded.Tokenizer.Begun([]), 200)], CostMeter.Unread(), default)[0].Tokens;
        Assert.Equal(expected, loaded.Tokenizer.Decode(loaded.Tokenizer.Begun(generated)));
        Assert.Equal("float32", loaded.Info.Precision);
    }

    private static int[] WithoutCache(LoadedBase loaded, GenerationRequest request)
    {
        var tokens = request.Tokens.ToList();
        while (tokens.Count < request.Tokens.Length + request.MaxNewTokens)
        {
            var last = ForwardTests.Logits(loaded, [[.. tokens]])[^loaded.Config.VocabularySize..];
            tokens.Add(Array.IndexOf(last, last.Max()));
        }
        return [.. tokens.Skip(request.Tokens.Length)];
    }
}
