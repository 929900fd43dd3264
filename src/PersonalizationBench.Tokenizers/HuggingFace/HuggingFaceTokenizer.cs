using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// A tokenizer as Hugging Face's <c>tokenizer.json</c> describes it: added tokens are found in the text, what is between them
/// is normalized, split into pieces, and each piece turned into ids by the model (BPE, Unigram, WordPiece or WordLevel).
/// </summary>
/// <remarks>
/// <para>Microsoft.ML.Tokenizers cannot read that file; where it can open a tokenizer's older files, its ids differ on one odd text in eight.
/// The ids here are those of the library <c>tokenizers</c> with <c>add_special_tokens=False</c>; special tokens that stand in
/// the text are found. A state of training or use that a file may hold (truncation, padding) changes nothing. Whatever the file asks for and this class lacks is refused by name, never ignored.</para>
/// <para><see cref="EncodeContinuation"/> puts no space or mark before the text where <see cref="Encode"/> does.</para>
/// <para><see cref="Decode"/> leaves special tokens out. Lone surrogates of a text become U+FFFD.</para>
/// <para>Safe for use by several threads.</para>
/// </remarks>
public sealed class HuggingFaceTokenizer : OffsetTokenizer
{
    /// <summary>Pieces up to this length are remembered with their ids: words come again, and few of them make up most of a text.</summary>
    private const int LongestCached = 64;
    private const int MaxCached = 1 << 16;

    private readonly TokenizerParts _parts;
    private readonly string?[] _tokens;
    private readonly HashSet<int> _special;
    private readonly AddedTokenFinder _inText, _inNormalized;
    private readonly Template _template;
    private readonly string _source;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;
    private int _cached;

    internal HuggingFaceTokenizer(TokenizerParts parts, Func<IReadOnlyDictionary<string, int>, Template> template, SpecialTokenNames names, string source)
    {
        _parts = parts;
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        var vocabulary = WholeVocabulary.Of(parts.Model, parts.Added, source);
        _tokens = vocabulary.Tokens;
        AddedToken[] normalized = [.. parts.Added.Where(t => t.Normalized).Select(t => t with { Content = parts.Normalizer(new AlignedText(t.Content), false).Text })];
        foreach (var token in normalized)
        {
            if (token.Content.Length == 0) throw new PbenchException($"{source}: added_tokens: '{_tokens[token.Id]}' is normalized to nothing");
            _tokens[token.Id] = token.Content;
        }
        _inText = new AddedTokenFinder(parts.Added.Where(t => !t.Normalized));
        _inNormalized = new AddedTokenFinder(normalized);
        // The library drops a special token by its text: one that the normalizer changes is not dropped.
        var special = parts.Added.Where(t => t.Special).Select(t => t.Content).ToHashSet();
        _special = [.. parts.Added.Where(t => t.Special && special.Contains(_tokens[t.Id]!)).Select(t => t.Id)];
        _source = source;
        _template = names.Followed(template(vocabulary.Ids), vocabulary.Ids);
        (BeginOfText, EndOfText) = names.Resolve(vocabulary.Ids, special, _template, source);
    }

    public override int VocabularySize => _tokens.Length;

    public override int? BeginOfText { get; }

    public override int? EndOfText { get; }

    public override IReadOnlyList<int> Beginning => _template.Before;

    public override IReadOnlyList<int> Ending => _template.After;

    /// <param name="source">What errors call the file.</param>
    /// <param name="names">What <c>tokenizer_config.json</c> says of the tokens that begin and end a text.</param>
    public static HuggingFaceTokenizer Parse(ReadOnlyMemory<byte> utf8, string source, SpecialTokenNames names) => StrictJson.Read(utf8, source, json =>
    {
        var root = JsonPart.Root(json, source);
        if (root.Optional("version") is { } version && version.String() != "1.0") throw version.Error($"expected \"1.0\", found \"{version.String()}\"");
        root.Ignoring("truncation", "padding");
        var parts = new TokenizerParts(TokenModel.Read(root.Required("model")), [.. (root.Optional("added_tokens")?.Items() ?? []).Select(AddedToken.Read)],
            Normalizers.Read(root.Optional("normalizer")), PreTokenizers.Read(root.Optional("pre_tokenizer")), Decoders.Read(root.Optional("decoder")));
        var processor = root.Optional("post_processor");
        return root.Done(new HuggingFaceTokenizer(parts, ids => Template.Read(processor, ids), names, source));
    });

    public override int[] Encode(string text) => Encode(text, Place.Beginning, plain: false);

    public override int[] EncodeContinuation(string text) => Encode(text, Place.GoingOn, plain: false);

    /// <summary>Ids of a text in which special tokens are text like any other: what a user writes cannot end or begin anything.</summary>
    public int[] EncodePlain(string text) => Encode(text, Place.Beginning, plain: true);

