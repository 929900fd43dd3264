using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>What a stage of pretraining shows of the world. The defaults are the widest; a curriculum starts narrow.</summary>
public sealed record WorldCorpusOptions : Grammar
{
    /// <summary>Fewest and most documents in a prompt.</summary>
    public int MinDocuments { get; init; } = 1;

    public int MaxDocuments { get; init; } = 24;

    /// <summary>Most things that one document tells.</summary>
    public int TellingsPerDocument { get; init; } = 3;

    /// <summary>How many facts a user has; fewer leave more of the questions to preferences and private words.</summary>
    public int Facts { get; init; } = 16;

    /// <summary>Questions asked after the documents.</summary>
    public int Questions { get; init; } = 12;

    /// <summary>Share of questions about what no document of the prompt told.</summary>
    public double Absence { get; init; } = 0.15;

    /// <summary>Share of facts that change.</summary>
    public double Updates { get; init; } = 0.2;

    /// <summary>Most preferences and private words that a user has (0: none are told or asked).</summary>
    public int Preferences { get; init; } = 6;

    public int Jargon { get; init; } = 4;

    /// <summary>Share of readings that end with a mail of the user's, in which what is of the user's style counts as an answer.</summary>
    public double OwnMails { get; init; }

    /// <summary>Share of sequences that ask a user of <see cref="ClosedBookUsers"/> without any document.</summary>
    public double ClosedBook { get; init; }

    /// <summary>Share of sequences that are documents of those users.</summary>
    public double ClosedBookDocuments { get; init; }

    /// <summary>Share of sequences that ask a user never seen before without any document: all unknown.</summary>
    public double NoContext { get; init; }

    /// <summary>How many pretraining users are learned by heart.</summary>
    public int ClosedBookUsers { get; init; } = 64;

    /// <summary>Further users whose documents are shown but who are never asked about: whether they can be answered all the
    /// same says if what is only read in training can be asked about (Physics of Language Models 3.1, arXiv:2309.14316).</summary>
    public int UnaskedUsers { get; init; } = 16;

    /// <summary>Closed-book questions go to the unasked users: for measuring, never for training.</summary>
    public bool AskUnasked { get; init; }

    /// <summary>Weight in the loss of a token of an answer, and of any other token.</summary>
    public float AnswerWeight { get; init; } = 10f;

    public float TextWeight { get; init; } = 1f;
}

/// <summary>Training sequences of the pretraining population: documents to be read and questions about them, documents of
/// users to be learned by heart, and questions about those with nothing to read.</summary>
public sealed class WorldCorpus(WorldCorpusOptions options) : ITrainingCorpus
{
    private const int HeldOutCount = 256;
    private const long HeldOutSeed = -1;

    /// <summary>Closed-book users are the same whatever the stage or seed: they are drawn from a seed of their own.</summary>
    private const long ClosedBookSeed = 7_001;

    public string Digest { get; } = Core.Digest.Of($"world corpus 2 {JsonSerializer.Serialize(options)}");

    public IReadOnlyList<TrainingText> HeldOut => field ??= Stream(HeldOutSeed).Take(HeldOutCount).ToList();

    public IReadOnlyList<Exam> Exams => WorldExams.For(options);

    public IEnumerable<TrainingText> Stream(long seed)
    {
        var random = DeterministicRandom.For(seed, "world corpus");
        while (true)
        {
            var kind = random.NextDouble();
            if ((kind -= options.ClosedBook) < 0) yield return ClosedBookQuestions(random);
            else if ((kind -= options.ClosedBookDocuments) < 0) yield return ClosedBookDocuments(random);
            else if ((kind -= options.NoContext) < 0) yield return Questions(Draw(random), [], random);
            else yield return Reading(random);
        }
    }

