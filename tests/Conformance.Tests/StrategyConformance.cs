using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Strategies;
using PersonalizationBench.Strategies.NoPersonalization;

namespace PersonalizationBench.Conformance.Tests;

/// <summary>
/// What must hold of every strategy. A new strategy adds one class that names its word in a study, gives settings that
/// are quick on the tiny base, and says what it reads and keeps.
/// </summary>
[Collection(nameof(OneAtATime))]
public abstract class StrategyConformance : IDisposable
{
    private readonly LoadedBase _base = TinyBase.Load();

    /// <summary>Its word in a study file.</summary>
    public abstract string Type { get; }

    /// <summary>Settings that are quick here.</summary>
    protected abstract object Options { get; }

    /// <summary>True where an answer depends on the user's documents.</summary>
    protected virtual bool IsPersonal => true;

    /// <summary>True where weights are trained.</summary>
    protected virtual bool Trains => false;

    /// <summary>True where users have weights of their own.</summary>
    protected virtual bool HasWeights => Trains;

    /// <summary>False where what is personal was made before, of whatever history.</summary>
    protected virtual bool ReadsHistory => true;

    /// <summary>True where a model answers.</summary>
    protected virtual bool AsksTheModel => true;

    /// <summary>Prompts that a question is read with, at most.</summary>
    protected virtual int PromptsPerQuestion => 1;

    /// <summary>What is kept of users like these, in bytes per user: at least and at most.</summary>
    protected abstract (long Least, long Most) StoredBytes(IReadOnlyList<User> users);

    public void Dispose()
    {
        _base.Dispose();
        GC.SuppressFinalize(this);
    }

    protected static StrategyCatalog Catalog { get; } = new();

    protected StrategyDescriptor Descriptor => Catalog.Strategies.Single(s => s.Type == Type);

    protected IStrategy Strategy => Descriptor.Create(Options);

    protected IReadOnlyList<Answer> Run(IReadOnlyList<User> users, IStrategy? strategy = null, long seed = 1)
    {
        strategy ??= Strategy;
        using var models = strategy.Adapt(TinyUsers.Request(_base, users, seed), CostMeter.Unread(), default);
        return models.Answer(TinyUsers.Questions(users, strategy.SeesEvidence), CostMeter.Unread(), default);
    }

    [Fact]
    public void Every_question_is_answered_once_in_its_order()
    {
        var users = TinyUsers.Make(3);
        var answers = Run(users);
        Assert.Equal(TinyUsers.Questions(users, false).Select(q => (q.UserId, q.ProbeId)), answers.Select(a => (a.UserId, a.ProbeId)));
        foreach (var answer in answers)
        {
            Assert.Equal(answer.ProbeId == "text", answer.LogLikelihood is < 0);
            Assert.Equal(answer.ProbeId is "choice" or "both", answer.Choice >= 0);
            if (answer.ProbeId == "choice") Assert.Equal(new[] { "tea", "coffee" }[answer.Choice], answer.Text);
            if (answer.ProbeId == "text") Assert.Equal("", answer.Text);
        }
    }

    [Fact]
    public void The_same_cell_twice_gives_the_same_answers()
    {
        var users = TinyUsers.Make(3);
        AssertSame(Run(users), Run(users), tolerance: 0);
    }

    [Fact]
    public void The_order_of_users_does_not_matter()
    {
        var users = TinyUsers.Make(4);
        AssertSame(Run(users), Run(users.Reverse().ToList()));
        AssertSame(Run(users, Catalog.WithWrongUsers(Strategy)), Run(users.Reverse().ToList(), Catalog.WithWrongUsers(Strategy)));
    }

    [Fact]
    public void Together_is_as_one_at_a_time()
    {
        // Histories of different lengths: the shorter must not feel the longer.
        var users = TinyUsers.Make(2, documents: 3).Concat(TinyUsers.Make(2, documents: 7, from: 2)).ToList();
        AssertSame(Run(users), users.SelectMany(u => Run([u])));
    }

