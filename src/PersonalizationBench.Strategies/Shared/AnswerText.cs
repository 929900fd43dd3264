using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Answers as texts.</summary>
internal static class AnswerText
{
    /// <summary>An answer as it stands behind its prompt: parted from it by a space, unless the prompt ends in one.</summary>
    public static string Behind(string prompt, string answer) => prompt.Length == 0 || char.IsWhiteSpace(prompt[^1]) ? answer : $" {answer}";

    /// <summary>Whether an answer says that nothing is known.</summary>
    public static bool IsUnknown(string answer, AdaptationRequest request) => request.UnknownAnswer is { } unknown && Wording.Normalize(answer) == Wording.Normalize(unknown);
}
