using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// A tokenizer as Hugging Face's <c>tokenizer.json</c> describes it: added tokens are found in the text, what is between them
/// is normalized, split into pieces, and each piece turned into ids by the model (BPE, Unigram, WordPiece or WordLevel).
/// </summary>
/// <remarks>
/// <para>The ids are those of the library <c>tokenizers</c> with <c>add_special_tokens=False</c>; special tokens that stand in
/// the text are found. Whatever the file asks for and this class lacks is refused by name, never ignored.</para>
/// <para><see cref="EncodeContinuation"/> puts no space or mark before the text where <see cref="Encode"/> does.</para>
/// <para><see cref="Decode"/> leaves special tokens out. Lone surrogates of a text become U+FFFD.</para>
/// <para>Safe for use by several threads.</para>
/// </remarks>
public sealed class HuggingFaceTokenizer : ITokenizer
{
    /// <summary>Pieces up to this length are remembered with their ids: words come again, and few of them make up most of a text.</summary>
    private const int LongestCached = 64;
    private const int MaxCached = 1 << 16;

    private readonly TokenizerParts _parts;
    private readonly string?[] _tokens;
    private readonly HashSet<int> _special;
    private readonly AddedTokenFinder _inText, _inNormalized;
    private readonly Template _template;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;
    private int _cached;

    internal HuggingFaceTokenizer(TokenizerParts parts, Func<IReadOnlyDictionary<string, int>, Template> template, SpecialTokenNames names, string source)
    {
        _parts = parts;
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        var vocabulary = WholeVocabulary.Of(parts.Model, parts.Added, source);
        _tokens = vocabulary.Tokens;
        AddedToken[] normalized = [.. parts.Added.Where(t => t.Normalized).Select(t => t with { Content = parts.Normalizer(t.Content, false) })];
        foreach (var token in normalized)
        {
            if (token.Content.Length == 0) throw new PbenchException($"{source}: added_tokens: '{_tokens[token.Id]}' is normalized to nothing");
            _tokens[token.Id] = token.Content;
        }
        _inText = new AddedTokenFinder(parts.Added.Where(t => !t.Normalized));
        _inNormalized = new AddedTokenFinder(normalized);
        _special = [.. parts.Added.Where(t => t.Special).Select(t => t.Id)];
        _template = template(vocabulary.Ids);
        (BeginOfText, EndOfText) = names.Resolve(vocabulary.Ids, parts.Added.Where(t => t.Special).Select(t => t.Content).ToHashSet(), _template, source);
    }

    public int VocabularySize => _tokens.Length;

    public int BeginOfText { get; }

    public int EndOfText { get; }

    /// <summary>Ids that the file's post-processor puts before a text; <see cref="Encode"/> does not.</summary>
    public IReadOnlyList<int> TemplateBefore => _template.Before;

    /// <summary>Ids that the file's post-processor puts after a text.</summary>
    public IReadOnlyList<int> TemplateAfter => _template.After;

    /// <param name="source">What errors call the file.</param>
    /// <param name="names">What <c>tokenizer_config.json</c> says of the tokens that begin and end a text.</param>
    public static HuggingFaceTokenizer Parse(ReadOnlyMemory<byte> utf8, string source, SpecialTokenNames names) => StrictJson.Read(utf8, source, json =>
    {
        var root = JsonPart.Root(json, source);
        if (root.Optional("version") is { } version && version.String() != "1.0") throw version.Error($"expected \"1.0\", found \"{version.String()}\"");
        if (root.Optional("truncation") is { } truncation) throw truncation.Error("expected null: a text is encoded as a whole");
        if (root.Optional("padding") is { } padding) throw padding.Error("expected null: a text is not padded");
        var parts = new TokenizerParts(TokenModel.Read(root.Required("model")), [.. (root.Optional("added_tokens")?.Items() ?? []).Select(AddedToken.Read)],
            Normalizers.Read(root.Optional("normalizer")), PreTokenizers.Read(root.Optional("pre_tokenizer")), Decoders.Read(root.Optional("decoder")));
        var processor = root.Optional("post_processor");
        return root.Done(new HuggingFaceTokenizer(parts, ids => Template.Read(processor, ids), names, source));
    });

    public int[] Encode(string text) => Encode(text, Place.Beginning);

    public int[] EncodeContinuation(string text) => Encode(text, Place.GoingOn);

    public string Decode(ReadOnlySpan<int> ids) => Decode(ids, keepSpecial: false);

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

    private int[] Encode(string text, Place beginning)
    {
        if (text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        var ids = new ArrayBufferWriter<int>(Math.Max(16, text.Length / 4));
        foreach (var (start, end, token) in _inText.Split(text))
        {
            var place = start == 0 ? beginning : Place.Inside;
            if (token is not null) Append(ids, token.Id);
            else EncodeBetween(_parts.Normalizer(text[start..end], place == Place.GoingOn), place, ids);
        }
        return ids.WrittenSpan.ToArray();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EncodeBetween(string normalized, Place place, ArrayBufferWriter<int> ids)
    {
        foreach (var (start, end, token) in _inNormalized.Split(normalized))
        {
            if (token is not null) Append(ids, token.Id);
            else
                foreach (var piece in _parts.PreTokenizer([new Piece(normalized, start, end - start, start == 0 ? place : Place.Inside)])) EncodePiece(piece.Span, ids);
        }
    }

    private void EncodePiece(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids)
    {
        if (piece.Length > LongestCached)
        {
            _parts.Model.Encode(piece, ids);
            return;
        }
        if (!_cacheBySpan.TryGetValue(piece, out var known))
        {
            var own = new ArrayBufferWriter<int>();
            _parts.Model.Encode(piece, own);
            known = own.WrittenSpan.ToArray();
            if (Volatile.Read(ref _cached) < MaxCached && _cacheBySpan.TryAdd(piece, known)) Interlocked.Increment(ref _cached);
        }
        ids.Write(known);
    }

    private static void Append(ArrayBufferWriter<int> ids, int id) => ids.Write([id]);
}

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