    public override IReadOnlyList<EncodedToken> EncodeWithOffsets(string text)
    {
        var encoded = EncodeAligned(text);
        return [.. encoded.Ids.Select((id, i) => new EncodedToken(id, _tokens[id]!, encoded.Offsets[i].Start..encoded.Offsets[i].End))];
    }

    /// <summary>One text or two with what the file puts around them, as a model for both reads them.</summary>
    /// <exception cref="NotSupportedException">The file does not say what is put around two texts.</exception>
    public EncodedTexts EncodeWhole(string text, string? pair = null)
    {
        EncodedTexts[] texts = pair is null ? [EncodeAligned(text)] : [EncodeAligned(text), EncodeAligned(pair)];
        var parts = (pair is null ? _template.Single : _template.Pair) ?? throw new NotSupportedException($"{_source}: post_processor: what is put around two texts is not given");
        return new EncodedTexts(
            [.. parts.SelectMany(p => p.IsSpecial ? [p.Id] : texts[p.Text].Ids)],
            [.. parts.SelectMany(p => p.IsSpecial ? [default] : texts[p.Text].Offsets)],
            [.. parts.SelectMany(p => Enumerable.Repeat(p.TypeId, p.IsSpecial ? 1 : texts[p.Text].Ids.Count))],
            [.. parts.SelectMany(p => Enumerable.Repeat(p.IsSpecial, p.IsSpecial ? 1 : texts[p.Text].Ids.Count))]);
    }

