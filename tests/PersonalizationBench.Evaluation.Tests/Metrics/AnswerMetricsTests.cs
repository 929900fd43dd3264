using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;

namespace PersonalizationBench.Evaluation.Tests.Metrics;

public sealed class AnswerMetricsTests
{
    [Theory]
    [InlineData("paris", 1)]
    [InlineData("  Paris . ", 1)]
    [InlineData("PARIS!?", 1)]
    [InlineData("new\t york", 1)]
    [InlineData("paris, france", 0)]
    [InlineData("pa ris", 0)]
    [InlineData("", 0)]
    public void An_answer_matches_up_to_case_spacing_and_final_punctuation(string answer, double score) =>
        Assert.Equal(score, ExactMatch.Score(answer, ["Paris", "New  York."]));

    [Theory]
    [InlineData("", "...", 0)]
    [InlineData("...", "...", 1)]
    [InlineData("?", "!", 0)]
    [InlineData("!", "!", 1)]
    [InlineData(" ! ", "!", 1)]
    [InlineData("!", "oslo", 0)]
    [InlineData("cafe\u0301", "caf\u00e9", 1)]
    [InlineData("CAF\u00c9", "cafe\u0301.", 1)]
    [InlineData("cafe", "caf\u00e9", 0)]
    public void A_text_of_nothing_but_punctuation_is_itself_and_composed_characters_are_their_parts(string answer, string accepted, double score) =>
        Assert.Equal(score, ExactMatch.Score(answer, [accepted]));

    [Theory]
    [InlineData("")]
    [InlineData(" \t")]
    public void An_accepted_answer_that_says_nothing_is_refused(string accepted) =>
        Assert.Contains("an accepted answer is empty", Assert.Throws<ArgumentException>(() => ExactMatch.Score("", ["oslo", accepted])).Message);

    [Fact]
    public void Punctuation_inside_an_answer_counts() => Assert.Equal("it's 3.5 o'clock", ExactMatch.Normalise(" It's  3.5 o'clock. "));

    [Fact]
    public void A_choice_is_right_if_its_text_is_accepted()
    {
        Assert.Equal(1, ChoiceAccuracy.Score(1, ["tea", "Coffee"], ["coffee"]));
        Assert.Equal(0, ChoiceAccuracy.Score(0, ["tea", "Coffee"], ["coffee"]));
        Assert.Throws<ArgumentOutOfRangeException>(() => ChoiceAccuracy.Score(2, ["tea", "coffee"], ["coffee"]));
    }

    [Theory]
    [InlineData(0, "abcd", 0)]
    [InlineData(-8, "abcdefgh", 1.4426950408889634)] // 1 nat a byte is log2(e) bits a byte
    [InlineData(-2.772588722239781, "éé", 1)] // 4 ln 2 nats over 4 bytes of UTF-8
    public void Bits_per_byte_count_bytes_of_UTF_8(double nats, string text, double bits) =>
        Assert.Equal(bits, BitsPerByte.Score(nats, text), 12);

    [Fact]
    public void Bits_per_byte_of_several_texts_weigh_them_by_their_bytes()
    {
        Assert.Equal(0.75, BitsPerByte.Score([-Math.Log(2), -2 * Math.Log(2)], ["a", "bcd"])!.Value, 12);
        Assert.Null(BitsPerByte.Score([], []));
        Assert.Throws<ArgumentOutOfRangeException>(() => BitsPerByte.Score(-1, ""));
    }

    [Fact]
    public void Evidence_recall_is_the_share_found_and_nothing_where_there_was_none_to_find()
    {
        Assert.Equal(0.5, EvidenceRecall.Score(["d3", "d1", "d9"], ["d1", "d2"]));
        Assert.Null(EvidenceRecall.Score(["d3"], []));
    }
}

public sealed class ProbeScorerTests
{
    private static readonly Probe Recall = new("p", "recall", ProbeScoring.ExactMatch, "where ?", "oslo") { PoolSize = 64, Choices = ["oslo", "rome"], EvidenceIds = ["d1"] };

    [Fact]
    public void An_exact_match_probe_with_choices_gives_two_rows_with_their_own_chance()
    {
        var rows = ProbeScorer.Score("cell", Recall, new Answer("u", "p", "Oslo.") { Choice = 1, ContextIds = ["d1"], PromptTokens = 9 }).ToList();
        Assert.Equal(
            [
                new ProbeRecord { Key = "cell", UserId = "u", ProbeId = "p", Kind = "recall", Metric = "exact-match", Score = 1, Chance = 1.0 / 64, Answer = "Oslo.", Gold = "oslo", EvidenceRecall = 1, PromptTokens = 9 },
                new ProbeRecord { Key = "cell", UserId = "u", ProbeId = "p", Kind = "recall", Metric = "choice", Score = 0, Chance = 0.5, Answer = "rome", Gold = "oslo", EvidenceRecall = 1, PromptTokens = 9 },
            ],
            rows);
    }

    [Fact]
    public void Without_a_pool_there_is_no_chance() =>
        Assert.Null(Assert.Single(ProbeScorer.Score("cell", Recall with { PoolSize = 1 }, new Answer("u", "p", "unknown"))).Chance);

    [Fact]
    public void A_likelihood_probe_keeps_its_text_out_of_the_results()
    {
        var probe = new Probe("p", "continuation", ProbeScoring.BitsPerByte, "", "a long private mail");
        var row = Assert.Single(ProbeScorer.Score("cell", probe, new Answer("u", "p", "") { LogLikelihood = -19 * Math.Log(2) }));
        Assert.Equal(("bits-per-byte", 1.0, ""), (row.Metric, Math.Round(row.Score, 12), row.Gold));
    }

    [Fact]
    public void An_answer_that_lacks_what_its_scoring_needs_is_refused()
    {
        Assert.Throws<ArgumentException>(() => ProbeScorer.Score("c", Recall with { Scoring = ProbeScoring.Choice }, new Answer("u", "p", "x")).ToList());
        Assert.Throws<ArgumentException>(() => ProbeScorer.Score("c", Recall with { Scoring = ProbeScoring.BitsPerByte }, new Answer("u", "p", "x")).ToList());
        Assert.Throws<ArgumentException>(() => ProbeScorer.Score("c", Recall, new Answer("u", "another", "x")).ToList());
    }
}