    [Fact]
    public void The_evidence_is_seen_by_the_oracle_alone()
    {
        var users = TinyUsers.Make(2);
        var otherEvidence = users.Select(u => u with { Probes = u.Probes.Select(p => p with { EvidenceIds = p.EvidenceIds.Count == 0 ? [] : [u.History[^1].Id] }).ToList() }).ToList();
        var (before, after) = (Run(users), Run(otherEvidence));
        Assert.Equal(Type == "oracle", Strategy.SeesEvidence);
        if (Strategy.SeesEvidence) Assert.NotEqual(before[0].ContextIds, after[0].ContextIds);
        else AssertSame(before, after, tolerance: 0);
    }

    [Fact]
    public void The_gold_answers_are_not_seen()
    {
        var users = TinyUsers.Make(2);
        var otherGold = users.Select(u => u with { Probes = u.Probes.Select(p => p.Scoring == ProbeScoring.BitsPerByte ? p : p with { Gold = "fish", Accepted = ["fish"] }).ToList() }).ToList();
        AssertSame(Run(users), Run(otherGold), tolerance: 0);
    }

    [Fact]
    public void The_base_is_as_before_between_answers_and_after_disposal()
    {
        var users = TinyUsers.Make(2);
        var before = BaseScores();
        using (var models = Strategy.Adapt(TinyUsers.Request(_base, users), CostMeter.Unread(), default))
        {
            Assert.Equal(before, BaseScores());
            models.Answer(TinyUsers.Questions(users, Strategy.SeesEvidence), CostMeter.Unread(), default);
            Assert.Equal(before, BaseScores());
        }
        Assert.Equal(before, BaseScores());
    }

    [Fact]
    public void No_tensor_outlives_the_personal_models()
    {
        var users = TinyUsers.Make(2);
        Run(users); // what is made once stays, such as a table of angles
        var before = TinyBase.LiveTensors();
        Run(users);
        Assert.Equal(before, TinyBase.LiveTensorsNow());
    }

    [Fact]
    public void Costs_are_metered()
    {
        var users = TinyUsers.Make(2);
        var questions = TinyUsers.Questions(users, Strategy.SeesEvidence);
        var (adapting, answering) = (new CostMeter(TimeProvider.System), new CostMeter(TimeProvider.System));
        using var models = Strategy.Adapt(TinyUsers.Request(_base, users), adapting, default);
        models.Answer(questions.Where(q => q.Scoring is ProbeScoring.ExactMatch or ProbeScoring.Style).ToList(), answering, default);

        Assert.Equal(Trains, Strategy.IsTrained);
        Assert.Equal(Trains, adapting.TrainedTokens > 0);
        Assert.Equal(Trains, adapting.Flops > 0);
        Assert.Equal(HasWeights, models.TrainableParameters > 0);
        if (!AsksTheModel)
        {
            Assert.Equal(0, answering.Flops);
            return;
        }
        // Two exact matches and a style for each user; the choices beside an exact match cost nothing here.
        Assert.Equal(6, answering.FirstTokenSeconds.Count);
        Assert.NotEmpty(answering.PerTokenSeconds);
        Assert.True(answering.Flops > 0 && answering.CacheBytesPerSequence > 0);
        Assert.InRange(answering.GeneratedTokens, 1, 4 * 4 + 2 * 64);
    }

    [Fact]
    public void A_text_that_is_scored_can_be_written_token_by_token_to_be_timed()
    {
        var users = TinyUsers.Make(2);
        var scored = TinyUsers.Questions(users, Strategy.SeesEvidence).First(q => q.Scoring == ProbeScoring.BitsPerByte);
        using var models = Strategy.Adapt(TinyUsers.Request(_base, users), CostMeter.Unread(), default);
        var meter = new CostMeter(TimeProvider.System);
        var answer = Assert.Single(models.Answer([scored with { ForcedTokens = 3 }], meter, default));
        Assert.Equal((1, 2, 3L), (meter.FirstTokenSeconds.Count, meter.PerTokenSeconds.Count, meter.GeneratedTokens));
        Assert.Null(answer.LogLikelihood);
    }

