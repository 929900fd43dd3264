using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Strategies.Lora;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Conformance.Tests;

[Collection(nameof(OneAtATime))]
public sealed class StudyMaterialTests : IDisposable
{
    private static readonly StudyMaterial SelfStudy = new() { Material = StudyKind.SelfStudy };

    private readonly LoadedBase _base = TinyBase.Load();

    public void Dispose() => _base.Dispose();

    private StudyTexts Of(AdaptationRequest request, StudyMaterial material) => StudyTexts.Of(request, material, pack: false, CostMeter.Unread(), default);

    [Fact]
    public void By_default_it_is_the_documents_and_nothing_else()
    {
        var request = TinyUsers.Request(_base, TinyUsers.Make(3));
        var study = Of(request, new StudyMaterial());
        Assert.Empty(study.Pairs);
        foreach (var (history, texts) in request.Histories.Zip(study.OfUsers))
            Assert.Equal(HistoryTexts.Of(history, request, pack: false).SelectMany(t => t.Segments), texts.SelectMany(t => t.Segments));
    }

    [Theory]
    [InlineData(TeacherReads.History)]
    [InlineData(TeacherReads.Document)]
    [InlineData(TeacherReads.Retrieved)]
    public void Every_answer_is_what_the_base_says_with_the_documents_in_its_prompt(TeacherReads reads)
    {
        var users = TinyUsers.Make(3);
        var request = TinyUsers.Request(_base, users);
        var study = Of(request, SelfStudy with { Reads = reads, K = 2 });
        Assert.Equal(users.Sum(u => u.StudyQuestions.Count), study.Pairs.Count);
        var answering = new PromptAnswering(request);
        using var retrieval = new Retrieval(request.Histories, 2, default);
        foreach (var pair in study.Pairs)
        {
            var user = users.ToList().FindIndex(u => u.Id == pair.UserId);
            var question = new Question(pair.UserId, "", "", pair.Topic, ProbeScoring.ExactMatch, pair.Prompt);
            IReadOnlyList<IReadOnlyList<int>> contexts = reads switch
            {
                TeacherReads.History => [[5, 4, 3, 2, 1, 0]],
                TeacherReads.Document => [.. Enumerable.Range(0, 6).Select(d => (int[])[d])],
                _ => [retrieval.Select(user, question)],
            };
            var said = answering.Answer([.. contexts.Select(c => new PromptedQuestion(question, users[user].History, c, -1))], CostMeter.Unread(), default);
            Assert.Contains(pair.Answer, said.Select(a => a.Text));
        }
    }

    [Fact]
    public void Of_documents_read_alone_the_most_confident_answer_is_kept_and_one_that_knows_goes_before_unknown()
    {
        var request = TinyUsers.Request(_base, TinyUsers.Make(1));
        var first = Of(request, SelfStudy with { Reads = TeacherReads.Document }).Pairs[0];
        int[] answer = TextEncoding.Continuation(_base.Tokenizer, first.Answer);
        var scores = request.Histories[0].Documents.Select(d => (Said: Ask(d), Score: Confidence(d))).ToList();
        Assert.Equal(scores.Where(s => s.Said == first.Answer).Max(s => s.Score), scores.Max(s => s.Score), 5);

        // What was kept is now the word for unknown: another document's answer takes its place where there is one, and else it stays.
        var others = scores.Where(s => s.Said != first.Answer).ToList();
        var again = Of(request with { UnknownAnswer = first.Answer.ToUpperInvariant() }, SelfStudy with { Reads = TeacherReads.Document, UnknownShare = null }).Pairs.Single(p => p.Prompt == first.Prompt);
        Assert.Equal(others.Count == 0, again.Answer == first.Answer);

        string Ask(Document document) => new PromptAnswering(request).Answer([new PromptedQuestion(new Question("user-00", "", "", "", ProbeScoring.ExactMatch, first.Prompt), [document], [0], -1)], CostMeter.Unread(), default)[0].Text;

        double Confidence(Document document)
        {
            int[] prompt = TextEncoding.Prompt(_base.Tokenizer, TinyUsers.Format.Compose([document], first.Prompt));
            int[] said = TextEncoding.Continuation(_base.Tokenizer, Ask(document));
            return _base.Score([new ScoreRequest(prompt, said)], CostMeter.Unread(), default)[0] / said.Length;
        }
    }

