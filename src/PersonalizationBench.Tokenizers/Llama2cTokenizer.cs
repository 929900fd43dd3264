using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers;

/// <summary>
/// The tokenizer of llama2.c (karpathy/llama2.c, run.c): a SentencePiece vocabulary with scores. Text is taken apart into
/// code points, and the adjacent pair whose union has the best score is merged, the leftmost on a tie, until none is left.
/// </summary>
/// <remarks>
/// <para>A <b>dummy space</b> is put before every text, as in training, so that a word has one spelling at the start of a
/// text and inside it. A text that goes on after another one must not have it: <see cref="EncodeContinuation"/>.</para>
/// <para>Code points that the vocabulary lacks become <b>byte tokens</b> <c>&lt;0xNN&gt;</c> (ids 3..258) where it has them.
/// A vocabulary without them, such as the character-level tok105 (which has no newline either), gives the <b>unknown
/// token 0</b>, one per code point: such a text does not come back by <see cref="Decode"/>. run.c gives wrong ids there.</para>
/// <para><see cref="Decode"/> drops one space after the begin-of-text token, as run.c does, and begin and end tokens
/// themselves; so <c>Decode([1, .. Encode(text)]) == text</c> for every text that has no unknown token.</para>
/// </remarks>
public sealed class Llama2cTokenizer : OffsetTokenizer
{
    private const int UnknownId = 0, BeginId = 1, EndId = 2, FirstByteId = 3;

    /// <summary>No real vocabulary has a token longer than this, in bytes; a larger length is a corrupted file.</summary>
    private const int MaxTokenBytes = 4096;

    /// <summary>run.c merges nothing scored below this.</summary>
    private const float LowestScore = -1e10f;

    // Pieces are byte strings. As keys they are held in strings of Latin-1 characters, one per byte: hashing is then the BCL's.
    private readonly string[] _pieces;
    private readonly float[] _scores;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly bool _hasByteTokens;
    private readonly int _longestPiece;

    private Llama2cTokenizer(string[] pieces, float[] scores, string source)
    {
        _pieces = pieces;
        _scores = scores;
        _longestPiece = pieces.Select(p => p.Length).DefaultIfEmpty().Max();
        _ids = new Dictionary<string, int>(pieces.Length, StringComparer.Ordinal);
        for (var id = 0; id < pieces.Length; id++) _ids.TryAdd(pieces[id], id);
        _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _hasByteTokens = pieces.Length >= FirstByteId + 256 && Enumerable.Range(0, 256).All(b => pieces[FirstByteId + b] == BytePiece(b));
        if (pieces.Length < FirstByteId) throw new PbenchException($"{source}: expected the unknown, begin and end tokens first, found {pieces.Length} tokens");
    }

    public override int VocabularySize => _pieces.Length;

    public override int? BeginOfText => BeginId;

    public override int? EndOfText => EndId;

    /// <summary>True where every byte has a token, so that no text is lost.</summary>
    public bool HasByteTokens => _hasByteTokens;

    public static Llama2cTokenizer Load(string path) => Parse(InputFile.ReadBytes(path), path);

