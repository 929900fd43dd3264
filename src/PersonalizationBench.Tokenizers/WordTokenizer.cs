using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers;

/// <summary>
/// The tokenizer of the synthetic world: whole words, and bytes for the rest. Ids: 0 <c>&lt;bos&gt;</c>, 1 <c>&lt;eos&gt;</c>,
/// 2..257 the bytes 00..FF, then the words in their given order; <c>"\n"</c> is one of them.
/// </summary>
/// <remarks>
/// <para><b>Encoding.</b> A text is lines separated by newlines, a line is words separated by single spaces. A newline is its
/// own token; a known word is one token; an unknown word is spelt in the bytes of its UTF-8, and between two neighbouring
/// unknown words stands the byte 20. A text with a line that begins or ends with a space, or holds two in a row, is spelt in
/// bytes as a whole.</para>
/// <para><b>Decoding.</b> Tokens are grouped into pieces: a word is a piece, a longest run of byte tokens is a piece. A space
/// is put between two neighbouring pieces unless one of them is the word <c>"\n"</c>. Begin and end tokens are left out.</para>
/// <para>So <c>Decode(Encode(text)) == text</c> for every well-formed string; lone surrogates become U+FFFD.
/// And where <c>a</c> and <c>b</c> consist of known words, the ids of <c>a + " " + b</c> are those of a followed by those of
/// b: a prompt and its continuation can be encoded apart, the continuation without a leading space.</para>
/// </remarks>
public sealed class WordTokenizer : OffsetTokenizer
{
    public const string TypeName = "PersonalizationBench.Word";
    public const int FileVersion = 1;
    private const int BosId = 0, EosId = 1, FirstByteId = 2, FirstWordId = 258;

    private readonly string[] _words;
    private readonly int _newlineId;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;

    /// <summary>Throws where a word cannot be one: empty, with a space or newline inside, ill-formed, twice; or where <c>"\n"</c> is missing.</summary>
    public WordTokenizer(IEnumerable<string> words) : this(words, "tokenizer") { }

    private WordTokenizer(IEnumerable<string> words, string source)
    {
        _words = [.. words];
        _ids = new Dictionary<string, int>(_words.Length, StringComparer.Ordinal);
        for (var i = 0; i < _words.Length; i++)
        {
            var where = $"{source}: words[{i}]";
            if (_words[i].Length == 0) throw new PbenchException($"{where}: a word cannot be empty");
            if (_words[i] != "\n" && _words[i].AsSpan().ContainsAny(' ', '\n')) throw new PbenchException($"{where}: a word holds no space and no newline, found '{_words[i]}'");
            if (!IsWellFormed(_words[i])) throw new PbenchException($"{where}: the word is not well-formed Unicode");
            if (!_ids.TryAdd(_words[i], FirstWordId + i)) throw new PbenchException($"{where}: '{_words[i]}' is also words[{_ids[_words[i]] - FirstWordId}]");
        }
        if (!_ids.TryGetValue("\n", out _newlineId)) throw new PbenchException($"{source}: words: the newline is missing; it must be one of the words");
        _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The words in the order of their ids, which begin at 258.</summary>
    public IReadOnlyList<string> Words => _words;

    public override int VocabularySize => FirstWordId + _words.Length;

    public override int? BeginOfText => BosId;

    public override int? EndOfText => EosId;

    /// <summary>The id of a word; null for one that is spelt in bytes.</summary>
    public int? IdOf(string word) => _ids.TryGetValue(word, out var id) ? id : null;

    public override int[] Encode(string text)
    {
        var ids = new ArrayBufferWriter<int>(Math.Max(16, text.Length / 4));
        var afterBytes = false;
        for (var start = 0; start <= text.Length;)
        {
            var rest = text.AsSpan(start);
            var length = rest.IndexOfAny(' ', '\n');
            if (length < 0) length = rest.Length;
            var separator = length < rest.Length ? rest[length] : '\n';
            if (length == 0)
            {
                // No word here: fine in an empty line, a space too many elsewhere.
                if (separator == ' ' || (start > 0 && text[start - 1] == ' ')) return SpellWhole(text);
            }
            else if (_idsBySpan.TryGetValue(rest[..length], out var id))
            {
                Append(ids, id);
                afterBytes = false;
            }
            else
            {
                if (afterBytes) Append(ids, FirstByteId + ' ');
                Spell(ids, rest[..length]);
                afterBytes = true;
            }
            start += length + 1;
            if (separator == '\n' && start <= text.Length)
            {
                Append(ids, _newlineId);
                afterBytes = false;
            }
        }
        return ids.WrittenSpan.ToArray();
    }

    public override IReadOnlyList<EncodedToken> EncodeWithOffsets(string text)
    {
        var tokens = new List<EncodedToken>();
        var walk = new TextWalk(text);
        foreach (var id in Encode(text))
        {
            // The space between two pieces is no token.
            if (id >= FirstWordId)
            {
                if (!walk.Rest.StartsWith(_words[id - FirstWordId])) walk.Skip(1);
                tokens.Add(new EncodedToken(id, _words[id - FirstWordId], walk.Take(_words[id - FirstWordId].Length)));
            }
            else
            {
                var value = (byte)(id - FirstByteId);
                if (walk.NextByte != value) walk.Skip(1);
                tokens.Add(new EncodedToken(id, $"<0x{value:X2}>", walk.TakeByte()));
            }
        }
        return tokens;
    }

    public override string Decode(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder();
        var run = new ArrayBufferWriter<byte>();
        var spaceBefore = false;
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize, nameof(ids));
            if (id is BosId or EosId) continue;
            if (id < FirstWordId)
            {
                run.GetSpan(1)[0] = (byte)(id - FirstByteId);
                run.Advance(1);
                continue;
            }
            FlushRun();
            if (id != _newlineId && spaceBefore) text.Append(' ');
            text.Append(_words[id - FirstWordId]);
            spaceBefore = id != _newlineId;
        }
        FlushRun();
        return text.ToString();