    public override string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecial: false);

    /// <param name="keepSpecial">True for a text that comes back with the special tokens that stood in it.</param>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecial)
    {
        var tokens = new List<string>(ids.Length);
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _tokens.Length, nameof(ids));
            if (_tokens[id] is { } token && (keepSpecial || !_special.Contains(id))) tokens.Add(token);
        }
        return string.Concat(_parts.Decoder(tokens));
    }

    private int[] Encode(string text, Place beginning, bool plain)
    {
        var ids = new ArrayBufferWriter<int>(Math.Max(16, text.Length / 4));
        Encode(WellFormed(text), beginning, plain, ids, origins: null);
        return ids.WrittenSpan.ToArray();
    }

    private EncodedTexts EncodeAligned(string text)
    {
        var ids = new ArrayBufferWriter<int>(Math.Max(16, text.Length / 4));
        var origins = new List<TokenOrigin>();
        // A lone surrogate and what stands for it are one unit each.
        Encode(WellFormed(text), Place.Beginning, plain: false, ids, origins);
        int[] all = ids.WrittenSpan.ToArray();
        var offsets = origins.Select((o, i) => _template.TrimsOffsets ? Trimmed(o, text, i == 0) : o.Range).ToList();
        return new EncodedTexts(all, offsets, new int[all.Length], new bool[all.Length]);
    }

    private void Encode(string text, Place beginning, bool plain, ArrayBufferWriter<int> ids, List<TokenOrigin>? origins)
    {
        foreach (var (start, end, token) in _inText.Split(text, plain))
        {
            var place = start == 0 ? beginning : Place.Inside;
            if (token is not null)
            {
                Append(ids, token.Id);
                origins?.Add(new TokenOrigin(new TextRange(start, end), text[start..end]));
            }
            else EncodeBetween(_parts.Normalizer(origins is null ? new AlignedText(text[start..end]) : AlignedText.Original(text, start, end), place == Place.GoingOn), place, plain, ids, origins);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EncodeBetween(AlignedText normalized, Place place, bool plain, ArrayBufferWriter<int> ids, List<TokenOrigin>? origins)
    {
        var (text, alignment) = normalized;
        foreach (var (start, end, token) in _inNormalized.Split(text, plain))
        {
            if (token is not null)
            {
                Append(ids, token.Id);
                origins?.Add(new TokenOrigin(new TextRange(alignment![start].Start, alignment[end - 1].End), text[start..end]));
            }
            else
                foreach (var piece in _parts.PreTokenizer([new Piece(text, alignment, start, end - start, start == 0 ? place : Place.Inside)]))
                {
                    if (origins is null) EncodePiece(piece.Span, ids);
                    else EncodePiece(piece, ids, origins);
                }
        }
    }

    private void EncodePiece(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids)
    {
        if (piece.Length > LongestCached)
        {
            _parts.Model.Encode(piece, ids, spans: null);
            return;
        }
        if (!_cacheBySpan.TryGetValue(piece, out var known))
        {
            var own = new ArrayBufferWriter<int>();
            _parts.Model.Encode(piece, own, spans: null);
            known = own.WrittenSpan.ToArray();
            if (Volatile.Read(ref _cached) < MaxCached && _cacheBySpan.TryAdd(piece, known)) Interlocked.Increment(ref _cached);
        }
        ids.Write(known);
    }

    /// <summary>The same with the stretches of the text: a token's bytes in the piece, the units that these are part of, and where those come from.</summary>
    private void EncodePiece(Piece piece, ArrayBufferWriter<int> ids, List<TokenOrigin> origins)
    {
        var (spans, before) = (new List<TextRange>(), ids.WrittenCount);
        _parts.Model.Encode(piece.Span, ids, spans);
        var unitOfByte = new List<int>(piece.Length + 8);
        var at = piece.Start;
        foreach (var rune in piece.Span.EnumerateRunes())
        {
            for (var n = rune.Utf8SequenceLength; n > 0; n--) unitOfByte.Add(at);
            at += rune.Utf16SequenceLength;
        }
        for (var i = 0; i < spans.Count; i++)
        {
            var (first, last) = (unitOfByte[Math.Min(spans[i].Start, unitOfByte.Count - 1)], unitOfByte[Math.Clamp(spans[i].End - 1, 0, unitOfByte.Count - 1)]);
            origins.Add(new TokenOrigin(new TextRange(piece.Alignment![first].Start, piece.Alignment[last].End), _tokens[ids.WrittenSpan[before + i]]!));
        }
    }

    /// <summary>As many characters less at either end as the token has white space there; a single one before the text is left where it was put there.</summary>
    private TextRange Trimmed(TokenOrigin origin, string text, bool isFirst)
    {
        var token = origin.Token.AsSpan();
        var (start, end) = origin.Range;
        var leading = token.Length - token.TrimStart(Spaces).Length;
        var trailing = token.Length - token.TrimEnd(Spaces).Length;
        if (leading == 1 && _template.PrefixSpace && (isFirst || start == 0)) leading = 0;
        for (; leading > 0 && start < end; leading--) start += AlignedText.WidthAt(text, start);
        for (; trailing > 0 && end > start; trailing--) end -= end > 1 && char.IsSurrogatePair(text[end - 2], text[end - 1]) ? 2 : 1;
        return new TextRange(start, end);
    }

    /// <summary>White space as text, and the byte of a space as a byte-level vocabulary spells it.</summary>
    private static readonly string Spaces = string.Concat(Enumerable.Range(0, 0x10000).Select(c => (char)c).Where(char.IsWhiteSpace)) + ByteAlphabet.ToCharacters(" ");

    private static void Append(ArrayBufferWriter<int> ids, int id) => ids.Write([id]);
}

/// <summary>One text or two as a model reads them; all lists are as long as <paramref name="Ids"/>.</summary>
/// <param name="Offsets">What each token stands for, in units of UTF-16 of its own text; nothing for a token of the template.</param>
/// <param name="TypeIds">Of the texts, as the template numbers them.</param>
/// <param name="IsSpecial">True for a token of the template.</param>
public sealed record EncodedTexts(IReadOnlyList<int> Ids, IReadOnlyList<TextRange> Offsets, IReadOnlyList<int> TypeIds, IReadOnlyList<bool> IsSpecial);

/// <summary>Where a token comes from.</summary>
/// <param name="Token">The model's token, or of an added one what was found in the text.</param>
internal readonly record struct TokenOrigin(TextRange Range, string Token);

/// <summary>The steps of a tokenizer.</summary>
internal sealed record TokenizerParts(TokenModel Model, IReadOnlyList<AddedToken> Added, Normalizer Normalizer, PreTokenizer PreTokenizer, Decoder Decoder);

/// <summary>The model's tokens and the added ones together.</summary>
/// <param name="Tokens">By id; null where no token has it.</param>
internal sealed record WholeVocabulary(Dictionary<string, int> Ids, string?[] Tokens)
{
    /// <summary>Gaps that are larger than this, and than the vocabulary many times, are damage.</summary>
    private const int LargestGaps = 1 << 16;

    /// <summary>Refuses what contradicts itself: a token with two ids, an id with two tokens, an id far beyond the number of tokens.</summary>
    public static WholeVocabulary Of(TokenModel model, IReadOnlyList<AddedToken> added, string source)
    {
        var ids = new Dictionary<string, int>(model.Vocabulary, StringComparer.Ordinal);
        var owners = model.Vocabulary.ToDictionary(p => p.Value, p => p.Key);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < added.Count; i++)
        {
            var (id, content) = (added[i].Id, added[i].Content);
            if (!seen.Add(content)) throw new PbenchException($"{source}: added_tokens[{i}]: '{content}' is added twice");
            if (!ids.TryAdd(content, id) && ids[content] != id) throw new PbenchException($"{source}: added_tokens[{i}]: '{content}' has the id {ids[content]} in the model's vocabulary, found {id}");
            if (!owners.TryAdd(id, content) && owners[id] != content) throw new PbenchException($"{source}: added_tokens[{i}]: '{content}' has the id {id} of '{owners[id]}'");
        }
        var last = owners.Keys.Max();
        if (last >= Math.Max(LargestGaps, 8L * owners.Count)) throw new PbenchException($"{source}: '{owners[last]}' has the id {last} among {owners.Count} tokens; expected an id below {Math.Max(LargestGaps, 8L * owners.Count)}");
        var tokens = new string?[last + 1];
        foreach (var (id, token) in owners) tokens[id] = token;
        return new WholeVocabulary(ids, tokens);
    }
}
