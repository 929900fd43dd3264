using System.Buffers;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>A piece is one token: its own, or the unknown one.</summary>
internal sealed class WordLevelModel : TokenModel
{
    private readonly int _unknownId;

    private WordLevelModel(Dictionary<string, int> vocabulary, int unknownId) : base(vocabulary) => _unknownId = unknownId;

    public static new WordLevelModel Read(JsonPart part)
    {
        var vocabulary = ReadVocabulary(part.Required("vocab"));
        return new WordLevelModel(vocabulary, UnknownId(part, vocabulary, "<unk>"));
    }

    public override void Encode(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids, List<TextRange>? spans)
    {
        Append(ids, TryFind(piece, out var id) ? id : _unknownId);
        spans?.Add(new TextRange(0, Encoding.UTF8.GetByteCount(piece)));
    }
}
