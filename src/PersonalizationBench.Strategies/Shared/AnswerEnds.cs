using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Where a generated answer ends.</summary>
internal sealed class AnswerEnds(AdaptationRequest request)
{
    private readonly Lazy<IReadOnlyList<int>> _endIds = new(() => [.. request.Base.Tokenizer.Ends(), .. request.Base.Info.EndIds]);
    private readonly Lazy<IReadOnlyList<int>> _stopIds = new(() => StopIdsOf(request));

    /// <summary>Ids that no text goes on through.</summary>
    public IReadOnlyList<int> EndIds => _endIds.Value;

    /// <summary>Ids that end an answer as soon as they are produced: ends and begin of text, and tokens that are a stop text by
    /// themselves. Stop texts of several tokens are cut off afterwards (<see cref="Cut"/>).</summary>
    public IReadOnlyList<int> StopIds => _stopIds.Value;

    public string Cut(string text)
    {
        var end = request.StopTexts.Select(s => text.IndexOf(s, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(text.Length).Min();
        return text[..end];
    }

    private static int[] StopIdsOf(AdaptationRequest request)
    {
        var tokenizer = request.Base.Tokenizer;
        var single = request.StopTexts.Where(s => s.Length > 0).Select(s => (Text: s, Ids: TextEncoding.Continuation(tokenizer, s)))
            .Where(s => s.Ids.Length > 0 && tokenizer.Decode(s.Ids.AsSpan(s.Ids.Length - 1)) == s.Text).Select(s => s.Ids[^1]);
        return [.. tokenizer.Ends(), .. request.Base.Info.EndIds, .. single.Distinct()];
    }
}
