using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>What a base of the world is asked while it is trained: reading, knowing what it was not told, and knowing by
/// heart. Users are of the tuning population, except where they are to be known by heart.</summary>
public static class WorldExams
{
    private const int Users = 5;

    /// <param name="corpus">Says who is to be known by heart.</param>
    public static IReadOnlyList<Exam> For(WorldCorpusOptions corpus)
    {
        var dataset = new WorldLoader().Load(new WorldOptions { Population = Population.Tuning, Users = Users, TuningUsers = 0, GeneralTexts = 0 });
        var asked = dataset.Users.SelectMany(u => u.Probes.Where(p => p.Scoring != ProbeScoring.Style).Select(p => (User: u, Probe: p))).ToList();
        var told = asked.Where(a => a.Probe.EvidenceIds.Count > 0).ToList();
        var absent = asked.Where(a => a.Probe.Kind == "absence").ToList();
        ExamQuestion Ask((User User, Probe Probe) a, Func<Document, bool> inPrompt) =>
            new(dataset.Format.Compose(a.User.History.Where(inPrompt), a.Probe.Prompt), a.Probe.Gold);

        var exams = new List<Exam>
        {
            new("evidence in prompt", told.Select(a => Ask(a, d => a.Probe.EvidenceIds.Contains(d.Id))).ToList()),
            new("history in prompt", told.Select(a => Ask(a, _ => true)).ToList()),
            new("absent from history", absent.Select(a => Ask(a, _ => true)).ToList()),
            new("empty prompt", told.Select(a => Ask(a, _ => false) with { Gold = QuestionWriter.Unknown }).ToList()),
        };
        if (corpus.ClosedBook > 0) exams.Add(new Exam("known by heart", ByHeart(corpus with { ClosedBook = 1, Absence = 0 })));
        if (corpus.ClosedBookDocuments > 0 && corpus.UnaskedUsers > 0) exams.Add(new Exam("read, never asked", ByHeart(corpus with { ClosedBook = 1, Absence = 0, AskUnasked = true })));
        return exams;
    }

    private static List<ExamQuestion> ByHeart(WorldCorpusOptions options) =>
        new WorldCorpus(options).Stream(-2).Take(10)
            .SelectMany(t => t.Segments.Chunk(3).Select(q => new ExamQuestion(q[0].Text.TrimEnd(' '), q[1].Text))).ToList();
}