    [Fact]
    public void Stored_bytes_are_what_is_kept()
    {
        var users = TinyUsers.Make(2);
        using var models = Strategy.Adapt(TinyUsers.Request(_base, users), CostMeter.Unread(), default);
        var (least, most) = StoredBytes(users);
        Assert.InRange(models.StoredBytesPerUser, least, most);
    }

    [Fact]
    public void A_prompt_never_exceeds_the_context()
    {
        var user = TinyUsers.Make(1, documents: 40)[0];
        var longText = string.Join(' ', Enumerable.Repeat("tea and bread .", 100));
        user = user with { Probes = [.. user.Probes, new Probe("long question", "recall", ProbeScoring.ExactMatch, longText, "tea"), new Probe("long text", "continuation", ProbeScoring.BitsPerByte, "note :", longText)] };
        var answers = Run([user]);
        Assert.All(answers, a => Assert.InRange(a.PromptTokens, AsksTheModel ? 1 : 0, PromptsPerQuestion * TinyBase.ContextLength));
        Assert.True(answers.Single(a => a.ProbeId == "long text").LogLikelihood is < 0);
        Assert.All(answers, a => Assert.Equal(a.ContextIds.Order(StringComparer.Ordinal), a.ContextIds));
    }

    [Fact]
    public void A_user_without_history_is_answered_by_the_base()
    {
        var users = TinyUsers.Make(1, documents: 0).Concat(TinyUsers.Make(1, from: 1)).ToList();
        var answers = Run(users).Where(a => a.UserId == users[0].Id).ToList();
        Assert.All(answers, a => Assert.Empty(a.ContextIds));
        if (AsksTheModel && ReadsHistory) AssertSame(Run([users[0]], new NoPersonalizationStrategy()), answers);
    }

