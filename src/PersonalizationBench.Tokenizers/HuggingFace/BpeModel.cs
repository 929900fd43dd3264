using System.Buffers;
using System.Text;
using System.Text.Json;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// Byte-pair encoding: a piece is taken apart into characters, and of all adjacent pairs the one that was learnt first is
/// merged, the leftmost on a tie, until no pair is known.
/// </summary>
internal sealed class BpeModel : TokenModel
{
    /// <summary>Up to so many symbols the pairs are looked through for each merge; beyond, they wait in a queue, which is n log n.</summary>
    private const int ShortPiece = 24;

    /// <summary>Marks that no merge is known.</summary>
    private static readonly Merge None = new(int.MaxValue, -1);

    private readonly Dictionary<(int Left, int Right), Merge> _merges;
    private readonly BpeOptions _options;
    private readonly int? _unknownId;
    private readonly int[]? _byteIds;
    private long _pairsTaken;

    /// <summary>Pairs that long pieces took from their queues so far, outdated ones included: what merging costs.</summary>
    internal long PairsTaken => Interlocked.Read(ref _pairsTaken);

    public BpeModel(Dictionary<string, int> vocabulary, Dictionary<(int Left, int Right), Merge> merges, BpeOptions options) : base(vocabulary)
    {
        (_merges, _options) = (merges, options);
        _unknownId = options.UnknownToken is { } unknown ? vocabulary[unknown] : null;
        _byteIds = ByteIds(options.ByteFallback);
    }

    public static new BpeModel Read(JsonPart part)
    {
        if (part.Optional("dropout") is { } dropout && dropout.Number() != 0) throw dropout.Error("expected null or 0: a text has one encoding here");
        var vocabulary = ReadVocabulary(part.Required("vocab"));
        var options = new BpeOptions(part.Optional("unk_token")?.String(), part.Bool("fuse_unk", false), part.Bool("byte_fallback", false), part.Bool("ignore_merges", false),
            part.Optional("continuing_subword_prefix")?.String() ?? "", part.Optional("end_of_word_suffix")?.String() ?? "");
        if (options.UnknownToken is { } unknown && !vocabulary.ContainsKey(unknown)) throw part.Error($"unk_token: '{unknown}' is not in the vocabulary");
        var merges = new BpeMerges(vocabulary, options.Prefix.Length);
        foreach (var item in part.Required("merges").Items())
        {
            // Older files write "a b", newer ones ["a", "b"].
            string[] pair = item.Element.ValueKind == JsonValueKind.Array ? [.. item.Items().Select(i => i.String())] : item.String().Split(' ');
            if (pair.Length != 2) throw item.Error($"expected two tokens, found {pair.Length}");
            if (merges.TryAdd(pair[0], pair[1]) is { } wrong) throw item.Error(wrong);
        }
        return new BpeModel(vocabulary, merges.ByPair, options);
    }

    public override void Encode(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids, List<TextRange>? spans)
    {
        if (_options.IgnoreMerges && TryFind(piece, out var whole))
        {
            Append(ids, whole);
            spans?.Add(new TextRange(0, Encoding.UTF8.GetByteCount(piece)));
            return;
        }
        var symbols = new ArrayBufferWriter<int>(piece.Length);
        var lengths = spans is null ? null : new List<int>(piece.Length);
        Split(piece, symbols, lengths);
        var merged = new Span<int>([.. symbols.WrittenSpan]);
        var bytes = lengths is null ? [] : System.Runtime.InteropServices.CollectionsMarshal.AsSpan(lengths);
        merged = merged.Length <= ShortPiece ? MergeShort(merged, bytes) : MergeLong(merged, bytes);
        ids.Write(merged);
        for (int i = 0, at = 0; spans is not null && i < merged.Length; at += bytes[i++]) spans.Add(new TextRange(at, at + bytes[i]));
    }