    /// <summary>int32 longest token, then per token: f32 score, int32 length, bytes. The vocabulary ends with the file.</summary>
    /// <param name="source">What errors call the file.</param>
    public static Llama2cTokenizer Parse(ReadOnlySpan<byte> bytes, string source)
    {
        if (bytes.Length < 4) throw new PbenchException($"{source}: expected at least 4 bytes, found {bytes.Length}; the file is truncated");
        var longest = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (longest is < 1 or > MaxTokenBytes) throw new PbenchException($"{source}: the longest token should have 1 to {MaxTokenBytes} bytes, found {longest}; this is not a llama2.c tokenizer");
        var pieces = new List<string>();
        var scores = new List<float>();
        for (var at = 4; at < bytes.Length;)
        {
            var where = $"{source}: token {pieces.Count} at byte {at}";
            if (bytes.Length - at < 8) throw new PbenchException($"{where}: expected a score and a length, 8 bytes, found {bytes.Length - at}; the file is truncated");
            var score = BinaryPrimitives.ReadSingleLittleEndian(bytes[at..]);
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]);
            if (!float.IsFinite(score)) throw new PbenchException($"{where}: expected a finite score, found {score.ToString(CultureInfo.InvariantCulture)}");
            // The header's longest length is not compared: run.c's files leave the special tokens out of it.
            if (length is < 0 or > MaxTokenBytes) throw new PbenchException($"{where}: expected a length of 0 to {MaxTokenBytes} bytes, found {length}");
            if (bytes.Length - at - 8 < length) throw new PbenchException($"{where}: expected {length} bytes, found {bytes.Length - at - 8}; the file is truncated");
            pieces.Add(Encoding.Latin1.GetString(bytes.Slice(at + 8, length)));
            scores.Add(score);
            at += 8 + length;
        }
        return new Llama2cTokenizer([.. pieces], [.. scores], source);
    }

    /// <summary>Ids of a text of its own: with the dummy space before it (none before the empty text), no special tokens.</summary>
    public override int[] Encode(string text) => text.Length == 0 ? [] : Merge(" " + text);

    /// <summary>Ids of a text that goes on after another one: without the dummy space.</summary>
    public override int[] EncodeContinuation(string text) => Merge(text);

    public override IReadOnlyList<EncodedToken> EncodeWithOffsets(string text)
    {
        var tokens = new List<EncodedToken>();
        var walk = new TextWalk(text);
        foreach (var id in Encode(text))
        {
            var bytes = IsByte(id) || id == UnknownId ? 1 : _pieces[id].Length;
            // The dummy space is no part of the text.
            if (tokens.Count == 0) bytes--;
            tokens.Add(new EncodedToken(id, Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(_pieces[id])), id == UnknownId && bytes > 0 ? walk.TakeRune() : walk.TakeBytes(bytes)));
        }
        return tokens;
    }

    public override string Decode(ReadOnlySpan<int> ids)
    {
        var bytes = new List<byte>(ids.Length * 4);
        var previous = -1;
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _pieces.Length, nameof(ids));
            if (id is not (BeginId or EndId))
            {
                var piece = _pieces[id];
                if (IsByte(id)) bytes.Add((byte)(id - FirstByteId));
                else
                    foreach (var c in previous == BeginId && piece.StartsWith(' ') ? piece.AsSpan(1) : piece) bytes.Add((byte)c);
            }
            previous = id;
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    private bool IsByte(int id) => _hasByteTokens && id is >= FirstByteId and < FirstByteId + 256;

    private static string BytePiece(int value) => $"<0x{value:X2}>";

    /// <summary>
    /// The merges in O(n log n): candidate pairs wait in a queue by score, then position; a symbol that was merged away
    /// leaves outdated entries behind, known by their length. run.c looks through all pairs for each merge.
    /// </summary>
    private int[] Merge(string text)
    {
        var symbols = Split(text);
        var queue = new PriorityQueue<(int Left, int Right, int End, int MergedId), (float NegativeScore, int Left)>();
        for (var i = 0; i + 1 < symbols.Count; i++) Offer(i, i + 1);

        while (queue.TryDequeue(out var pair, out _))
        {
            var (left, right) = (symbols[pair.Left], symbols[pair.Right]);
            if (left.Next != pair.Right || right.End != pair.End || left.Id < 0 || right.Id < 0) continue;
            symbols[pair.Left] = new Symbol(pair.MergedId, right.End, left.Previous, right.Next);
            symbols[pair.Right] = right with { Id = -1 };
            if (right.Next >= 0)
            {
                symbols[right.Next] = symbols[right.Next] with { Previous = pair.Left };
                Offer(pair.Left, right.Next);
            }
            if (left.Previous >= 0) Offer(left.Previous, pair.Left);
        }
        return [.. symbols.Where(s => s.Id >= 0).Select(s => s.Id)];

        void Offer(int left, int right)
        {
            if (TryMerge(symbols[left], symbols[right], out var id) && _scores[id] > LowestScore)
                queue.Enqueue((left, right, symbols[right].End, id), (-_scores[id], left));
        }
    }

    private bool TryMerge(Symbol left, Symbol right, out int id)
    {
        var (a, b) = (_pieces[left.Id], _pieces[right.Id]);
        id = -1;
        if (a.Length + b.Length > _longestPiece) return false;
        Span<char> union = stackalloc char[a.Length + b.Length];
        a.CopyTo(union);
        b.CopyTo(union[a.Length..]);
        return _idsBySpan.TryGetValue(union, out id);
    }

    /// <summary>One symbol per code point of the vocabulary, else one per byte, else the unknown token.</summary>
    private List<Symbol> Split(string text)
    {
        var ids = new List<int>(text.Length);
        Span<byte> utf8 = stackalloc byte[4];
        Span<char> key = stackalloc char[4];
        foreach (var rune in text.EnumerateRunes())
        {
            var length = rune.EncodeToUtf8(utf8);
            for (var i = 0; i < length; i++) key[i] = (char)utf8[i];
            if (_idsBySpan.TryGetValue(key[..length], out var id)) ids.Add(id);
            else if (!_hasByteTokens) ids.Add(UnknownId);
            else
                foreach (var b in utf8[..length]) ids.Add(FirstByteId + b);
        }
        var symbols = new List<Symbol>(ids.Count);
        for (var i = 0; i < ids.Count; i++) symbols.Add(new Symbol(ids[i], i + 1, i - 1, i + 1 < ids.Count ? i + 1 : -1));
        return symbols;
    }

    /// <summary>A stretch of the text that is one token so far; <paramref name="Id"/> is -1 once it is part of its left neighbour.</summary>
    /// <param name="End">Index after its last original symbol.</param>
    private readonly record struct Symbol(int Id, int End, int Previous, int Next);
}
