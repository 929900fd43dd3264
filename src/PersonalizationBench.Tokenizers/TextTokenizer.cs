using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers;

/// <summary>
/// A tokenizer of this suite as the ecosystem's abstraction, <see cref="Tokenizer"/>, so that whatever counts, cuts or encodes by that can take it,
/// and as the suite's own <see cref="ITokenizer"/>, which knows how texts begin, end and go on.
/// </summary>
/// <remarks>As <see cref="Tokenizer"/> it adds no special tokens.</remarks>
public abstract class TextTokenizer : Tokenizer, ITokenizer
{
    public abstract int VocabularySize { get; }

    public abstract int? BeginOfText { get; }

    public abstract int? EndOfText { get; }

    public virtual IReadOnlyList<int> Beginning => BeginOfText is { } begin ? [begin] : [];

    /// <summary>What is put after a text that is not gone on from.</summary>
    public virtual IReadOnlyList<int> Ending => [];

    public abstract int[] Encode(string text);

    public virtual int[] EncodeContinuation(string text) => Encode(text);

    public abstract string Decode(ReadOnlySpan<int> ids);

    public override string Decode(IEnumerable<int> ids) => Decode((ReadOnlySpan<int>)[.. ids]);

    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        int[] all = [.. ids];
        var text = Decode((ReadOnlySpan<int>)all);
        (idsConsumed, charsWritten) = text.Length <= destination.Length ? (all.Length, text.Length) : (0, 0);
        return text.AsSpan().TryCopyTo(destination) ? OperationStatus.Done : OperationStatus.DestinationTooSmall;
    }

    /// <summary>Lone surrogates become U+FFFD.</summary>
    private protected static string WellFormed(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
}
