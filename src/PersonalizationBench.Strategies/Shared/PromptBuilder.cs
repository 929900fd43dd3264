using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>A prompt as the model reads it.</summary>
/// <param name="Tokens">Begin-of-text, documents, question.</param>
/// <param name="ContextIds">Ids of the documents in it, in its order.</param>
/// <param name="Text">What the tokens say; null where a question lost its beginning.</param>
internal sealed record Prompt(int[] Tokens, IReadOnlyList<string> ContextIds, string? Text);

/// <summary>Puts whole documents and a question into a given number of tokens.</summary>
/// <param name="order">In which the documents stand in a prompt.</param>
internal sealed class PromptBuilder(ITokenizer tokenizer, PromptFormat format, DocumentOrder order = DocumentOrder.OldestFirst)
{
    private readonly Dictionary<string, int> _lengths = new(StringComparer.Ordinal);

    /// <summary>
    /// The longest prompt of at most <paramref name="room"/> tokens. A document that is longer than the space is left
    /// out; of the others the least wanted go first, whole, until the rest fits. A question that is longer than the
    /// room by itself loses its beginning.
    /// </summary>
    /// <param name="history">Documents, oldest first.</param>
    /// <param name="wanted">Positions in <paramref name="history"/>, most wanted first.</param>
    /// <param name="question">What follows the documents.</param>
    /// <param name="room">Tokens of the whole prompt, begin-of-text included; at least 1.</param>
    /// <param name="budget">Upper bound on the tokens of the documents, if any.</param>
    public Prompt Build(IReadOnlyList<Document> history, IReadOnlyList<int> wanted, string question, int room, int? budget = null)
    {
        var space = Math.Min(room - 1 - Length(question), budget ?? int.MaxValue);
        var kept = new List<int>();
        var used = 0;
        foreach (var position in wanted.Where(p => LengthInPrompt(history[p]) <= space))
        {
            used += LengthInPrompt(history[position]);
            if (used > space) break;
            kept.Add(position);
        }
        // Tokens can merge or split where texts meet, so that the sum above is an estimate; the whole decides.
        string? text = Compose();
        var tokens = TextEncoding.Prompt(tokenizer, text);
        while (tokens.Length > room && kept.Count > 0)
        {
            kept.RemoveAt(kept.Count - 1);
            text = Compose();
            tokens = TextEncoding.Prompt(tokenizer, text);
        }
        if (tokens.Length > room) (tokens, text) = ([tokens[0], .. tokens[^(room - 1)..]], null);
        return new Prompt(tokens, Ordered(kept).Select(p => history[p].Id).ToList(), text);

        string Compose() => format.Compose(Ordered(kept).Select(p => history[p]), question);
    }

    /// <param name="kept">Positions, most wanted first.</param>
    private IEnumerable<int> Ordered(IEnumerable<int> kept) => order switch
    {
        DocumentOrder.OldestFirst => kept.Order(),
        DocumentOrder.NewestFirst => kept.OrderDescending(),
        DocumentOrder.BestFirst => kept,
        _ => kept.Reverse(),
    };

    private int LengthInPrompt(Document document) => Length(document.Text + format.DocumentSeparator);

    private int Length(string text)
    {
        if (!_lengths.TryGetValue(text, out var length)) _lengths[text] = length = TextEncoding.Continuation(tokenizer, text).Length;
        return length;
    }
}
