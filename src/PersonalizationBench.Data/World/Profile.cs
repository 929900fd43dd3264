using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>One thing that is true of a user, can be told in a document and asked in a probe.</summary>
/// <param name="Topic">What is asked about: a relation's name, "a/b" of a preference, a private word.</param>
public abstract record Truth(string Topic);

/// <summary>A fact: its value, and a later one where it changed.</summary>
public sealed record Fact(Relation Relation, string Value, string? NewValue) : Truth(Relation.Name)
{
    public string Current => NewValue ?? Value;
}

/// <summary>An either-or preference; <paramref name="Chosen"/> is one of the pair.</summary>
public sealed record Preference(string A, string B, string Chosen) : Truth($"{A}/{B}")
{
    public string Other => Chosen == A ? B : A;
}

/// <summary>A private word for an everyday thing.</summary>
public sealed record Jargon(string Word, string Meaning) : Truth(Word);

/// <summary>How a user writes.</summary>
public sealed record WritingStyle(string Greeting, string SignOff, string Emphasis, string Filler);

/// <summary>Everything that is true of one synthetic user; documents and probes are written from it.</summary>
public sealed record Profile(
    string FirstName,
    string FamilyName,
    IReadOnlyList<Fact> Facts,
    IReadOnlyList<Relation> Absent,
    IReadOnlyList<Preference> Preferences,
    IReadOnlyList<Jargon> Jargon,
    WritingStyle Style)
{
    public string Name => $"{FirstName} {FamilyName}";

    /// <summary>All that documents tell, style apart.</summary>
    public IEnumerable<Truth> Truths => [.. Facts, .. Preferences, .. Jargon];

    /// <summary>How much there is to know of a user.</summary>
    /// <param name="Facts">Relations with a value; the others are absent.</param>
    /// <param name="Updates">How many of the facts change.</param>
    public sealed record Size(int Facts, int Updates, int Preferences, int Jargon);

    /// <summary>Draws a profile whose name belongs to <paramref name="population"/>.</summary>
    public static Profile Draw(DeterministicRandom random, Population population, Size size)
    {
        var (first, family) = DrawName(random, population);
        var relations = random.Sample(Relation.All, Relation.All.Count);
        var facts = new List<Fact>(size.Facts);
        for (var i = 0; i < size.Facts; i++)
        {
            var pair = random.Sample(relations[i].Pool, 2);
            facts.Add(new Fact(relations[i], pair[0], i < size.Updates ? pair[1] : null));
        }
        var preferences = random.Sample(Lexicon.Preferences, size.Preferences)
            .Select(p => new Preference(p.A, p.B, random.Chance(0.5) ? p.A : p.B)).ToList();
        var meanings = random.Sample(Lexicon.Things, size.Jargon);
        var jargon = random.Sample(Lexicon.PrivateWords, size.Jargon).Zip(meanings, (w, m) => new Jargon(w, m)).ToList();
        var style = new WritingStyle(random.Pick(Lexicon.Greetings), random.Pick(Lexicon.SignOffs), random.Pick(Lexicon.Emphases), random.Pick(Lexicon.Fillers));
        return new Profile(first, family, facts, relations.Skip(size.Facts).ToList(), preferences, jargon, style);
    }

    /// <summary>The population that a full name belongs to: half of the 4,096 names are for pretraining, a quarter each
    /// for tuning and test. Every single word occurs in all three, so no test user's name is an untrained token.</summary>
    public static Population PopulationOf(int first, int family) => (((first * 7) + (family * 11)) % 4) switch
    {
        0 or 1 => Population.Pretraining,
        2 => Population.Tuning,
        _ => Population.Test,
    };

    private static (string First, string Family) DrawName(DeterministicRandom random, Population population)
    {
        while (true)
        {
            var first = random.Next(Lexicon.FirstNames.Count);
            var family = random.Next(Lexicon.FamilyNames.Count);
            if (PopulationOf(first, family) == population) return (Lexicon.FirstNames[first], Lexicon.FamilyNames[family]);
        }
    }
}
