using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>From a user's documents to training sequences, and from users to seeds.</summary>
internal static class HistoryTexts
{
    /// <summary>
    /// Each document is one sequence, its separator included, and every token counts in the loss; packed, as many as fit
    /// in the context are joined, oldest first. A document longer than the context is cut by the trainer.
    /// </summary>
    public static IReadOnlyList<TrainingText> Of(UserHistory history, AdaptationRequest request, bool pack)
    {
        var texts = history.Documents.Select(d => d.Text + request.Format.DocumentSeparator);
        return (pack ? Pack(texts, request.Base) : texts).Select(Whole).ToList();
    }

    /// <summary>A text of which every token counts once.</summary>
    public static TrainingText Whole(string text) => new([new TextSegment(text, 1)]);

    /// <summary>A seed that only the cell's seed and the user's id decide, not the user's place among the others.</summary>
    public static long SeedOf(UserHistory history, AdaptationRequest request, string purpose) =>
        (long)DeterministicRandom.For(request.Seed, purpose, history.Id).NextUInt64();

    /// <summary>The base with its weights; throws for one that only answers.</summary>
    public static LoadedBase Trainable(AdaptationRequest request) => request.Base as LoadedBase
        ?? throw new PbenchException($"{request.Base.Info.Name}: expected a base whose weights can be trained, not {request.Base.GetType().Name}");

    private static IEnumerable<string> Pack(IEnumerable<string> texts, IBaseModel model)
    {
        var room = model.Info.ContextLength;
        var pack = "";
        foreach (var text in texts)
        {
            if (pack.Length > 0 && TextEncoding.Prompt(model.Tokenizer, pack + text).Length > room)
            {
                yield return pack;
                pack = "";
            }
            pack += text;
        }
        if (pack.Length > 0) yield return pack;
    }
}
