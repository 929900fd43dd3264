using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Conformance.Tests;

public sealed class PromptTests
{
    private static readonly WordTokenizer Tokenizer = new(["\n", "a", "b", "c", "d", "?"]);
    private readonly PromptBuilder _builder = new(Tokenizer, new PromptFormat("\n"));

    [Fact]
    public void Documents_stand_in_the_order_of_the_history_whatever_is_wanted_most()
    {
        var prompt = _builder.Build(History("a", "b", "c"), [2, 0], "d ?", room: 20);
        Assert.Equal(["d0", "d2"], prompt.ContextIds);
        Assert.Equal("a\nc\nd ?", Tokenizer.Decode(prompt.Tokens));
        Assert.Equal(Tokenizer.BeginOfText, prompt.Tokens[0]);
    }

    [Theory]
    [InlineData(DocumentOrder.OldestFirst, "a\nb\nc\nd ?")]
    [InlineData(DocumentOrder.NewestFirst, "c\nb\na\nd ?")]
    [InlineData(DocumentOrder.BestFirst, "b\nc\na\nd ?")]
    [InlineData(DocumentOrder.BestLast, "a\nc\nb\nd ?")]
    public void Documents_stand_in_the_order_that_is_asked_for(DocumentOrder order, string text)
    {
        var builder = new PromptBuilder(Tokenizer, new PromptFormat("\n"), order);
        Assert.Equal(text, Tokenizer.Decode(builder.Build(History("a", "b", "c"), [1, 2, 0], "d ?", room: 20).Tokens));
        // What is left out is what is least wanted, whatever the order.
        Assert.Equal(["d1", "d2"], builder.Build(History("a", "b", "c"), [1, 2, 0], "d ?", room: 8).ContextIds.Order());
    }

    [Fact]
    public void What_all_of_a_users_prompts_begin_with_is_counted_once_for_each()
    {
        using var model = TinyBase.Load();
        var users = TinyUsers.Make(2);
        var request = TinyUsers.Request(model, users);
        var asked = TinyUsers.Questions(users, withEvidence: false).Where(q => q.Scoring == ProbeScoring.ExactMatch).ToList();
        var meter = CostMeter.Unread();
        var answering = new PromptAnswering(request);
        var prompted = asked.ConvertAll(q => new PromptedQuestion(q, request.Histories.Single(h => h.Id == q.UserId).Documents, [0, 1], -1));
        answering.Answer(prompted, meter, CancellationToken.None);
        var builder = new PromptBuilder(model.Tokenizer, request.Format);
        var shared = asked.GroupBy(q => q.UserId).Select(own =>
        {
            var prompts = prompted.Where(p => p.Question.UserId == own.Key).Select(p => builder.Build(p.History, p.Wanted, p.Question.Prompt, room: 64).Tokens).ToList();
            return (Tokens: Enumerable.Range(0, prompts.Min(p => p.Length) - 1).TakeWhile(i => prompts.All(p => p[i] == prompts[0][i])).Count(), Prompts: prompts.Count);
        }).ToList();
        Assert.All(shared, s => Assert.True(s.Tokens > 5 && s.Prompts > 1));
        Assert.Equal((shared.Sum(s => s.Tokens), shared.Sum(s => s.Tokens * s.Prompts)), (meter.SharedTokens, meter.RepeatedTokens));
        Assert.Equal(shared.Sum(s => FlopCount.Sequence(model.Config, s.Tokens)), meter.SharedFlops);
    }

    [Fact]
    public void The_least_wanted_goes_first_and_whole()
    {
        // Begin-of-text, three documents of two tokens, two of question: 9.
        Assert.Equal(["d0", "d1", "d2"], _builder.Build(History("a", "b", "c"), [1, 2, 0], "d ?", room: 9).ContextIds);
        Assert.Equal(["d1", "d2"], _builder.Build(History("a", "b", "c"), [1, 2, 0], "d ?", room: 8).ContextIds);
        Assert.Equal(["d1"], _builder.Build(History("a", "b", "c"), [1, 2, 0], "d ?", room: 6).ContextIds);
        Assert.Empty(_builder.Build(History("a", "b", "c"), [1, 2, 0], "d ?", room: 4).ContextIds);
    }

