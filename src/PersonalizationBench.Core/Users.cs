namespace PersonalizationBench.Core;

/// <summary>One dated piece of a user's history, rendered as the text that a model reads.</summary>
/// <param name="Id">Unique within the user.</param>
/// <param name="Date">When it was written; null where the source has no dates (order then stands for time).</param>
/// <param name="Kind">Such as diary, mail, chat, note, to-do.</param>
/// <param name="Text">The whole text, heading included.</param>
public sealed record Document(string Id, DateOnly? Date, string Kind, string Text);

/// <summary>How an answer to a probe is judged.</summary>
public enum ProbeScoring
{
    /// <summary>Generated greedily, compared to the accepted answers after normalisation.</summary>
    ExactMatch,

    /// <summary>The choice with the highest log-likelihood is the answer. Nothing is generated.</summary>
    Choice,

    /// <summary>Generated greedily, judged on the style features named in <see cref="Probe.StyleFeatures"/>.</summary>
    Style,

    /// <summary>The gold text's log-likelihood, reported in bits per UTF-8 byte (lower is better).</summary>
    BitsPerByte,
}

/// <summary>One question that asks about a user's history or continues it.</summary>
/// <param name="Id">Unique within the user.</param>
/// <param name="Kind">recall, preference, style, jargon, absence, update, continuation, ...</param>
/// <param name="Scoring">How it is judged.</param>
/// <param name="Prompt">What follows the context in the prompt.</param>
/// <param name="Gold">The reference answer, or the text whose likelihood is measured.</param>
public sealed record Probe(string Id, string Kind, ProbeScoring Scoring, string Prompt, string Gold)
{
    /// <summary>Every answer that counts as right; holds at least <see cref="Gold"/>.</summary>
    public IReadOnlyList<string> Accepted { get; init; } = [Gold];

    /// <summary>For choices: the candidates, gold among them. An exact-match probe may have them too;
    /// choice accuracy is then reported beside the exact match.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>Ids of the documents from which the answer follows; what retrieval should find.</summary>
    public IReadOnlyList<string> EvidenceIds { get; init; } = [];

    /// <summary>For style: feature name to expected value, judged by <c>StyleFeatures</c> in Evaluation.</summary>
    public IReadOnlyDictionary<string, string> StyleFeatures { get; init; } = new Dictionary<string, string>();

    /// <summary>What is asked about, such as a relation's name; majority answers are counted per topic.</summary>
    public string Topic { get; init; } = Kind;

    /// <summary>The size of the pool that the gold answer was drawn from (1 where it has none): a guess is right once in that many times.</summary>
    public int PoolSize { get; init; } = 1;

    /// <summary>When the question is asked, for continuations: the date of the later document.</summary>
    public DateOnly? Date { get; init; }
}

/// <summary>A user: a history and probes about it.</summary>
public sealed record User(string Id, string Name, IReadOnlyList<Document> History, IReadOnlyList<Probe> Probes)
{
    /// <inheritdoc cref="UserHistory.StudyQuestions"/>
    public IReadOnlyList<StudyQuestion> StudyQuestions { get; init; } = [];

    /// <inheritdoc cref="UserHistory.Paraphrases"/>
    public Paraphraser? Paraphrases { get; init; }

    /// <summary>What adaptation may see of this user.</summary>
    public UserHistory ToHistory() => new(Id, Name, History) { StudyQuestions = StudyQuestions, Paraphrases = Paraphrases };
}

/// <summary>What adaptation sees of a user: no probes, by type (the "no peeking" contract).</summary>
public sealed record UserHistory(string Id, string Name, IReadOnlyList<Document> Documents)
{
    /// <summary>Whose history it is: another user's under the wrong-user control.</summary>
    public string Owner { get; init; } = Id;

    /// <summary>What a model may ask itself about the documents: questions of the data set's own bank, none of them worded as a probe of
    /// this user is. The bank knows the documents and nothing else of the user. Empty where the data set has none.</summary>
    public IReadOnlyList<StudyQuestion> StudyQuestions { get; init; } = [];

    /// <summary>The documents told anew; null where the data set cannot.</summary>
    public Paraphraser? Paraphrases { get; init; }
}

/// <summary>
/// What answering sees of a probe: no gold answer, by type, except where the gold text itself is what is scored
/// (<see cref="ProbeScoring.BitsPerByte"/>, then in <see cref="Continuation"/>).
/// </summary>
public sealed record Question(string UserId, string ProbeId, string Kind, string Topic, ProbeScoring Scoring, string Prompt)
{
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>The text to score; null unless the scoring is by likelihood of a given text.</summary>
    public string? Continuation { get; init; }

    /// <summary>For times alone: so many tokens of <see cref="Continuation"/> are written one after another, as an answer is, and
    /// nothing is scored. Null: the continuation is scored.</summary>
    public int? ForcedTokens { get; init; }

    /// <summary>Filled only for strategies that declare <see cref="IStrategy.SeesEvidence"/> (the oracle), else empty.</summary>
    public IReadOnlyList<string> EvidenceIds { get; init; } = [];

    public static Question From(string userId, Probe probe, bool withEvidence) => new(userId, probe.Id, probe.Kind, probe.Topic, probe.Scoring, probe.Prompt)
    {
        Choices = probe.Choices,
        Continuation = probe.Scoring == ProbeScoring.BitsPerByte ? probe.Gold : null,
        EvidenceIds = withEvidence ? probe.EvidenceIds : [],
    };
}

/// <summary>A user's answer to one question.</summary>
/// <param name="UserId">Whose question.</param>
/// <param name="ProbeId">Which question.</param>
/// <param name="Text">The generated text, or the chosen choice; empty for a scored continuation.</param>
public sealed record Answer(string UserId, string ProbeId, string Text)
{
    /// <summary>The chosen one of <see cref="Question.Choices"/>; -1 where there were none.</summary>
    public int Choice { get; init; } = -1;

    /// <summary>The choice of the highest log-likelihood per UTF-8 byte (lm-evaluation-harness's acc_norm), so that longer ones have no
    /// disadvantage; -1 where there were none, or nothing that gives likelihoods chose.</summary>
    public int ChoiceNormalized { get; init; } = -1;

    /// <summary>Natural-log likelihood of the continuation; null unless one was scored.</summary>
    public double? LogLikelihood { get; init; }

    /// <summary>Tokens of context and question that the model read.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Ids of the documents that were put in the prompt, in the prompt's order.</summary>
    public IReadOnlyList<string> ContextIds { get; init; } = [];
}
