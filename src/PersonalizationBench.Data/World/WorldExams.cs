using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>What a base of the world is asked while it is trained: reading, knowing what it was not told, and knowing by
/// heart. Users are of the tuning population, except where they are to be known by heart.</summary>
public static class WorldExams
{
    private const int Users = 5;

    /// <summary>As long a prompt as a whole history is asked of a base only once it has seen so many documents at once.</summary>
    private const int WholeHistories = 8;

    private const long ExamSeed = -2;

    /// <param name="corpus">Says who is to be known by heart.</param>
    public static IReadOnlyList<Exam> For(WorldCorpusOptions corpus)
    {
        var dataset = new WorldLoader().Load(new WorldOptions { Population = Population.Tuning, Users = Users, TuningUsers = 0, GeneralTexts = 0 });
        var asked = dataset.Users.SelectMany(u => u.Probes.Where(p => p.Scoring != ProbeScoring.Style).Select(p => (User: u, Probe: p))).ToList();
        var told = asked.Where(a => a.Probe.EvidenceIds.Count > 0).ToList();
        var absent = asked.Where(a => a.Probe.Kind == "absence").ToList();
        ExamQuestion Ask((User User, Probe Probe) a, Func<Document, bool> inPrompt) =>
            new(dataset.Format.Compose(a.User.History.Where(inPrompt), a.Probe.Prompt), a.Probe.Gold);

        Exam OfKinds(string name, params string[] kinds) =>
            new(name, told.Where(a => kinds.Contains(a.Probe.Kind)).Select(a => Ask(a, d => a.Probe.EvidenceIds.Contains(d.Id))).ToList());

        var exams = new List<Exam> { new("as in this stage", AsShown(corpus)), OfKinds("facts in prompt", "recall", "update") };
        if (corpus.Preferences > 0) exams.Add(OfKinds("preferences in prompt", "preference"));
        if (corpus.Jargon > 0) exams.Add(OfKinds("jargon in prompt", "jargon"));
        if (corpus.MaxDocuments >= WholeHistories)
        {
            exams.Add(new("history in prompt", told.Select(a => Ask(a, _ => true)).ToList()));
            exams.Add(new("absent from history", absent.Select(a => Ask(a, _ => true)).ToList()));
        }
        if (corpus.NoContext > 0) exams.Add(new("empty prompt", told.Select(a => Ask(a, _ => false) with { Gold = QuestionWriter.Unknown }).ToList()));
        if (corpus.ClosedBook > 0) exams.Add(new Exam("known by heart", ByHeart(corpus with { ClosedBook = 1, Absence = 0 })));
        if (corpus.ClosedBookDocuments > 0 && corpus.UnaskedUsers > 0) exams.Add(new Exam("read, never asked", ByHeart(corpus with { ClosedBook = 1, Absence = 0, AskUnasked = true })));
        return exams;
    }

    /// <summary>One question of each of some sequences such as the stage trains on, after what precedes it there.</summary>
    private static List<ExamQuestion> AsShown(WorldCorpusOptions options)
    {
        var readings = new WorldCorpus(options with { ClosedBook = 0, ClosedBookDocuments = 0, NoContext = 0, OwnMails = 0 });
        return readings.Stream(ExamSeed).Take(200).Select((text, i) =>
        {
            // Documents, then triples of question, answer and line end.
            var questions = text.Segments.Count(s => s.Weight == options.AnswerWeight);
            var before = text.Segments.Count - (3 * questions) + (3 * (i % questions)) + 1;
            return new ExamQuestion(string.Concat(text.Segments.Take(before).Select(s => s.Text)).TrimEnd(' '), text.Segments[before].Text);
        }).ToList();
    }

    private static List<ExamQuestion> ByHeart(WorldCorpusOptions options) =>
        new WorldCorpus(options).Stream(ExamSeed).Take(10)
            .SelectMany(t => t.Segments.Chunk(3).Select(q => new ExamQuestion(q[0].Text.TrimEnd(' '), q[1].Text))).ToList();
}