    [Fact]
    public void A_document_too_long_for_any_prompt_does_not_push_out_the_others()
    {
        var history = History("a", "b b b b b b b b b b", "c");
        Assert.Equal(["d0", "d2"], _builder.Build(history, [1, 2, 0], "d ?", room: 9).ContextIds);
    }

    [Fact]
    public void The_budget_is_the_documents_not_the_questions()
    {
        Assert.Equal(["d1", "d2"], _builder.Build(History("a", "b", "c"), [2, 1, 0], "d ?", room: 20, budget: 4).ContextIds);
        Assert.Equal(["d2"], _builder.Build(History("a", "b", "c"), [2, 1, 0], "d ?", room: 20, budget: 3).ContextIds);
    }

    [Fact]
    public void A_question_longer_than_the_room_loses_its_beginning()
    {
        var prompt = _builder.Build(History("a"), [0], "a b c d ?", room: 3);
        Assert.Equal(Tokenizer.BeginOfText, prompt.Tokens[0]);
        Assert.Equal("d ?", Tokenizer.Decode(prompt.Tokens));
    }

    [Fact]
    public void Every_token_of_a_text_is_scored_once_after_at_least_half_a_window() =>
        Prop.ForAll(Gen.Choose(1, 40).SelectMany(c => Gen.Choose(0, 200).SelectMany(n => Gen.Choose(1, c).Select(p => (Context: c + 1, Text: n, Prompt: p)))).ToArbitrary(), sizes =>
        {
            int[] prompt = [.. Enumerable.Repeat(-1, sizes.Prompt)];
            int[] text = [.. Enumerable.Range(0, sizes.Text)];
            var windows = LikelihoodWindows.Split(prompt, text, sizes.Context, slot: 3).ToList();
            Assert.Equal(text, windows.SelectMany(w => w.Continuation));
            var half = (sizes.Context - sizes.Prompt) / 2;
            foreach (var window in windows)
            {
                Assert.InRange(window.Prompt.Length + window.Continuation.Length, 1, sizes.Context);
                Assert.Equal(prompt, window.Prompt[..sizes.Prompt]);
                var read = window.Prompt[sizes.Prompt..];
                Assert.Equal(window.Continuation[0] == 0 ? 0 : half, read.Length);
                Assert.Equal(Enumerable.Range(window.Continuation[0] - read.Length, read.Length), read);
                Assert.Equal(3, window.Slot);
            }
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(100, 10, 90)]
    [InlineData(100, 50, 50)]
    [InlineData(100, 1000, 50)]
    public void A_text_keeps_its_room_up_to_half_of_the_context(int context, int text, int room) =>
        Assert.Equal(room, LikelihoodWindows.PromptRoom(context, text));

    [Theory]
    [InlineData(ProbeScoring.ExactMatch)]
    [InlineData(ProbeScoring.Style)]
    public void What_a_bases_files_say_ends_a_text_ends_an_answer(ProbeScoring scoring)
    {
        var words = Answer().Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(words);
        Assert.Equal("", Answer(words[0]));

        string Answer(params string[] ends)
        {
            using var model = TinyBase.Load(endWords: ends);
            var users = TinyUsers.Make(1);
            var asked = TinyUsers.Questions(users, withEvidence: false).First(q => q.Scoring == scoring);
            return new PromptAnswering(TinyUsers.Request(model, users)).Answer([new PromptedQuestion(asked, [], [], -1)], CostMeter.Unread(), CancellationToken.None)[0].Text;
        }
    }

    private static Document[] History(params string[] texts) => [.. texts.Select((t, i) => new Document($"d{i}", null, "note", t))];
}
