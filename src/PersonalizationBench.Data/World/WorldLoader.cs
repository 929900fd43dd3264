using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.World;

/// <summary>The synthetic world in a study: <c>dataset: { name: world, ... }</c>.</summary>
public sealed record WorldOptions
{
    /// <summary>The users reported: <c>test</c>, or <c>tuning</c> for choosing hyper-parameters.</summary>
    public Population Population { get; init; } = Population.Test;

    /// <summary>How many users are reported.</summary>
    public int Users { get; init; } = 16;

    /// <summary>Users from whom majority answers are counted.</summary>
    public int TuningUsers { get; init; } = 64;

    /// <summary>Documents of one history.</summary>
    public int Documents { get; init; } = 20;

    /// <summary>How often each thing is told, each time in words drawn anew.</summary>
    public int Mentions { get; init; } = 2;

    /// <summary>Of the twenty relations, how many have a value; the others are asked as absence.</summary>
    public int Facts { get; init; } = 12;

    /// <summary>How many of the facts change in the second half of the history.</summary>
    public int Updates { get; init; } = 3;

    /// <summary>Pairs of things of which each user likes one better.</summary>
    public int Preferences { get; init; } = 6;

    /// <summary>Words that each user alone uses.</summary>
    public int Jargon { get; init; } = 3;

    /// <summary>Absence probes per user, at most 20 - <see cref="Facts"/>.</summary>
    public int Absences { get; init; } = 4;

    /// <summary>Style probes per user.</summary>
    public int Styles { get; init; } = 2;

    /// <summary>General texts held out for forgetting, and as many again for replay.</summary>
    public int GeneralTexts { get; init; } = 64;

    /// <summary>Seed of the populations.</summary>
    public long Seed { get; init; } = 1;
}

/// <summary>Generates users of the synthetic world. No files.</summary>
public sealed class WorldLoader : IDatasetLoader
{
    /// <summary>Raise it when the same options would give other texts.</summary>
    private const int GeneratorVersion = 2;

    /// <summary>Of histories that have more documents than things to tell: those were empty in version 2. Other texts are as before.</summary>
    private const int SparseVersion = 3;

    private const int MaxUsers = 900;

    public string Name => "world";

    public string Summary => "Synthetic users: facts, preferences, style, jargon, absence, updates; generated from a seed.";

    public Type OptionsType => typeof(WorldOptions);

    public Dataset Load(object options)
    {
        var world = (WorldOptions)options;
        Validate(world);
        // Reported and tuning users come from different populations; a study on tuning users learns its majorities from pretraining ones.
        var others = world.Population == Population.Test ? Population.Tuning : Population.Pretraining;
        var general = GeneralTexts(world, 2 * world.GeneralTexts);
        var version = world.Documents > world.Mentions * (world.Facts + world.Updates + world.Preferences + world.Jargon) ? SparseVersion : GeneratorVersion;
        return new Dataset("world", Digest.Of($"world {version} {world}"), MakeUsers(world, world.Population, world.Users), MakeUsers(world, others, world.TuningUsers), new PromptFormat("\n"))
        {
            HeldOutTexts = general.GetRange(0, world.GeneralTexts),
            ReplayTexts = general.GetRange(world.GeneralTexts, world.GeneralTexts),
            MaxAnswerCharacters = 32,
            UnknownAnswer = QuestionWriter.Unknown,
        };
    }

    private static List<User> MakeUsers(WorldOptions world, Population population, int count)
    {
        var users = new List<User>(count);
        var names = new HashSet<string>();
        for (var i = 0; users.Count < count; i++)
        {
            var random = DeterministicRandom.For(world.Seed, "user", population.ToString(), $"{i}");
            var user = MakeUser(world, population, $"{population.ToString().ToLowerInvariant()}-{users.Count:000}", random);
            if (names.Add(user.Name)) users.Add(user);
        }
        return users;
    }

    private static User MakeUser(WorldOptions world, Population population, string id, DeterministicRandom random)
    {
        var profile = Profile.Draw(random, population, new Profile.Size(world.Facts, world.Updates, world.Preferences, world.Jargon));
        var history = HistoryWriter.Write(profile, new Grammar(), world.Mentions, world.Documents, random);
        var asker = new QuestionWriter(profile, new Grammar(), random);
        var probes = new List<Probe>();
        string NextId() => $"p{probes.Count:000}";
        foreach (var truth in profile.Truths)
        {
            probes.Add(asker.Ask(NextId(), truth) with { EvidenceIds = history.Evidence[truth.Topic] });
        }
        foreach (var relation in profile.Absent.Take(world.Absences)) probes.Add(asker.AskAbsent(NextId(), relation));
        var last = history.Documents[^1].Date!.Value;
        var mails = history.Documents.Where(d => d.Kind == "mail").Select(d => d.Id).ToList();
        for (var s = 0; s < world.Styles; s++) probes.Add(asker.AskStyle(NextId(), last.AddDays(1 + s)) with { EvidenceIds = mails });
        return new User(id, profile.Name, history.Documents, probes)
        {
            StudyQuestions = StudyQuestion.Unprobed(StudyBank.For(profile.Name, history.Documents), probes),
            Paraphrases = each => HistoryWriter.Paraphrase(profile, history, each, DeterministicRandom.For(world.Seed, "paraphrases", id)),
        };
    }

    /// <summary>What the base was trained on: documents of the pretraining population, and questions about them.</summary>
    private static List<string> GeneralTexts(WorldOptions world, int count) =>
        [.. new WorldCorpus(new WorldCorpusOptions { MaxDocuments = 3, Questions = 6 })
            .Stream((long)DeterministicRandom.For(world.Seed, "general").NextUInt64()).Take(count).Select(t => string.Concat(t.Segments.Select(s => s.Text)))];

    private static void Validate(WorldOptions world)
    {
        // A population of a quarter of the names has about a thousand of them; more users than names would never be found.
        Require(world.Users is >= 1 and <= MaxUsers, "users", $"1 to {MaxUsers}");
        Require(world.TuningUsers is >= 0 and <= MaxUsers, "tuning_users", $"0 to {MaxUsers}");
        Require(world.Documents >= 1, "documents", "at least 1");
        Require(world.Mentions >= 1, "mentions", "at least 1");
        Require(world.Facts is >= 0 && world.Facts <= Relation.All.Count, "facts", $"0 to {Relation.All.Count}, the number of relations");
        Require(world.Updates >= 0 && world.Updates <= world.Facts, "updates", "0 to the number of facts");
        Require(world.Preferences >= 0 && world.Preferences <= Lexicon.Preferences.Count, "preferences", $"0 to {Lexicon.Preferences.Count}");
        Require(world.Jargon >= 0 && world.Jargon <= Lexicon.Things.Count, "jargon", $"0 to {Lexicon.Things.Count}");
        Require(world.Absences >= 0 && world.Absences <= Relation.All.Count - world.Facts, "absences", "0 to 20 less the facts");
        Require(world.Population != Population.Pretraining, "population", "test or tuning: bases were trained on the pretraining population");

        static void Require(bool holds, string key, string expected)
        {
            if (!holds) throw new PbenchException($"dataset world: '{key}' is out of range; expected {expected}");
        }
    }
}
