namespace PersonalizationBench.Core;

/// <summary>The words of the column <c>kind</c> that this program's own datasets write; users of one's own may have others.</summary>
public static class ProbeKind
{
    /// <summary>A fact that the documents tell and that never changed.</summary>
    public const string Recall = "recall";

    /// <summary>The present value of a fact that changed: older documents tell an earlier one.</summary>
    public const string Update = "update";

    /// <summary>What the user likes best of some things.</summary>
    public const string Preference = "preference";

    /// <summary>What a word stands for that the user alone uses.</summary>
    public const string Jargon = "jargon";

    /// <summary>A fact that no document tells; the right answer is that it is unknown.</summary>
    public const string Absence = "absence";

    /// <summary>A mail in the user's manner: greeting, fillers and sign-off are looked at, not what it says.</summary>
    public const string Style = "style";

    /// <summary>How a later document of the user's goes on, scored by its likelihood.</summary>
    public const string Continuation = "continuation";

    /// <summary>A question of one's own, answered in words.</summary>
    public const string Question = "question";

    /// <summary>A question of one's own, answered by one of some choices.</summary>
    public const string Choice = "choice";
}
