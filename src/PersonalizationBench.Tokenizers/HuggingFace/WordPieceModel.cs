using System.Buffers;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>BERT's model: the longest token that a word begins with, then the longest of the rest, and so on; a word that does
/// not work out, or is too long, is one unknown token.</summary>
internal sealed class WordPieceModel : TokenModel
{
    private readonly string _prefix;
    private readonly int _unknownId, _maxCharacters, _longestToken;

    private WordPieceModel(Dictionary<string, int> vocabulary, string prefix, int unknownId, int maxCharacters) : base(vocabulary)
    {
        (_prefix, _unknownId, _maxCharacters) = (prefix, unknownId, maxCharacters);
        _longestToken = vocabulary.Keys.Max(t => t.Length);
    }

    public static new WordPieceModel Read(JsonPart part)
    {
        var vocabulary = ReadVocabulary(part.Required("vocab"));
        return new WordPieceModel(vocabulary, part.Optional("continuing_subword_prefix")?.String() ?? "##", UnknownId(part, vocabulary, "[UNK]"), part.Optional("max_input_chars_per_word")?.Int() ?? 100);
    }

    public override void Encode(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids, List<TextRange>? spans)
    {
        var found = new List<(int Id, int Start, int End)>();
        var (characters, bytes) = (0, 0);
        foreach (var _ in piece.EnumerateRunes()) characters++;
        if (characters <= _maxCharacters && TrySplit(piece, found))
            foreach (var (id, start, end) in found)
            {
                Append(ids, id);
                spans?.Add(new TextRange(bytes, bytes += Encoding.UTF8.GetByteCount(piece[start..end])));
            }
        else
        {
            Append(ids, _unknownId);
            spans?.Add(new TextRange(0, Encoding.UTF8.GetByteCount(piece)));
        }
    }

    private bool TrySplit(ReadOnlySpan<char> word, List<(int Id, int Start, int End)> found)
    {
        for (var start = 0; start < word.Length;)
        {
            ReadOnlySpan<char> rest = start == 0 ? word : $"{_prefix}{word[start..Math.Min(word.Length, start + _longestToken)]}";
            var prefixLength = start == 0 ? 0 : _prefix.Length;
            var (length, id) = (Math.Min(rest.Length, _longestToken), -1);
            while (length > prefixLength && !TryFind(rest[..length], out id)) length--;
            if (length <= prefixLength) return false;
            found.Add((id, start, start + length - prefixLength));
            start += length - prefixLength;
        }
        return true;
    }
}
