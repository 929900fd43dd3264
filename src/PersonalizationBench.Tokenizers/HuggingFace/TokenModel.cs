using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Turns a piece of text into the ids of its vocabulary.</summary>
internal abstract class TokenModel(Dictionary<string, int> vocabulary)
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();

    public IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    /// <param name="piece">Not empty, well-formed.</param>
    /// <param name="spans">Where not null, gets the bytes of the piece's UTF-8 that each token stands for.</param>
    public abstract void Encode(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids, List<TextRange>? spans);

    private static readonly Dictionary<string, Func<JsonPart, TokenModel>> Known = new()
    {
        ["BPE"] = BpeModel.Read,
        ["Unigram"] = UnigramModel.Read,
        ["WordLevel"] = WordLevelModel.Read,
        ["WordPiece"] = WordPieceModel.Read,
    };

    public static IEnumerable<string> Types => Known.Keys;

    /// <summary>Reads <c>model</c>; what is not known is refused by name. The oldest files (GPT-2's, BERT's) give no type: it is
    /// told by a key that only it has.</summary>
    public static TokenModel Read(JsonPart part) => part.ReadByType(Known,
        part.Has("merges") ? "BPE" : part.Has("unk_id") ? "Unigram" : part.Has("max_input_chars_per_word") ? "WordPiece" : part.Has("unk_token") ? "WordLevel" : null);

    protected bool TryFind(ReadOnlySpan<char> token, out int id) => _bySpan.TryGetValue(token, out id);

    /// <summary>The id of <c>unk_token</c>, which has to be in the vocabulary.</summary>
    protected static int UnknownId(JsonPart part, IReadOnlyDictionary<string, int> vocabulary, string otherwise)
    {
        var unknown = part.Optional("unk_token")?.String() ?? otherwise;
        return vocabulary.TryGetValue(unknown, out var id) ? id : throw part.Error($"unk_token: '{unknown}' is not in the vocabulary");
    }

    /// <summary>The ids of <c>&lt;0xNN&gt;</c>, -1 where the vocabulary has none; null where bytes are not fallen back to.</summary>
    protected int[]? ByteIds(bool fallback) => fallback ? [.. Enumerable.Range(0, 256).Select(b => TryFind($"<0x{b:X2}>", out var id) ? id : -1)] : null;

    /// <summary>Spells a text in byte tokens; false, with nothing appended, where one of them is missing.</summary>
    protected static bool TrySpell(ReadOnlySpan<char> text, int[] byteIds, ArrayBufferWriter<int> ids)
    {
        Span<byte> utf8 = new byte[System.Text.Encoding.UTF8.GetMaxByteCount(text.Length)];
        utf8 = utf8[..System.Text.Encoding.UTF8.GetBytes(text, utf8)];
        foreach (var b in utf8)
            if (byteIds[b] < 0) return false;
        foreach (var b in utf8) Append(ids, byteIds[b]);
        return true;
    }

    protected static void Append(ArrayBufferWriter<int> ids, int id)
    {
        ids.GetSpan(1)[0] = id;
        ids.Advance(1);
    }

    /// <summary>An object of tokens with their ids: each at least 0, none twice.</summary>
    public static Dictionary<string, int> ReadVocabulary(JsonPart part)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var owners = new Dictionary<int, string>();
        var path = part.Path.Length == 0 ? "vocabulary" : part.Path;
        foreach (var property in StrictJson.Object(part.Element, part.Source, path).EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt32(out var id) || id < 0)
                throw StrictJson.Unexpected(property.Value, part.Source, $"{path}['{property.Name}']", "an id of at least 0");
            ref var owner = ref CollectionsMarshal.GetValueRefOrAddDefault(owners, id, out var taken);
            if (taken) throw part.Error($"'{property.Name}' has the id {id} of '{owner}'");
            owner = property.Name;
            vocabulary.Add(property.Name, id);
        }
        return vocabulary.Count > 0 ? vocabulary : throw part.Error("expected at least one token");
    }
}