    [Fact]
    public void Material_of_many_users_is_that_of_each()
    {
        var users = TinyUsers.Make(4);
        var material = SelfStudy with { Anticipated = 0.5, Forms = 1, Paraphrases = 2 };
        var together = Of(TinyUsers.Request(_base, users), material);
        var alone = users.Select(u => Of(TinyUsers.Request(_base, [u]), material)).ToList();
        Assert.Equal(alone.SelectMany(a => a.Pairs), together.Pairs);
        Assert.Equal(alone.SelectMany(a => a.OfUsers).SelectMany(t => t.SelectMany(x => x.Segments)), together.OfUsers.SelectMany(t => t.SelectMany(x => x.Segments)));
        Assert.NotEqual(together.Pairs.Select(p => p.Prompt), Of(TinyUsers.Request(_base, users, seed: 2), material).Pairs.Select(p => p.Prompt));
    }

    [Fact]
    public void The_share_of_topics_is_the_share_anticipated_and_a_larger_one_holds_a_smaller_one() =>
        Prop.ForAll(Gen.Choose(0, 100).SelectMany(a => Gen.Choose(0, 100).SelectMany(b => Gen.Choose(1, 9).Select(seed => (Less: Math.Min(a, b) / 100.0, More: Math.Max(a, b) / 100.0, seed)))).ToArbitrary(), draw =>
        {
            var questions = Enumerable.Range(0, 20).SelectMany(t => Enumerable.Range(0, 3).Select(f => new StudyQuestion($"{t} {f}", $"{t}", f))).ToList();
            var history = new UserHistory("u", "U", []) { StudyQuestions = questions };
            var (less, more) = (Draw(draw.Less), Draw(draw.More));
            Assert.Subset(more.Select(q => q.Topic).ToHashSet(), less.Select(q => q.Topic).ToHashSet());
            Assert.Equal((int)Math.Round(20 * draw.Less, MidpointRounding.AwayFromZero), less.Select(q => q.Topic).Distinct().Count());
            Assert.All(less.GroupBy(q => q.Topic), t => Assert.Equal(2, t.Distinct().Count()));
            Assert.Empty(Draw(0));
            Assert.Equal(20, Draw(1).Select(q => q.Topic).Distinct().Count());

            List<StudyQuestion> Draw(double share) => [.. StudyTexts.Drawn(history, SelfStudy with { Anticipated = share, Forms = 2 }, draw.seed)];
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_bank_loses_what_a_probe_asks_however_it_is_spaced_or_cased() =>
        Prop.ForAll(Gen.Elements("what is my job :", "WHAT is\tmy  job :", " what is my\njob : ", "what is my home :", "what is my").ToArbitrary(), prompt =>
        {
            var probe = new Probe("p", "recall", ProbeScoring.ExactMatch, prompt, "x");
            var left = StudyQuestion.Unprobed([new("What is my job :", "job", 0), new("tell me my job :", "job", 1)], [probe]);
            Assert.Equal(Wording.Normalize(prompt) == "what is my job :" ? ["tell me my job :"] : ["What is my job :", "tell me my job :"], left.Select(q => q.Prompt));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(0.25, 1)]
    [InlineData(0.5, 2)]
    [InlineData(2.0, 3)]
    [InlineData(null, 3)]
    public void Answers_of_unknown_are_kept_in_their_share(double? share, int unknown)
    {
        string[] answers = ["tea", "unknown", "red", "unknown", "fish", "unknown", "milk"];
        StudyPair[] pairs = [.. answers.Select((a, i) => new StudyPair("u", $"{i}", $"question {i}", a))];
        var kept = StudyTexts.Kept([.. pairs.Select(p => new Taught(p, []))], a => a == "unknown", share, seed: 1).Select(t => t.Pair).ToList();
        Assert.Equal(pairs.Where(p => p.Answer != "unknown"), kept.Where(p => p.Answer != "unknown"));
        Assert.Equal(unknown, kept.Count(p => p.Answer == "unknown"));
        Assert.Equal(kept.OrderBy(p => p.Topic), kept);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_question_is_read_in_training_as_it_is_asked(bool learnsQuestions)
    {
        var request = TinyUsers.Request(_base, TinyUsers.Make(1));
        var study = Of(request, SelfStudy with { Documents = false, LearnQuestions = learnsQuestions });
        Assert.Equal(study.Pairs.Count, study.OfUsers[0].Count);
        foreach (var (pair, text) in study.Pairs.Zip(study.OfUsers[0]))
        {
            var sequence = Assert.Single(TextEncoding.Sequences(_base.Tokenizer, text, TinyBase.ContextLength));
            int[] asked = TextEncoding.Prompt(_base.Tokenizer, pair.Prompt);
            Assert.Equal(asked, sequence.Ids[..asked.Length]);
            Assert.Equal(TextEncoding.Continuation(_base.Tokenizer, $"{pair.Answer}\n"), sequence.Ids[asked.Length..]);
            Assert.All(sequence.Weights[asked.Length..], w => Assert.Equal(1, w));
            Assert.All(sequence.Weights[1..asked.Length], w => Assert.Equal(learnsQuestions ? 1 : 0, w));
        }
    }

    [Fact]
    public void A_soft_target_is_what_the_base_holds_likely_behind_documents_and_question()
    {
        var request = TinyUsers.Request(_base, TinyUsers.Make(2));
        var study = Of(request, SelfStudy with { Documents = false, Targets = StudyTargets.Soft, TopK = 3 });
        Assert.Equal(Of(request, SelfStudy).Pairs, study.Pairs);
        foreach (var (pair, text) in study.Pairs.Zip(study.OfUsers.SelectMany(t => t)))
        {
            var sequence = Assert.Single(TextEncoding.Sequences(_base.Tokenizer, text, TinyBase.ContextLength));
            int[] answer = TextEncoding.Continuation(_base.Tokenizer, $"{pair.Answer}\n");
            Assert.Equal(answer.Length, sequence.Soft!.Count(s => s is not null));
            var documents = request.Histories.Single(h => h.Id == pair.UserId).Documents;
            int[] prompt = TextEncoding.Prompt(_base.Tokenizer, TinyUsers.Format.Compose(documents.TakeLast(5), pair.Prompt));
            foreach (var (place, soft) in sequence.Soft![^answer.Length..].Index())
            {
                Assert.Equal((3, 1f), (soft!.Ids.Count, (float)Math.Round(soft.Probabilities.Sum(), 5)));
                var likelihoods = _base.Score([.. soft.Ids.Select(id => new ScoreRequest([.. prompt, .. answer[..place]], [id]))], CostMeter.Unread(), default);
                Assert.Equal(likelihoods.OrderDescending(), likelihoods);
                for (var k = 1; k < 3; k++) Assert.Equal(Math.Exp(likelihoods[k] - likelihoods[0]), soft.Probabilities[k] / soft.Probabilities[0], 3);
            }
            // The answer was taken greedily, so that its token is the likeliest.
            Assert.Equal(answer[0], sequence.Soft![^answer.Length]!.Ids[0]);
        }
    }

    [Fact]
    public void What_several_prompts_begin_with_is_read_once() =>
        Assert.Equal(3 + 1 + 2 + 2, Teacher.OnceRead([[1, 2, 3], [5, 6], [1, 2, 4], [1, 2, 3, 9, 9]]));

    [Fact]
    public void What_a_data_set_does_not_have_is_said()
    {
        var users = TinyUsers.Make(2).Select(u => u with { StudyQuestions = [], Paraphrases = null }).ToList();
        var request = TinyUsers.Request(_base, users);
        Assert.Equal("study.material: self-study, but the data set has no questions to be studied; expected documents", Assert.Throws<PbenchException>(() => Of(request, SelfStudy)).Message);
        Assert.Equal("study.paraphrases: 3, but the data set cannot tell its documents anew; expected 0", Assert.Throws<PbenchException>(() => Of(request, new StudyMaterial { Paraphrases = 3 })).Message);
    }

    [Theory]
    [InlineData("anticipated", "study.anticipated must be between 0 and 1, not 1.5")]
    [InlineData("forms", "study.forms must be at least 1, not 0")]
    [InlineData("paraphrases", "study.paraphrases must not be negative, not -1")]
    [InlineData("unknown", "study.unknown_share must not be negative, not -0.5")]
    [InlineData("k", "study.k must be at least 1, not 0")]
    [InlineData("nothing", "study: nothing is left to be studied; expected documents: true, or material: self-study with anticipated above 0")]
    public void Settings_that_cannot_be_are_refused(string which, string problem)
    {
        var study = which switch
        {
            "anticipated" => SelfStudy with { Anticipated = 1.5 },
            "forms" => SelfStudy with { Forms = 0 },
            "paraphrases" => SelfStudy with { Paraphrases = -1 },
            "unknown" => SelfStudy with { UnknownShare = -0.5 },
            "k" => SelfStudy with { K = 0 },
            _ => SelfStudy with { Documents = false, Anticipated = 0 },
        };
        Assert.Equal([problem], new LoraStrategyOptions { Study = study }.Problems(_base.Info).Where(p => p.StartsWith("study", StringComparison.Ordinal)));
    }
}