    [Fact]
    public void A_cell_can_be_cancelled()
    {
        var users = TinyUsers.Make(2);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            using var models = Strategy.Adapt(TinyUsers.Request(_base, users), CostMeter.Unread(), cancelled.Token);
            models.Answer(TinyUsers.Questions(users, false), CostMeter.Unread(), cancelled.Token);
        });
    }

    [Fact]
    public void The_wrong_users_control_gives_everyone_the_history_of_another_one()
    {
        var users = TinyUsers.Make(3);
        var rotated = users.Select((u, i) => users[(i + 1) % 3] with { Id = u.Id, Name = u.Name, Probes = u.Probes }).ToList();
        var wrong = Run(users, Catalog.WithWrongUsers(Strategy));
        if (ReadsHistory) AssertSame(Run(rotated), wrong);
        // Another seed, another rotation.
        var second = users.Select((u, i) => users[(i + 2) % 3] with { Id = u.Id, Name = u.Name, Probes = u.Probes }).ToList();
        if (ReadsHistory) AssertSame(Run(second, seed: 2), Run(users, Catalog.WithWrongUsers(Strategy), seed: 2));
        Assert.Equal(Strategy.IsTrained, Catalog.WithWrongUsers(Strategy).IsTrained);
        Assert.Equal(Strategy.SeesEvidence, Catalog.WithWrongUsers(Strategy).SeesEvidence);
        if (!IsPersonal) AssertSame(Run(users), wrong);
        else Assert.NotEqual(Likelihoods(Run(users)), Likelihoods(wrong));
        var alone = Assert.Throws<PbenchException>(() => Run([users[0]], Catalog.WithWrongUsers(Strategy)));
        Assert.Contains("at least 2 users", alone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void General_texts_are_scored_under_every_users_weights()
    {
        var users = TinyUsers.Make(2).Concat(TinyUsers.Make(1, documents: 0, from: 2)).ToList();
        string[] texts = ["i like fish .", string.Join(' ', Enumerable.Repeat("tea and bread .", 60)), ""];
        using var models = Strategy.Adapt(TinyUsers.Request(_base, users), CostMeter.Unread(), default);
        var scores = models.ScoreTexts(texts, default);
        using var bare = new NoPersonalizationStrategy().Adapt(TinyUsers.Request(_base, users), CostMeter.Unread(), default);
        var ofBase = bare.ScoreTexts(texts, default)[0];

        Assert.Equal(3, scores.Count);
        Assert.All(scores, s => Assert.Equal(3, s.Count));
        Assert.All(scores, s => Assert.True(s[0] < 0 && s[1] < s[0] && s[2] == 0));
        if (ReadsHistory) Assert.Equal(ofBase[0], scores[2][0], 4);
        foreach (var own in scores.Take(2)) Assert.Equal(HasWeights, Math.Abs(own[0] - ofBase[0]) > 1e-4);
        if (HasWeights) Assert.NotEqual(scores[0][0], scores[1][0]);
    }

    [Fact]
    public void A_question_about_somebody_else_is_refused()
    {
        var users = TinyUsers.Make(2);
        using var models = Strategy.Adapt(TinyUsers.Request(_base, [users[0]]), CostMeter.Unread(), default);
        if (!AsksTheModel) return;
        var refused = Assert.Throws<PbenchException>(() => models.Answer(TinyUsers.Questions([users[1]], false), CostMeter.Unread(), default));
        Assert.Contains(users[1].Id, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_default_settings_are_valid()
    {
        var defaults = Activator.CreateInstance(Descriptor.OptionsType)!;
        Assert.Empty(Descriptor.Validate(defaults, _base.Info));
        Assert.Empty(Descriptor.Validate(Options, _base.Info));
        Assert.NotNull(Descriptor.Create(defaults));
    }

    /// <summary>Answers by user and probe; likelihoods to a relative tolerance, for sums of floats in another order.</summary>
    protected static void AssertSame(IEnumerable<Answer> expected, IEnumerable<Answer> actual, double tolerance = 1e-4)
    {
        var actualByProbe = actual.ToDictionary(a => (a.UserId, a.ProbeId));
        var expectedAnswers = expected.ToList();
        Assert.Equal(expectedAnswers.Count, actualByProbe.Count);
        foreach (var e in expectedAnswers)
        {
            var a = actualByProbe[(e.UserId, e.ProbeId)];
            Assert.Equal((e.Text, e.Choice, e.PromptTokens), (a.Text, a.Choice, a.PromptTokens));
            Assert.Equal(e.ContextIds, a.ContextIds);
            Assert.Equal(e.LogLikelihood is null, a.LogLikelihood is null);
            if (e.LogLikelihood is { } likelihood) Assert.InRange(a.LogLikelihood!.Value, likelihood - tolerance * Math.Abs(likelihood), likelihood + tolerance * Math.Abs(likelihood));
        }
    }

    protected LoadedBase Base => _base;

    private static IEnumerable<double> Likelihoods(IEnumerable<Answer> answers) => answers.OrderBy(a => a.UserId, StringComparer.Ordinal).Select(a => a.LogLikelihood).OfType<double>();

    private IReadOnlyList<double> BaseScores()
    {
        int[] prompt = _base.Tokenizer.Begun(_base.Tokenizer.Encode("i like"));
        return _base.Score([new ScoreRequest(prompt, _base.Tokenizer.Encode("tea and milk .")), new ScoreRequest(prompt, _base.Tokenizer.Encode("red"))], CostMeter.Unread(), default);
    }
}

/// <summary>Live tensors are counted for the whole process: what makes tensors runs one after another.</summary>
[CollectionDefinition(nameof(OneAtATime), DisableParallelization = true)]
public sealed class OneAtATime;
