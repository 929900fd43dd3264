using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>What weights are trained on.</summary>
public enum StudyKind
{
    /// <summary>The user's documents.</summary>
    Documents,

    /// <summary>Questions about them, answered by the base that reads them.</summary>
    SelfStudy,
}

/// <summary>What stands in the prompt of the base that answers study material's questions.</summary>
public enum TeacherReads
{
    /// <summary>All documents, or the newest that fit.</summary>
    History,

    /// <summary>Each document by itself; the most confident answer is kept.</summary>
    Document,

    /// <summary>The documents that BM25 ranks highest for the question.</summary>
    Retrieved,
}

/// <summary>What is learned of an answer.</summary>
public enum StudyTargets
{
    /// <summary>Its tokens.</summary>
    Hard,

    /// <summary>How likely the base, reading the documents, held which tokens at each of its places.</summary>
    Soft,
}

/// <summary>
/// Study material: what a weight-update strategy trains on. In self-study the base answers questions of the data set's own bank with the
/// user's documents in its prompt, and the answers are trained on without them (after prompt distillation, Kujanpaa et al., 2024,
/// arXiv:2412.14964). A probe's own wording is never among the questions, nor a profile or gold answer among the answers.
/// </summary>
public sealed record StudyMaterial
{
    /// <summary><c>documents</c> or <c>self-study</c>.</summary>
    public StudyKind Material { get; init; } = StudyKind.Documents;

    /// <summary>Whether the documents themselves are trained on, beside answered questions.</summary>
    public bool Documents { get; init; } = true;

    /// <summary>How many times each document is told anew. The texts are the data set's: the synthetic world writes them by the grammar that
    /// wrote the documents, which no model has to do and which costs nothing here; other data has none.</summary>
    public int Paraphrases { get; init; }

    /// <summary>Share of a user's topics (in the world: relations, private words, pairs of preferences) that are asked about, 0 to 1; drawn
    /// from seed and user, the topics of a smaller share among those of a larger one.</summary>
    public double Anticipated { get; init; } = 1;

    /// <summary>In how many ways each topic is asked about, at most; null: in every one that no probe uses.</summary>
    public int? Forms { get; init; }

    /// <summary>What the base reads to answer: <c>history</c>, <c>document</c> or <c>retrieved</c>.</summary>
    public TeacherReads Reads { get; init; } = TeacherReads.History;

    /// <summary>Documents per question where they are retrieved.</summary>
    public int K { get; init; } = 4;

    /// <summary>Most answers of "unknown" for each other answer; null: all that were given. With none, the weights unlearn to say so; with
    /// many, they say little else.</summary>
    public double? UnknownShare { get; init; } = 0.5;

    /// <summary><c>hard</c>: the answer's tokens; <c>soft</c>: the base's own distributions over them, by forward Kullback-Leibler divergence.</summary>
    public StudyTargets Targets { get; init; } = StudyTargets.Hard;

    /// <summary>Tokens of a soft target, likeliest first; their probabilities are made to add up to 1.</summary>
    public int TopK { get; init; } = 20;

    /// <summary>Whether the questions count in the loss too, or their answers alone.</summary>
    public bool LearnQuestions { get; init; }

    internal bool AsksQuestions => Material == StudyKind.SelfStudy;

    internal IEnumerable<string> Problems()
    {
        if (Paraphrases < 0) yield return $"study.paraphrases must not be negative, not {Paraphrases}";
        if (!(Anticipated >= 0 && Anticipated <= 1)) yield return FormattableString.Invariant($"study.anticipated must be between 0 and 1, not {Anticipated}");
        if (Forms < 1) yield return $"study.forms must be at least 1, not {Forms}";
        if (!(UnknownShare is null || (UnknownShare >= 0 && double.IsFinite(UnknownShare.Value)))) yield return FormattableString.Invariant($"study.unknown_share must not be negative, not {UnknownShare}");
        if (TopK < 1) yield return $"study.top_k must be at least 1, not {TopK}";
        foreach (var problem in Retrieval.Problems(K)) yield return $"study.{problem}";
        if (!Documents && Paraphrases == 0 && (!AsksQuestions || Anticipated == 0)) yield return "study: nothing is left to be studied; expected documents: true, or material: self-study with anticipated above 0";
    }
}
