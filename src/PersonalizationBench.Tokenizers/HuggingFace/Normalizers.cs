using System.Globalization;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Changes a text before it is split.</summary>
/// <param name="text">Well-formed.</param>
/// <param name="goesOn">True for a text that goes on after another one, before which nothing may be put.</param>
internal delegate string Normalizer(string text, bool goesOn);

/// <summary>Reads <c>normalizer</c>; what is not known is refused by name.</summary>
internal static class Normalizers
{
    private static readonly Dictionary<string, Func<JsonPart, Normalizer>> Known = new()
    {
        ["NFC"] = _ => (text, _) => UnicodeNormalization.Normalize(text, NormalizationForm.FormC),
        ["NFD"] = _ => (text, _) => UnicodeNormalization.Normalize(text, NormalizationForm.FormD),
        ["NFKC"] = _ => (text, _) => UnicodeNormalization.Normalize(text, NormalizationForm.FormKC),
        ["NFKD"] = _ => (text, _) => UnicodeNormalization.Normalize(text, NormalizationForm.FormKD),
        ["Lowercase"] = _ => (text, _) => Lowercase(text),
        ["StripAccents"] = _ => (text, _) => Where(text, rune => !UnicodeClass.IsMark(rune)),
        ["Nmt"] = _ => (text, _) => Nmt(text),
        ["Strip"] = Strip,
        ["Replace"] = Replace,
        ["Prepend"] = Prepend,
        ["BertNormalizer"] = Bert,
        ["Precompiled"] = Precompiled,
        ["ByteLevel"] = _ => (text, _) => ByteAlphabet.ToCharacters(text),
        ["Sequence"] = Sequence,
    };

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
            if (left && !goesOn) text = text.TrimStart();
            return right ? text.TrimEnd() : text;
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
        return (text, goesOn) => text.Length == 0 || goesOn ? text : prefix + text;
    }

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
            if (clean) text = Map(Where(text, rune => !IsControl(rune)), rune => Rune.IsWhiteSpace(rune) ? " " : null);
            if (chinese) text = Map(text, rune => IsChinese(rune.Value) ? $" {rune} " : null);
            if (stripAccents) text = Where(UnicodeNormalization.Normalize(text, NormalizationForm.FormD), rune => Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark);
            return lowercase ? Lowercase(text) : text;
        };
    }

    /// <summary>What BERT drops: NUL, U+FFFD, and control, format and private-use characters but tab and line ends.</summary>
    private static bool IsControl(Rune rune) => rune.Value is 0 or 0xFFFD || (rune.Value is not ('\t' or '\n' or '\r')
        && Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse);

    private static bool IsChinese(int code) => code is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF)
        or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    /// <summary>Every character by itself, so without the final sigma; U+0130 is the one whose lower case is two.</summary>
    private static string Lowercase(string text) => text.Contains('\u0130') ? text.ToLowerInvariant().Replace("\u0130", "i\u0307", StringComparison.Ordinal) : text.ToLowerInvariant();

    private static string Nmt(string text) => Map(
        Where(text, rune => rune.Value is not ((>= 0x01 and <= 0x08) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F)),
        rune => rune.Value is 0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD ? " " : null);

    private static string Where(string text, Func<Rune, bool> keep) => Map(text, rune => keep(rune) ? null : "");

    /// <summary>Every character replaced by what <paramref name="map"/> gives; null leaves it.</summary>
    private static string Map(string text, Func<Rune, string?> map)
    {
        StringBuilder? result = null;
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (map(rune) is { } replacement) (result ??= new StringBuilder(text, 0, at, text.Length)).Append(replacement);
            else result?.Append(text, at, rune.Utf16SequenceLength);
            at += rune.Utf16SequenceLength;
        }
        return result?.ToString() ?? text;
    }
}

/// <summary><c>Replace</c>, which is a normalizer and a decoder.</summary>
internal static class TextReplacement
{
    public static Func<string, string> Read(JsonPart part)
    {
        var (pattern, content) = (part.Required("pattern"), part.Required("content").String());
        if (pattern.Optional("String") is { } literal)
        {
            var old = literal.String();
            if (old.Length == 0) throw literal.Error("expected a text that is not empty");
            return pattern.Done<Func<string, string>>(text => text.Replace(old, content, StringComparison.Ordinal));
        }
        var regex = SplitPattern.Read(pattern);
        return text =>
        {
            var result = new System.Text.StringBuilder(text.Length);
            var done = 0;
            foreach (var (start, end) in regex.Matches(text))
            {
                result.Append(text, done, start - done).Append(content);
                done = end;
            }
            return result.Append(text, done, text.Length - done).ToString();
        };
    }
}
