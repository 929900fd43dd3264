using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Splits pieces into smaller ones, which no token spans.</summary>
internal delegate List<Piece> PreTokenizer(List<Piece> pieces);

/// <summary>Reads <c>pre_tokenizer</c>; what is not known is refused by name.</summary>
internal static class PreTokenizers
{
    private static readonly Dictionary<string, Func<JsonPart, PreTokenizer>> Known = new()
    {
        ["Split"] = Split,
        ["Digits"] = part => ByKind(UnicodeClass.IsNumber, part.Bool("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous),
        ["Punctuation"] = part => ByKind(UnicodeClass.IsPunctuation, part.Optional("behavior") is { } behavior ? Splitting.ReadBehavior(behavior) : SplitBehavior.Isolated),
        ["CharDelimiterSplit"] = part => ByDelimiter(part.Required("delimiter").Character()),
        ["WhitespaceSplit"] = _ => ByKind(Rune.IsWhiteSpace, SplitBehavior.Removed),
        ["Whitespace"] = _ => Each(WordsAndSigns),
        ["BertPreTokenizer"] = _ => InSequence(ByKind(Rune.IsWhiteSpace, SplitBehavior.Removed), ByKind(UnicodeClass.IsPunctuation, SplitBehavior.Isolated)),
        ["ByteLevel"] = part => ByteLevel(part.Bool("add_prefix_space", true), part.Ignoring("trim_offsets").Bool("use_regex", true)),
        ["UnicodeScripts"] = _ => Each(UnicodeScripts.Split),
        ["Metaspace"] = part => Metaspace.Read(part).Split,
        ["Sequence"] = part => InSequence([.. part.Required("pretokenizers").Items().Select(Read)]),
    };

    public static IEnumerable<string> Types => Known.Keys;

    public static PreTokenizer Read(JsonPart? part) => part is null ? pieces => pieces : part.ReadByType(Known);

    private static PreTokenizer Each(Action<Piece, List<Piece>> split) => pieces =>
    {
        var result = new List<Piece>(pieces.Count);
        foreach (var piece in pieces) split(piece, result);
        return result;
    };

    public static PreTokenizer InSequence(params PreTokenizer[] steps) => pieces => steps.Aggregate(pieces, (p, step) => step(p));

    public static PreTokenizer ByKind(Func<Rune, bool> isDelimiter, SplitBehavior behavior) =>
        Each((piece, into) => Splitting.Split(piece, Splitting.MatchesOf(piece.Span, isDelimiter), behavior, invert: false, into));

    private static PreTokenizer ByDelimiter(string delimiter) => ByKind(rune => rune == Rune.GetRuneAt(delimiter, 0), SplitBehavior.Removed);

    private static PreTokenizer Split(JsonPart part)
    {
        var pattern = SplitPattern.Read(part.Required("pattern"));
        var (behavior, invert) = (Splitting.ReadBehavior(part.Required("behavior")), part.Bool("invert", false));
        return ByPattern(pattern, behavior, invert);
    }

    public static PreTokenizer ByPattern(SplitPattern pattern, SplitBehavior behavior, bool invert = false) =>
        Each((piece, into) => Splitting.Split(piece, pattern.Matches(piece.Span), behavior, invert, into));

    /// <summary><c>\w+|[^\w\s]+</c>: runs of word characters and runs of others, without white space.</summary>
    private static void WordsAndSigns(Piece piece, List<Piece> into)
    {
        var (start, at, kind) = (0, 0, -1);
        foreach (var rune in piece.Span.EnumerateRunes())
        {
            var next = UnicodeClass.IsWord(rune) ? 1 : Rune.IsWhiteSpace(rune) ? -1 : 0;
            if (next != kind)
            {
                if (kind >= 0) into.Add(piece.Slice(start, at));
                (start, kind) = (at, next);
            }
            at += rune.Utf16SequenceLength;
        }
        if (kind >= 0) into.Add(piece.Slice(start, at));
    }

    /// <summary>Every byte of UTF-8 spelt as a character.</summary>
    /// <param name="prefix">Puts a space before every piece that begins with none.</param>
    /// <param name="split">Splits as GPT-2 does.</param>
    public static PreTokenizer ByteLevel(bool prefix, bool split) => pieces => SpellBytes(pieces, prefix, split);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // the first text is often the only long one, and would be read in an unoptimized tier
    private static List<Piece> SpellBytes(List<Piece> pieces, bool prefix, bool split)
    {
        var length = pieces.Sum(p => p.Length);
        var result = new List<(int Start, int Length, Place Place)>(split ? length / 4 + 1 : pieces.Count);
        var buffer = new ArrayBufferWriter<char>(length + length / 8 + 16);
        var alignment = pieces is [{ Alignment: not null }, ..] ? new List<TextRange>(length + length / 8 + 16) : null;
        foreach (var piece in pieces)
        {
            var text = piece.Span;
            var prefixed = prefix && piece.Place != Place.GoingOn && text[0] != ' ';
            if (alignment is not null) AlignBytes(prefixed ? Normalizers.Prepended(piece.Aligned, " ") : piece.Aligned, alignment);
            if (prefixed) text = $" {text}";
            for (var place = piece.Place; text.Length > 0; place = Place.Inside)
            {
                var next = split ? Gpt2Scanner.NextLength(text) : text.Length;
                var start = buffer.WrittenCount;
                result.Add((start, ByteAlphabet.Append(text[..next], buffer), place));
                text = text[next..];
            }
        }
        var spelt = buffer.WrittenSpan.ToString();
        TextRange[]? spans = alignment is null ? null : [.. alignment];
        return result.ConvertAll(r => new Piece(spelt, spans, r.Start, r.Length, r.Place));
    }

    /// <summary>Every byte stands for its whole character.</summary>
    private static void AlignBytes(AlignedText text, List<TextRange> into)
    {
        var at = 0;
        foreach (var rune in text.Text.EnumerateRunes())
        {
            for (var n = rune.Utf8SequenceLength; n > 0; n--) into.Add(text.Alignment![at]);
            at += rune.Utf16SequenceLength;
        }
    }
}