    /// <summary>Documents of a user never seen before, then questions about them.</summary>
    private TrainingText Reading(DeterministicRandom random)
    {
        var profile = Draw(random);
        var documents = random.Next(options.MinDocuments, options.MaxDocuments + 1);
        var writer = new DocumentWriter(profile, options, random);
        var room = Math.Max(1, documents * random.Next(1, options.TellingsPerDocument + 1));
        var timeline = new List<(double Time, Telling Telling)>();
        var told = new HashSet<string>();
        // Where there is room left over, things are told again, in words drawn anew, as histories do.
        foreach (var truth in Enumerable.Repeat(Shuffled(profile, random), 3).SelectMany(t => t).TakeWhile(_ => timeline.Count < room))
        {
            var update = truth is Fact { NewValue: not null } fact ? fact : null;
            timeline.Add((random.NextDouble() * (update is null ? 1 : 0.5), writer.Tell(truth)));
            if (update is not null) timeline.Add((0.5 + (random.NextDouble() * 0.5), writer.TellUpdate(update)));
            told.Add(truth.Topic);
        }
        var tellings = timeline.OrderBy(t => t.Time).Select(t => t.Telling).ToList();
        var segments = new List<TextSegment>();
        var date = new DateOnly(2019, 1, 1).AddDays(random.Next(1000));
        for (var d = 0; d < documents; d++)
        {
            var from = tellings.Count * d / documents;
            var to = tellings.Count * (d + 1) / documents;
            segments.Add(new TextSegment(writer.Write("", date, tellings.GetRange(from, to - from)).Text + "\n", options.TextWeight));
            date = date.AddDays(1 + random.Next(20));
        }
        segments.AddRange(Questions(profile, told, random).Segments);
        if (random.Chance(options.OwnMails)) segments.AddRange(OwnMail(writer, date, random));
        return new TrainingText(segments);
    }

    /// <summary>A mail to be written as the ones before it were; it tells nothing new.</summary>
    private IEnumerable<TextSegment> OwnMail(DocumentWriter writer, DateOnly date, DeterministicRandom random)
    {
        var parts = writer.MailParts([random.Pick(Lexicon.Remarks)]).Append(("\n", false));
        return parts.Select(p => new TextSegment(p.Item1, p.Item2 ? options.AnswerWeight : options.TextWeight))
            .Prepend(new TextSegment(writer.Heading("mail", date) + "\n", options.TextWeight));
    }

    /// <summary>Questions about what was told (and some about what was not), answers weighted.</summary>
    private TrainingText Questions(Profile profile, HashSet<string> told, DeterministicRandom random)
    {
        var asker = new QuestionWriter(profile, options, random);
        // Nothing is asked twice: the second time the answer could be copied from the first.
        using var known = Shuffled(profile, random).Where(t => told.Contains(t.Topic)).ToList().GetEnumerator();
        using var absent = random.Sample(Relation.All.Where(r => !told.Contains(r.Name)).ToList(), Relation.All.Count).GetEnumerator();
        var segments = new List<TextSegment>();
        for (var q = 0; q < options.Questions; q++)
        {
            var askAbsent = told.Count == 0 || random.Chance(options.Absence);
            if (!(askAbsent ? absent.MoveNext() : known.MoveNext())) break;
            var probe = askAbsent ? asker.AskAbsent("", absent.Current) : asker.Ask("", known.Current);
            segments.Add(new TextSegment(probe.Prompt + " ", options.TextWeight));
            segments.Add(new TextSegment(probe.Gold, options.AnswerWeight));
            segments.Add(new TextSegment("\n", options.TextWeight));
        }
        return new TrainingText(segments);
    }

    private TrainingText ClosedBookQuestions(DeterministicRandom random)
    {
        var profile = ClosedBookProfile(options.AskUnasked ? options.ClosedBookUsers + random.Next(options.UnaskedUsers) : random.Next(options.ClosedBookUsers));
        return Questions(profile, profile.Truths.Select(t => t.Topic).ToHashSet(), random);
    }

    private TrainingText ClosedBookDocuments(DeterministicRandom random)
    {
        var profile = ClosedBookProfile(random.Next(options.ClosedBookUsers + options.UnaskedUsers));
        var history = HistoryWriter.Write(profile, options, 1, Math.Max(2, options.MaxDocuments / 2), random);
        var from = random.Next(history.Documents.Count / 2);
        return new TrainingText([new TextSegment(string.Concat(history.Documents.Skip(from).Take(options.MaxDocuments / 2).Select(d => d.Text + "\n")), options.TextWeight)]);
    }

    private Profile ClosedBookProfile(int index) => Profile.Draw(DeterministicRandom.For(ClosedBookSeed, "closed book", $"{index}"), Population.Pretraining, new Profile.Size(12, 0, options.Preferences, options.Jargon));

    private Profile Draw(DeterministicRandom random)
    {
        return Profile.Draw(random, Population.Pretraining, new Profile.Size(options.Facts, (int)Math.Round(options.Facts * options.Updates), options.Preferences, options.Jargon));
    }

    private static List<Truth> Shuffled(Profile profile, DeterministicRandom random)
    {
        var truths = profile.Truths.ToList();
        random.Shuffle(truths);
        return truths;
    }
}