        void FlushRun()
        {
            if (run.WrittenCount == 0) return;
            if (spaceBefore) text.Append(' ');
            text.Append(Encoding.UTF8.GetString(run.WrittenSpan));
            run.ResetWrittenCount();
            spaceBefore = true;
        }
    }

    /// <summary>Writes <c>{"type": ..., "version": 1, "words": [...]}</c>, one word a line; the same words give the same bytes.</summary>
    public void Save(string path) => AtomicFile.Write(path, stream =>
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("type", TypeName);
            json.WriteNumber("version", FileVersion);
            json.WriteStartArray("words");
            foreach (var word in _words) json.WriteStringValue(word);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    });

    /// <param name="source">What errors call the file.</param>
    public static WordTokenizer Parse(ReadOnlyMemory<byte> utf8, string source) => StrictJson.Read(utf8, source, root =>
    {
        string? type = null;
        int? version = null;
        List<string>? words = null;
        foreach (var property in root.EnumerateObject())
        {
            switch (property.Name)
            {
                case "type": type = StrictJson.String(property.Value, source, "type"); break;
                case "version": version = StrictJson.Int(property.Value, source, "version"); break;
                case "words": words = [.. StrictJson.Array(property.Value, source, "words").EnumerateArray().Select((word, i) => StrictJson.String(word, source, $"words[{i}]"))]; break;
                default: throw new PbenchException($"{source}: unknown key '{property.Name}'; expected type, version and words");
            }
        }
        if (type != TypeName) throw new PbenchException($"{source}: type: expected \"{TypeName}\", found {(type is null ? "none" : $"\"{type}\"")}");
        if (version != FileVersion) throw new PbenchException($"{source}: version: expected {FileVersion}, found {(version is null ? "none" : version)}");
        if (words is null) throw new PbenchException($"{source}: words: missing");
        return new WordTokenizer(words, source);
    });

    private static bool IsWellFormed(string word)
    {
        for (var rest = word.AsSpan(); rest.Length > 0;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var consumed) != OperationStatus.Done) return false;
            rest = rest[consumed..];
        }
        return true;
    }

    private static int[] SpellWhole(string text)
    {
        var ids = new ArrayBufferWriter<int>(text.Length + 1);
        Spell(ids, text);
        return ids.WrittenSpan.ToArray();
    }

    private static void Spell(ArrayBufferWriter<int> ids, ReadOnlySpan<char> text)
    {
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
            foreach (var b in utf8[..rune.EncodeToUtf8(utf8)]) Append(ids, FirstByteId + b);
    }

    private static void Append(ArrayBufferWriter<int> ids, int id)
    {
        ids.GetSpan(1)[0] = id;
        ids.Advance(1);
    }
}
