using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Strategies.FullHistory;
using PersonalizationBench.Strategies.Majority;
using PersonalizationBench.Strategies.NoPersonalization;
using PersonalizationBench.Strategies.Oracle;
using PersonalizationBench.Strategies.Rag;
using PersonalizationBench.Strategies.RecentHistory;

namespace PersonalizationBench.Conformance.Tests;

public sealed class NoPersonalizationConformance : StrategyConformance
{
    public override string Type => "none";

    protected override object Options => new NoPersonalizationOptions();

    protected override bool IsPersonal => false;

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (0, 0);

    [Fact]
    public void The_prompt_is_the_bare_question() =>
        Assert.All(Run(TinyUsers.Make(2)), a => Assert.Empty(a.ContextIds));
}

public sealed class MajorityConformance : StrategyConformance
{
    public override string Type => "majority";

    protected override object Options => new MajorityOptions();

    protected override bool IsPersonal => false;

    protected override bool AsksTheModel => false;

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (0, 0);

    [Fact]
    public void The_most_frequent_answer_of_the_tuning_users_wins()
    {
        Assert.Equal("tea", Answer("drink", ["tea", "milk", "tea", "soup", "soup", "tea"]).Text);
        Assert.Equal("milk", Answer("drink", ["tea", "milk"]).Text); // a tie goes to the first in ordinal order
        Assert.Equal("tea", Answer("unheard of", ["tea"]).Text); // by kind, where the topic is new
        Assert.Equal("", Answer("drink", []).Text);
    }

    [Fact]
    public void A_choice_is_made_among_the_choices()
    {
        var answer = Answer("drink", ["fish", "fish", "fish", "milk", "milk", "tea"], "tea", "milk");
        Assert.Equal(("milk", 1), (answer.Text, answer.Choice));
        Assert.Equal("tea", Answer("drink", [], "tea", "milk").Text); // nobody was asked: the first
    }

    private static Answer Answer(string topic, string[] golds, params string[] choices) =>
        new AnswerCounts(golds.Select((g, i) => new Probe($"{i}", "recall", ProbeScoring.ExactMatch, "", g) { Topic = "drink" }))
            .AnswerTo(new Question("u", "p", "recall", topic, choices.Length > 0 ? ProbeScoring.Choice : ProbeScoring.ExactMatch, "") { Choices = choices });
}

public sealed class FullHistoryConformance : StrategyConformance
{
    public override string Type => "full-history";

    protected override object Options => new FullHistoryOptions();

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => Documents.BytesPerUser(users);

    [Fact]
    public void Over_the_budget_the_newest_documents_are_kept()
    {
        var users = TinyUsers.Make(1, documents: 6);
        var tokens = Base.Tokenizer.Encode(users[0].History[0].Text + "\n").Length;
        var answers = Run(users, new FullHistoryStrategy(new FullHistoryOptions { BudgetTokens = (2 * tokens) + 1 }));
        Assert.All(answers, a => Assert.Equal(["user-00-d04", "user-00-d05"], a.ContextIds));
    }

    [Theory]
    [InlineData(0, "at least 1")]
    [InlineData(TinyBase.ContextLength + 1, "above the context")]
    public void A_budget_that_cannot_be_is_refused(int budget, string problem) =>
        Assert.Contains(problem, Assert.Single(Descriptor.Validate(new FullHistoryOptions { BudgetTokens = budget }, Base.Info)), StringComparison.Ordinal);
}

public sealed class RecentHistoryConformance : StrategyConformance
{
    public override string Type => "recent-history";

    protected override object Options => new RecentHistoryOptions { Documents = 2 };

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) =>
        Documents.BytesPerUser(users.Select(u => u with { History = u.History.TakeLast(2).ToList() }).ToList());

    [Fact]
    public void The_newest_documents_stand_in_the_prompt_oldest_first() =>
        Assert.All(Run(TinyUsers.Make(1)), a => Assert.Equal(["user-00-d04", "user-00-d05"], a.ContextIds));

    [Fact]
    public void No_documents_are_no_setting() =>
        Assert.Contains("at least 1", Assert.Single(Descriptor.Validate(new RecentHistoryOptions { Documents = 0 }, Base.Info)), StringComparison.Ordinal);
}

public sealed class RagConformance : StrategyConformance
{
    public override string Type => "rag";

    protected override object Options => new RagOptions { K = 2 };

    /// <summary>The texts, and an index that has no more than a dozen pages of 512 bytes here.</summary>
    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) =>
        (Documents.BytesPerUser(users).Least + 512, Documents.BytesPerUser(users).Most + (24 * 512));

    [Fact]
    public void What_the_question_asks_about_is_found_and_read_in_order_of_dates()
    {
        var user = TinyUsers.Make(1)[0];
        Document[] history = [.. user.History.Take(5).Select((d, i) => d with { Text = i is 1 or 3 ? "note : my mail is black ." : "note : today i had tea ." })];
        var asked = user with { History = history, Probes = [user.Probes[0] with { Prompt = "which black mail is my \"mail\" ?" }] };
        Assert.Equal(["user-00-d01", "user-00-d03"], Assert.Single(Run([asked])).ContextIds);
    }

    [Fact]
    public void A_question_that_finds_nothing_goes_without_and_a_text_takes_the_newest()
    {
        var user = TinyUsers.Make(1)[0];
        var asked = user with { Probes = [user.Probes[0] with { Prompt = "?" }, user.Probes[4] with { Prompt = "" }] };
        var answers = Run([asked]);
        Assert.Empty(answers[0].ContextIds);
        Assert.Equal(["user-00-d04", "user-00-d05"], answers[1].ContextIds);
    }

    [Fact]
    public void K_is_at_least_one() =>
        Assert.Contains("k must be at least 1", Assert.Single(Descriptor.Validate(new RagOptions { K = 0 }, Base.Info)), StringComparison.Ordinal);
}

public sealed class OracleConformance : StrategyConformance
{
    public override string Type => "oracle";

    protected override object Options => new OracleOptions();

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => Documents.BytesPerUser(users);

    [Fact]
    public void The_evidence_is_the_context()
    {
        var users = TinyUsers.Make(2);
        var answers = Run(users);
        Assert.All(answers.Where(a => a.ProbeId != "style"), a => Assert.Equal([$"{a.UserId}-d00"], a.ContextIds));
        Assert.All(answers.Where(a => a.ProbeId == "style"), a => Assert.Empty(a.ContextIds));
    }
}

internal static class Documents
{
    /// <summary>Mean UTF-8 bytes of the users' texts, give or take the rounding.</summary>
    public static (long Least, long Most) BytesPerUser(IReadOnlyList<User> users)
    {
        var mean = users.Average(u => u.History.Sum(d => Encoding.UTF8.GetByteCount(d.Text)));
        return ((long)Math.Floor(mean), (long)Math.Ceiling(mean));
    }
}
