namespace PersonalizationBench.Core.Tests;

public sealed class WordsTests
{
    private static readonly string[] Known = ["rank", "learning_rate", "seeds", "seed"];

    [Theory]
    [InlineData("rnak", "rank")]
    [InlineData("lerning_rate", "learning_rate")]
    [InlineData("seeds", "seeds")]
    [InlineData("completely", null)]
    [InlineData("", null)]
    public void The_nearest_word_is_found_if_it_is_near(string word, string? nearest) => Assert.Equal(nearest, NearestWord.Find(word, Known));

    [Fact]
    public void Of_equally_near_words_the_first_by_the_alphabet_is_taken() => Assert.Equal("bat", NearestWord.Find("xat", ["cat", "bat"]));

    [Fact]
    public void An_error_names_its_place_as_compilers_do()
    {
        var error = PbenchException.At("study.yaml", 3, "wrong");
        Assert.Equal(("study.yaml:3: wrong", 2), (error.Message, error.ExitCode));
        Assert.Equal(1, new DivergedException("NaN").ExitCode);
    }

    [Fact]
    public void A_prompt_is_documents_and_then_the_question() =>
        Assert.Equal("one\ntwo\nwhat?", new PromptFormat("\n").Compose([new Document("1", null, "note", "one"), new Document("2", null, "note", "two")], "what?"));

    /// <summary>No peeking: what a strategy is shown of a probe tells it nothing that it should find out.</summary>
    [Fact]
    public void A_question_carries_no_answer_unless_the_answer_is_what_is_scored()
    {
        var recall = new Probe("p", "recall", ProbeScoring.ExactMatch, "what?", "gold") { EvidenceIds = ["d"], Choices = ["gold", "other"] };
        var question = Question.From("u", recall, withEvidence: false);
        Assert.Null(question.Continuation);
        Assert.Empty(question.EvidenceIds);
        Assert.Equal(["gold", "other"], question.Choices);
        Assert.Equal(["d"], Question.From("u", recall, withEvidence: true).EvidenceIds);
        Assert.Equal("gold", Question.From("u", recall with { Scoring = ProbeScoring.BitsPerByte }, withEvidence: false).Continuation);
        Assert.Equal(["gold"], (recall with { }).Accepted);
        Assert.Equal("recall", recall.Topic);
    }

    [Fact]
    public void A_meter_adds_up()
    {
        var meter = CostMeter.Unread();
        meter.AddFlops(2);
        meter.AddFlops(3);
        meter.AddTrainedTokens(5);
        meter.AddPromptTokens(7);
        meter.AddGeneratedTokens(11);
        Assert.Null(meter.CacheBytesPerSequence);
        meter.AddSequence(20);
        meter.AddSequence(10);
        meter.AddShared(100, prompts: 3, flops: 7);
        meter.AddShared(50, prompts: 2, flops: 4);
        meter.Arrive();
        meter.ObserveFirstToken();
        meter.ObserveToken(TimeSpan.FromSeconds(1));
        Assert.Equal((5.0, 5L, 7L, 11L, 15.0), (meter.Flops, meter.TrainedTokens, meter.PromptTokens, meter.GeneratedTokens, meter.CacheBytesPerSequence));
        Assert.Equal((150L, 11.0, 400L, 29.0), (meter.SharedTokens, meter.SharedFlops, meter.RepeatedTokens, meter.RepeatedFlops));
        Assert.InRange(Assert.Single(meter.FirstTokenSeconds), 0, 1);
        Assert.Equal([1.0], meter.PerTokenSeconds);
    }
}
