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

    [Theory]
    [InlineData("I think it is Paris.", 1)]
    [InlineData("new york, or the paris", 1)]
    [InlineData("york new", 0)]
    [InlineData("parisian", 0)]
    [InlineData("", 0)]
    [InlineData("a New, York!", 1)]
    public void An_answer_contains_an_accepted_one_word_for_word(string answer, double score) => Assert.Equal(score, Contains.Score(answer, ["Paris", "the new york"]));

    [Fact]
    public void An_article_alone_is_contained_in_nothing() => Assert.Equal(0, Contains.Score("the the", ["the"]));

    [Theory]
    [InlineData("cat sat", "the cat sat", 1)]
    [InlineData("cat sat mat", "cat sat on a mat", 6.0 / 7)]
    [InlineData("cat cat", "cat", 2.0 / 3)]
    [InlineData("it's", "its", 1)]
    [InlineData("cafe\u0301", "caf\u00e9", 1)]
    [InlineData("dog", "cat", 0)]
    [InlineData("", "cat", 0)]
    [InlineData("the", "a", 1)]
    public void F1_counts_the_words_in_common(string answer, string accepted, double score) => Assert.Equal(score, TokenF1.Score(answer, ["zebra", accepted]), 12);

    [Theory]
    [InlineData("oslo", 1)]
    [InlineData("Unknown.", 0)]
    [InlineData(" unknown ", 0)]
    [InlineData("", 0)]
    [InlineData("unknown city", 1)]
    public void What_is_no_word_for_unknown_is_an_answer(string answer, double score) => Assert.Equal(score, Answered.Score(answer, "unknown"));

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

    private static readonly ProbeScorer Scorer = new(20, "unknown", [new User("t", "T", [], [Style("hi"), Style("hi"), Style("dear")])]);

    private static Probe Style(string greeting) => new("s", "style", ProbeScoring.Style, "mail\n", "") { StyleFeatures = new Dictionary<string, string> { ["greeting"] = greeting, ["sign_off"] = "cheers" } };

    [Fact]
    public void An_answer_in_words_gives_a_row_for_each_way_to_look_at_it()
    {
        var rows = Scorer.Score("cell", Recall, new Answer("u", "p", "Oslo.") { Choice = 1, ChoiceNormalized = 0, ContextIds = ["d1"], PromptTokens = 9 }).ToList();
        var exact = new ProbeRecord { Key = "cell", UserId = "u", ProbeId = "p", Kind = "recall", Metric = "exact-match", Score = 1, Chance = 1.0 / 64, Answer = "Oslo.", Gold = "oslo", EvidenceRecall = 1, PromptTokens = 9 };
        Assert.Equal(
            [
                exact,
                exact with { Metric = "contains", Chance = null },
                exact with { Metric = "token-f1", Chance = null },
                exact with { Metric = "answered", Chance = null },
                exact with { Metric = "choice", Score = 0, Chance = 0.5, Answer = "rome" },
                exact with { Metric = "choice-normalized", Score = 1, Chance = 0.5, Answer = "oslo" },
            ],
            rows);
    }

    [Fact]
    public void Without_a_pool_there_is_no_chance() =>
        Assert.All(Scorer.Score("cell", Recall with { PoolSize = 1 }, new Answer("u", "p", "unknown")), r => Assert.Null(r.Chance));

    [Fact]
    public void Where_it_is_right_not_to_know_nobody_asks_whether_it_was_answered() =>
        Assert.DoesNotContain(Scorer.Score("cell", new Probe("p", "absence", ProbeScoring.ExactMatch, "where ?", "unknown"), new Answer("u", "p", "oslo")), r => r.Metric == "answered");

    [Fact]
    public void What_an_answer_says_beyond_the_limit_is_not_looked_through() =>
        Assert.Equal([0.0, 0.0], Scorer.Score("cell", Recall, new Answer("u", "p", "well let me think a while oslo")).Where(r => r.Metric is "contains" or "token-f1").Select(r => r.Score));

    /// <summary>Most others say hi and all sign off with cheers: so would a text that is the same for everyone.</summary>
    [Fact]
    public void The_chance_of_a_style_is_what_a_constant_text_reaches()
    {
        Assert.Equal(1, Scorer.Chance(Style("hi"), Metric.Style));
        Assert.Equal(0.5, Scorer.Chance(Style("dear"), Metric.Style));
        Assert.Null(new ProbeScorer(20).Chance(Style("hi"), Metric.Style));
    }

    [Fact]
    public void A_likelihood_probe_keeps_its_text_out_of_the_results()
    {
        var probe = new Probe("p", "continuation", ProbeScoring.BitsPerByte, "", "a long private mail");
        var row = Assert.Single(Scorer.Score("cell", probe, new Answer("u", "p", "") { LogLikelihood = -19 * Math.Log(2) }));
        Assert.Equal(("bits-per-byte", 1.0, ""), (row.Metric, Math.Round(row.Score, 12), row.Gold));
    }

    [Fact]
    public void An_answer_that_lacks_what_its_scoring_needs_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Scorer.Score("c", Recall with { Scoring = ProbeScoring.Choice }, new Answer("u", "p", "x")).ToList());
        Assert.Throws<ArgumentException>(() => Scorer.Score("c", Recall with { Scoring = ProbeScoring.BitsPerByte }, new Answer("u", "p", "x")).ToList());
        Assert.Throws<ArgumentException>(() => Scorer.Score("c", Recall, new Answer("u", "another", "x")).ToList());
    }
}
