using System.Globalization;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Changes a text before it is split.</summary>
/// <param name="text">Well-formed.</param>
/// <param name="goesOn">True for a text that goes on after another one, before which nothing may be put.</param>
internal delegate AlignedText Normalizer(AlignedText text, bool goesOn);

/// <summary>Reads <c>normalizer</c>; what is not known is refused by name.</summary>
internal static class Normalizers
{
    private static readonly Dictionary<string, Func<JsonPart, Normalizer>> Known = new()
    {
        ["NFC"] = _ => (text, _) => text.Normalized(NormalizationForm.FormC),
        ["NFD"] = _ => (text, _) => text.Normalized(NormalizationForm.FormD),
        ["NFKC"] = _ => (text, _) => text.Normalized(NormalizationForm.FormKC),
        ["NFKD"] = _ => (text, _) => text.Normalized(NormalizationForm.FormKD),
        ["Lowercase"] = _ => (text, _) => Lowercase(text),
        ["StripAccents"] = _ => (text, _) => text.Where(rune => !UnicodeClass.IsMark(rune)),
        ["Nmt"] = _ => (text, _) => Nmt(text),
        ["Strip"] = Strip,
        ["Replace"] = Replace,
        ["Prepend"] = Prepend,
        ["BertNormalizer"] = Bert,
        ["Precompiled"] = Precompiled,
        ["ByteLevel"] = _ => (text, _) => text.Map(rune => ByteAlphabet.ToCharacters(rune.ToString())),
        ["Sequence"] = Sequence,
    };

    public static IEnumerable<string> Types => Known.Keys;

    public static Normalizer Read(JsonPart? part) => part is null ? (text, _) => text : part.ReadByType(Known);

    private static Normalizer Sequence(JsonPart part)
    {
        Normalizer[] steps = [.. part.Required("normalizers").Items().Select(Read)];
        return (text, goesOn) => steps.Aggregate(text, (t, step) => step(t, goesOn));
    }

    private static Normalizer Strip(JsonPart part)
    {
        var (left, right) = (part.Required("strip_left").Bool(), part.Required("strip_right").Bool());
        return (text, goesOn) =>
        {
            var trimmed = text.Text.AsSpan();
            if (left && !goesOn) trimmed = trimmed.TrimStart();
            var start = text.Text.Length - trimmed.Length;
            if (right) trimmed = trimmed.TrimEnd();
            return trimmed.Length == text.Text.Length ? text : text.Slice(start, start + trimmed.Length);
        };
    }

    private static Normalizer Replace(JsonPart part)
    {
        var replace = TextReplacement.Read(part);
        return (text, _) => replace(text);
    }

    private static Normalizer Prepend(JsonPart part)
    {
        var prefix = part.Required("prepend").String();
        return (text, goesOn) => text.Text.Length == 0 || goesOn ? text : Prepended(text, prefix);
    }

    /// <summary>What is put before a text, which is not empty, stands for its first character.</summary>
    public static AlignedText Prepended(AlignedText text, string prefix) =>
        new(prefix + text.Text, text.Alignment is null ? null : [.. Enumerable.Repeat(text.Alignment[0], prefix.Length), .. text.Alignment]);

    private static Normalizer Precompiled(JsonPart part)
    {
        var map = PrecompiledMap.Read(part);
        return (text, _) => map.Normalize(text);
    }

    private static Normalizer Bert(JsonPart part)
    {
        var (clean, chinese, lowercase) = (part.Required("clean_text").Bool(), part.Required("handle_chinese_chars").Bool(), part.Required("lowercase").Bool());
        var stripAccents = part.Bool("strip_accents", lowercase);
        return (text, _) =>
        {
            if (clean) text = text.Where(rune => !IsControl(rune)).Map(rune => Rune.IsWhiteSpace(rune) ? " " : null);
            if (chinese) text = text.Map(rune => IsChinese(rune.Value) ? $" {rune} " : null);
            if (stripAccents) text = text.Normalized(NormalizationForm.FormD).Where(rune => Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark);
            return lowercase ? Lowercase(text) : text;
        };
    }

    /// <summary>What BERT drops: NUL, U+FFFD, and control, format and private-use characters but tab and line ends.</summary>
    private static bool IsControl(Rune rune) => rune.Value is 0 or 0xFFFD || (rune.Value is not ('\t' or '\n' or '\r')
        && Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse);

    private static bool IsChinese(int code) => code is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF)
        or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    /// <summary>Every character by itself, so without the final sigma; U+0130 is the one whose lower case is two.</summary>
    private static AlignedText Lowercase(AlignedText text) => text.With(text.Text.ToLowerInvariant()) is var lower && lower.Text.Contains('\u0130')
        ? lower.Map(rune => rune.Value == 0x130 ? "i\u0307" : null) : lower;

    private static AlignedText Nmt(AlignedText text) => text.Where(rune => rune.Value is not ((>= 0x01 and <= 0x08) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F))
        .Map(rune => rune.Value is 0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD ? " " : null);

    private static AlignedText Where(this AlignedText text, Func<Rune, bool> keep) => text.Map(rune => keep(rune) ? null : "");
}

/// <summary><c>Replace</c>, which is a normalizer and a decoder.</summary>
internal static class TextReplacement
{
    public static Func<AlignedText, AlignedText> Read(JsonPart part)
    {
        var (pattern, content) = (SplitPattern.Read(part.Required("pattern")), part.Required("content").String());
        return text =>
        {
            if (text.Alignment is null && pattern.Literal is { } old) return new AlignedText(text.Text.Replace(old, content, StringComparison.Ordinal));
            var matches = pattern.Matches(text.Text);
            if (matches.Count == 0) return text;
            var result = new StringBuilder(text.Text.Length);
            var alignment = text.Alignment is null ? null : new AlignmentBuilder(text);
            var done = 0;
            foreach (var (start, end) in matches)
            {
                result.Append(text.Text, done, start - done).Append(content);
                alignment?.Keep(start - done);
                alignment?.Replace(end - start, content.Length);
                done = end;
            }
            alignment?.Keep(text.Text.Length - done);
            return new AlignedText(result.Append(text.Text, done, text.Text.Length - done).ToString(), alignment?.Result);
        };
    }
}
