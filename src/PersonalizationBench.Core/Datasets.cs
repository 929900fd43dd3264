namespace PersonalizationBench.Core;

/// <summary>Which of the three disjoint populations users are taken from.</summary>
public enum Population
{
    Pretraining,
    Tuning,
    Test,
}

/// <summary>Users and how their texts become prompts.</summary>
/// <param name="Name">Such as world, panza, pepys.</param>
/// <param name="Digest">SHA-256 (hex) over everything that can change a result.</param>
/// <param name="Users">The users reported.</param>
/// <param name="TuningUsers">Users on which hyper-parameters and majority answers may be learned; disjoint from <paramref name="Users"/>.</param>
/// <param name="Format">How documents and questions are joined.</param>
public sealed record Dataset(string Name, string Digest, IReadOnlyList<User> Users, IReadOnlyList<User> TuningUsers, PromptFormat Format)
{
    /// <summary>General text of nobody in particular, for forgetting (cross-entropy before and after adaptation)
    /// and for replay in continued pretraining: <see cref="HeldOutTexts"/> and <see cref="ReplayTexts"/> are disjoint.</summary>
    public IReadOnlyList<string> HeldOutTexts { get; init; } = [];

    public IReadOnlyList<string> ReplayTexts { get; init; } = [];

    /// <summary>Characters of the longest answer that is read; longer than every accepted answer, so that one that goes on is seen to. How many
    /// tokens that takes is the base's matter: see <see cref="AnswerLimit"/>.</summary>
    public int MaxAnswerCharacters { get; init; } = 64;

    /// <summary>The answer that is right where no document tells; null where the data set has no word for it.</summary>
    public string? UnknownAnswer { get; init; }

    /// <summary>Generation of an answer ends at the first of these.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = ["\n"];
}

/// <summary>How documents and a question become one prompt.</summary>
/// <param name="DocumentSeparator">Between documents and between the last document and the question.</param>
public sealed record PromptFormat(string DocumentSeparator)
{
    /// <summary>Documents oldest first, then the question.</summary>
    public string Compose(IEnumerable<Document> context, string question) =>
        string.Concat(context.Select(d => d.Text + DocumentSeparator)) + question;
}
