using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>Writes questions about a profile, as probes and as training texts alike.</summary>
public sealed class QuestionWriter(Profile profile, Grammar grammar, DeterministicRandom random)
{
    /// <summary>What is answered where nothing told.</summary>
    public const string Unknown = "unknown";

    /// <summary>Ways to ask for a preference, in either order of the pair, and for a private word.</summary>
    public const int PreferenceForms = 2, JargonForms = 2;

    /// <summary>Number of candidates of a choice beside exact match.</summary>
    private const int ChoicesOfFacts = 4;

    public Probe Ask(string id, Truth truth) => truth switch
    {
        Fact fact => AskFact(id, fact),
        Preference preference => AskPreference(id, preference),
        Jargon jargon => AskJargon(id, jargon),
        _ => throw new ArgumentOutOfRangeException(nameof(truth)),
    };

    private Probe AskFact(string id, Fact fact) => new(id, fact.NewValue is null ? ProbeKind.Recall : ProbeKind.Update, ProbeScoring.ExactMatch, Wrap(AskRelation(fact.Relation)), fact.Current)
    {
        Topic = fact.Relation.Name,
        PoolSize = fact.Relation.Pool.Count,
        // The outdated value is among the choices: who never saw the update picks it.
        Choices = Candidates(fact.Relation.Pool, fact.NewValue is null ? [fact.Value] : [fact.NewValue, fact.Value]),
    };

    public Probe AskAbsent(string id, Relation relation) => new(id, ProbeKind.Absence, ProbeScoring.ExactMatch, Wrap(AskRelation(relation)), Unknown) { Topic = relation.Name };

    private Probe AskPreference(string id, Preference p)
    {
        var (first, second) = random.Chance(0.5) ? (p.A, p.B) : (p.B, p.A);
        var question = PreferenceQuestion(random.Next(Math.Min(PreferenceForms, grammar.QuestionForms)), first, second);
        return new(id, ProbeKind.Preference, ProbeScoring.Choice, Wrap(question), p.Chosen) { Topic = $"{p.A}/{p.B}", Choices = [first, second], PoolSize = 2 };
    }

    private Probe AskJargon(string id, Jargon jargon)
    {
        var question = JargonQuestion(random.Next(Math.Min(JargonForms, grammar.QuestionForms)), jargon.Word);
        return new(id, ProbeKind.Jargon, ProbeScoring.ExactMatch, Wrap(question), jargon.Meaning)
        {
            Topic = jargon.Word,
            PoolSize = Lexicon.Things.Count,
            Choices = Candidates(Lexicon.Things, [jargon.Meaning]),
        };
    }

    /// <summary>A mail's heading, to be continued in the user's own style.</summary>
    public Probe AskStyle(string id, DateOnly date) => new(id, ProbeKind.Style, ProbeScoring.Style, $"{profile.Name} , mail , {date.Day} {Lexicon.Months[date.Month - 1]} {date.Year}\n", "")
    {
        Topic = ProbeKind.Style,
        Date = date,
        StyleFeatures = new Dictionary<string, string>
        {
            ["greeting"] = profile.Style.Greeting,
            ["emphasis"] = profile.Style.Emphasis,
            ["filler"] = profile.Style.Filler,
            ["sign_off"] = profile.Style.SignOff,
        },
    };

    private string AskRelation(Relation relation) => relation.Question(random.Next(grammar.QuestionForms));

    private string Wrap(string question) => Wrap(profile.Name, question);

    /// <summary>A question as a prompt: who asks, and where the answer goes.</summary>
    public static string Wrap(string name, string question) => $"{name} asks : {question}\nanswer :";

    public static string PreferenceQuestion(int form, string first, string second) => form == 0 ? $"do i prefer {first} or {second} ?" : $"{first} or {second} , which is it for me ?";

    public static string JargonQuestion(int form, string word) => form == 0 ? $"what do i mean by {word} ?" : $"what is a {word} ?";

    private List<string> Candidates(IReadOnlyList<string> pool, IReadOnlyList<string> included)
    {
        var candidates = random.Sample(pool.Except(included).ToList(), ChoicesOfFacts - included.Count);
        candidates.AddRange(included);
        random.Shuffle(candidates);
        return candidates;
    }
}