    /// <summary>One symbol per character of the vocabulary, else its bytes, else the unknown token (one for several in a row
    /// where they are fused), else nothing.</summary>
    /// <param name="lengths">Where not null, gets the bytes that each symbol stands for.</param>
    private void Split(ReadOnlySpan<char> piece, ArrayBufferWriter<int> symbols, List<int>? lengths)
    {
        var unknownBefore = false;
        for (var at = 0; at < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[at..], out var rune, out var width);
            var before = symbols.WrittenCount;
            var symbol = piece.Slice(at, width);
            if (at > 0 && _options.Prefix.Length > 0) symbol = $"{_options.Prefix}{symbol}";
            at += width;
            if (at == piece.Length && _options.Suffix.Length > 0) symbol = $"{symbol}{_options.Suffix}";
            if (TryFind(symbol, out var id))
            {
                Append(symbols, id);
                unknownBefore = false;
            }
            else if (_byteIds is not null && TrySpell(symbol, _byteIds, symbols)) unknownBefore = false;
            else if (_unknownId is { } unknown && !(unknownBefore && _options.FuseUnknown))
            {
                Append(symbols, unknown);
                unknownBefore = true;
            }
            if (lengths is not null) Measure(rune.Utf8SequenceLength, symbols.WrittenCount - before, unknownBefore, lengths);
        }
    }

    /// <summary>A character of several symbols is spelt in bytes; one of none is part of the unknown token before it, or lost.</summary>
    private static void Measure(int bytes, int symbols, bool unknown, List<int> lengths)
    {
        if (symbols == 1) lengths.Add(bytes);
        else if (symbols > 1) lengths.AddRange(Enumerable.Repeat(1, symbols));
        else if (unknown) lengths[^1] += bytes;
    }

    private Merge Find(int left, int right) => _merges.TryGetValue((left, right), out var merge) ? merge : None;

    /// <param name="lengths">Added up as the symbols are merged; empty where they are not wanted.</param>
    private Span<int> MergeShort(Span<int> ids, Span<int> lengths)
    {
        Span<Merge> merges = stackalloc Merge[ShortPiece];
        for (var i = 0; i + 1 < ids.Length; i++) merges[i] = Find(ids[i], ids[i + 1]);
        for (var count = ids.Length; ; count--)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
                if (merges[i].Rank < merges[best].Rank) best = i;
            if (count < 2 || merges[best].Rank == int.MaxValue) return ids[..count];
            ids[best] = merges[best].Id;
            ids[(best + 2)..count].CopyTo(ids[(best + 1)..]);
            if (lengths.Length > 0)
            {
                lengths[best] += lengths[best + 1];
                lengths[(best + 2)..count].CopyTo(lengths[(best + 1)..]);
            }
            merges[(best + 1)..(count - 1)].CopyTo(merges[best..]);
            if (best > 0) merges[best - 1] = Find(ids[best - 1], ids[best]);
            if (best + 2 < count) merges[best] = Find(ids[best], ids[best + 1]);
        }
    }

    /// <summary>The same by a queue of pairs: outdated ones, known by their ids, are passed over when they come up.</summary>
    private Span<int> MergeLong(Span<int> ids, Span<int> lengths)
    {
        var next = new int[ids.Length];
        var previous = new int[ids.Length];
        var queue = new PriorityQueue<(int At, int Left, int Right, int Id), long>(ids.Length);
        for (var i = 0; i < ids.Length; i++) (next[i], previous[i]) = (i + 1, i - 1);
        for (var i = 0; i + 1 < ids.Length; i++) Offer(i, i + 1, ids);
        var taken = 0L;
        for (; queue.TryDequeue(out var pair, out _); taken++)
        {
            var right = next[pair.At];
            if (ids[pair.At] != pair.Left || right == ids.Length || ids[right] != pair.Right) continue;
            ids[pair.At] = pair.Id;
            ids[right] = -1;
            if (lengths.Length > 0) lengths[pair.At] += lengths[right];
            var after = next[pair.At] = next[right];
            if (after < ids.Length)
            {
                previous[after] = pair.At;
                Offer(pair.At, after, ids);
            }
            if (previous[pair.At] >= 0) Offer(previous[pair.At], pair.At, ids);
        }
        Interlocked.Add(ref _pairsTaken, taken);
        var count = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] < 0) continue;
            if (lengths.Length > 0) lengths[count] = lengths[i];
            ids[count++] = ids[i];
        }
        return ids[..count];

        void Offer(int left, int right, Span<int> ids)
        {
            var merge = Find(ids[left], ids[right]);
            if (merge.Id >= 0) queue.Enqueue((left, ids[left], ids[right], merge.Id), ((long)merge.Rank << 32) | (uint)left);
        }
    }
}

/// <summary>What a pair becomes, and how early it was learnt.</summary>
internal readonly record struct Merge(int Rank, int Id);

/// <param name="UnknownToken">For characters that the vocabulary lacks; without it they are left out.</param>
/// <param name="FuseUnknown">Several unknown characters in a row are one unknown token.</param>
/// <param name="ByteFallback">They are spelt in tokens <c>&lt;0xNN&gt;</c>, where those are there.</param>
/// <param name="IgnoreMerges">A piece that is a token is that token, whatever merging would give.</param>
/// <param name="Prefix">Put before every character of a piece but the first.</param>
/// <param name="Suffix">Put after the last character of a piece.</param>
internal sealed record BpeOptions(string? UnknownToken = null, bool FuseUnknown = false, bool ByteFallback = false, bool IgnoreMerges = false, string Prefix = "", string Suffix = "");

/// <summary>The list of merges, held against its vocabulary.</summary>
internal sealed class BpeMerges(Dictionary<string, int> vocabulary, int prefixLength)
{
    public Dictionary<(int Left, int Right), Merge> ByPair { get; } = [];

    /// <summary>Adds the next merge; returns what is wrong with it, if anything.</summary>
    public string? TryAdd(string left, string right)
    {
        if (!vocabulary.TryGetValue(left, out var leftId)) return $"'{left}' is not in the vocabulary";
        if (!vocabulary.TryGetValue(right, out var rightId)) return $"'{right}' is not in the vocabulary";
        if (right.Length < prefixLength) return $"'{right}' is shorter than continuing_subword_prefix";
        var union = left + right[prefixLength..];
        if (!vocabulary.TryGetValue(union, out var id)) return $"'{union}', which '{left}' and '{right}' become, is not in the vocabulary";
        return ByPair.TryAdd((leftId, rightId), new Merge(ByPair.Count, id)) ? null : $"'{left}' and '{right}' are merged twice";
    }
}
