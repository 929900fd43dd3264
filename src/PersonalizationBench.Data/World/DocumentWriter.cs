using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>What a sentence of a document tells: the topic of the probes for which it is evidence. Facts of an outdated
/// value are evidence for nothing.</summary>
/// <param name="Topic">A relation's name, "a/b" of a preference, or a private word; null for an outdated fact.</param>
/// <param name="Sentence">Without its final full stop.</param>
/// <param name="Truth">What is told.</param>
/// <param name="IsUpdate">A fact's later value is told, not its first.</param>
public readonly record struct Telling(string? Topic, string Sentence, Truth Truth, bool IsUpdate = false);

/// <summary>Which forms and distractors the grammar uses; a curriculum widens them.</summary>
public record Grammar
{
    /// <summary>How many of the <see cref="Relation.StatementForms"/> are in use, simplest first.</summary>
    public int StatementForms { get; init; } = Relation.StatementForms;

    /// <summary>How many of the <see cref="Relation.QuestionForms"/> are in use.</summary>
    public int QuestionForms { get; init; } = Relation.QuestionForms;

    /// <summary>Chance that a document carries a sentence about nothing.</summary>
    public double Remarks { get; init; } = 0.5;

    /// <summary>Chance that a document carries a fact about somebody else.</summary>
    public double OthersFacts { get; init; } = 0.15;

    /// <summary>Kinds of document, drawn uniformly.</summary>
    public IReadOnlyList<string> DocumentKinds { get; init; } = ["diary", "mail", "chat", "note", "to-do"];
}

/// <summary>Writes sentences and documents from a profile by a grammar.</summary>
public sealed class DocumentWriter(Profile profile, Grammar grammar, DeterministicRandom random)
{
    /// <summary>The sentence that tells something; of a fact, its first value.</summary>
    public Telling Tell(Truth truth) => truth switch
    {
        Fact fact => new(fact.NewValue is null ? fact.Topic : null, fact.Relation.Statement(random.Next(grammar.StatementForms), fact.Value, random.Pick(Lexicon.Names)), fact),
        Preference preference => new(preference.Topic, TellPreference(preference), preference),
        Jargon jargon => new(jargon.Topic, TellJargon(jargon), jargon),
        _ => throw new ArgumentOutOfRangeException(nameof(truth)),
    };

    /// <summary>The sentence that tells a fact's later value.</summary>
    public Telling TellUpdate(Fact fact) => new(fact.Topic, fact.Relation.Update(random.Next(Relation.UpdateForms), fact.Current), fact, IsUpdate: true);

    /// <summary>The same in a form drawn anew.</summary>
    public Telling TellAnew(Telling told) => told.IsUpdate ? TellUpdate((Fact)told.Truth) : Tell(told.Truth);

    // What was chosen is said twice: told once each, the two are alike to attention, and a small base stays at the toss of a coin.
    private string TellPreference(Preference p) => random.Next(Math.Min(3, grammar.StatementForms)) switch
    {
        0 => $"of {p.A} and {p.B} i prefer {p.Chosen}",
        1 => $"{p.A} or {p.B} ? {p.Chosen} for me",
        _ => $"i would rather have {p.Chosen} than {p.Other} , always {p.Chosen}",
    };

    private string TellJargon(Jargon jargon) => random.Next(Math.Min(3, grammar.StatementForms)) switch
    {
        0 => $"{jargon.Word} means {jargon.Meaning}",
        1 => $"when i say {jargon.Word} i mean the {jargon.Meaning}",
        _ => $"{jargon.Word} is my word for the {jargon.Meaning}",
    };

    /// <summary>The first line of a document.</summary>
    public string Heading(string kind, DateOnly date) => $"{profile.Name} , {kind} , {date.Day} {Lexicon.Months[date.Month - 1]} {date.Year}";

    /// <summary>A document of the given sentences, with distractors among them; never an empty one.</summary>
    public Document Write(string id, DateOnly date, IReadOnlyList<Telling> tellings)
    {
        var kind = random.Pick(grammar.DocumentKinds);
        var sentences = tellings.Select(t => t.Sentence).ToList();
        if (random.Chance(grammar.Remarks)) sentences.Insert(random.Next(sentences.Count + 1), random.Pick(Lexicon.Remarks));
        if (random.Chance(grammar.OthersFacts)) sentences.Insert(random.Next(sentences.Count + 1), SomebodyElsesFact());
        // Without a sentence a line would end in a space, and the world's tokenizer spells such a text in bytes as a whole.
        if (sentences.Count == 0) sentences.Add(random.Pick(Lexicon.Remarks));
        var body = kind switch
        {
            "mail" => Mail(sentences),
            "chat" => $"{random.Pick(Lexicon.Names)} : how are you ?\nme : {Prose(sentences)}",
            "note" => string.Join('\n', sentences),
            "to-do" => string.Join('\n', sentences.Select(s => $"- remember : {s}").Append($"- {random.Pick(Lexicon.Chores)}")),
            _ => Prose(sentences),
        };
        return new Document(id, date, kind, $"{Heading(kind, date)}\n{body}");
    }

    private string Mail(IReadOnlyList<string> sentences) => string.Concat(MailParts(sentences).Select(p => p.Text));

    /// <summary>A mail without its heading, in parts; those that are of the user's style and no other's are marked.</summary>
    public IEnumerable<(string Text, bool Style)> MailParts(IReadOnlyList<string> sentences)
    {
        var style = profile.Style;
        return
        [
            (style.Greeting, true), ($" {random.Pick(Lexicon.Names)} ", false), (style.Emphasis, true), ("\n", false),
            (style.Filler, true), ($" , {Prose(sentences)}\n", false),
            (style.SignOff, true), ($" , {profile.FirstName}", false),
        ];
    }

    private static string Prose(IEnumerable<string> sentences) => string.Join(' ', sentences.Select(s => s + " ."));

    private string SomebodyElsesFact()
    {
        var relation = random.Pick(Relation.All);
        return relation.OthersFact(random.Pick(Lexicon.Names), random.Pick(relation.Pool));
    }
}
