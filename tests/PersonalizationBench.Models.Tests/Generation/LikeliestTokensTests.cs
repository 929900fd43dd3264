using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Tests;

public sealed class LikeliestTokensTests
{
    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Each_place_has_the_tokens_that_score_best_there(bool inPages, bool shared)
    {
        using var loaded = TinyModels.Load(TinyModels.Grouped with { ContextLength = 120 }, gain: 8);
        loaded.AnswersInPages = inPages;
        loaded.SharesPrefixes = shared;
        var random = new DeterministicRandom(5);
        var history = TinyModels.Tokens(loaded.Config, 50, random);
        List<ScoreRequest> requests = [.. Enumerable.Range(1, 5).Select(i => new ScoreRequest([.. history, .. TinyModels.Tokens(loaded.Config, i, random)], TinyModels.Tokens(loaded.Config, 1 + (i % 3), random)))];
        requests.Add(new ScoreRequest(TinyModels.Tokens(loaded.Config, 3, random), [7, 8]));
        var likeliest = loaded.Likeliest(requests, 4, CostMeter.Unread(), default);
        foreach (var (request, places) in requests.Zip(likeliest))
        {
            Assert.Equal(request.Continuation.Length, places.Count);
            foreach (var (place, distribution) in places.Index())
            {
                int[] prompt = [.. request.Prompt, .. request.Continuation[..place]];
                var all = loaded.Score([.. Enumerable.Range(0, loaded.Config.VocabularySize).Select(id => new ScoreRequest(prompt, [id]))], CostMeter.Unread(), default);
                foreach (var (id, probability) in distribution.Ids.Zip(distribution.Probabilities)) Assert.Equal(Math.Exp(all[id]), probability, 3);
                var best = all.OrderDescending().Take(4).Select(Math.Exp).ToList();
                Assert.All(best.Zip(distribution.Probabilities), p => Assert.Equal(p.First, p.Second, 3));
            }
        }
    }

    [Fact]
    public void Of_equals_the_smaller_id_is_first() => Assert.Equal([1, 3, 0], LogitRow.Likeliest([0.5f, 2, -1, 2], 3).Ids);

    [Fact]
    public void A_continuation_of_nothing_has_no_place()
    {
        using var loaded = TinyModels.Load();
        Assert.Throws<ArgumentException>(() => loaded.Likeliest([new ScoreRequest([1, 2], [])], 3, CostMeter.Unread(), default));
    }
}
