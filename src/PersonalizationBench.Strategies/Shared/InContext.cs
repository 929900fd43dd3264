using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Which documents an in-context strategy wants, and the models that read them with the base's own weights.</summary>
internal static class InContext
{
    /// <summary>No document.</summary>
    public static readonly ContextSelector Nothing = (_, _) => [];

    /// <summary>The last <paramref name="documents"/> documents of a history of the given length, newest first.</summary>
    public static int[] Newest(int length, int documents = int.MaxValue) =>
        [.. Enumerable.Range(0, length).Reverse().Take(documents)];

    /// <summary>Personal models that differ from the base in their prompts only.</summary>
    public static PersonalModels Models(AdaptationRequest request, ContextSelector context, long storedBytes, ContextSettings? settings = null) =>
        new(request, context, new BaseWeights(), new PromptAnswering(request, settings)) { StoredContextBytes = storedBytes };
}
