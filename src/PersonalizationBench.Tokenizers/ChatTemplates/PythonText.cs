using System.Globalization;
using System.Text;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Python's ways with text, where they are not .NET's.</summary>
internal static class PythonText
{
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <param name="characters">What is stripped; null for white space.</param>
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        Rune[]? runes = characters is null ? null : [.. characters.EnumerateRunes()];
        var rest = text.AsSpan();
        while (left && Rune.DecodeFromUtf16(rest, out var rune, out var width) == System.Buffers.OperationStatus.Done && IsStripped(rune)) rest = rest[width..];
        while (right && Rune.DecodeLastFromUtf16(rest, out var rune, out var width) == System.Buffers.OperationStatus.Done && IsStripped(rune)) rest = rest[..^width];
        return rest.Length == text.Length ? text : rest.ToString();

        bool IsStripped(Rune rune) => runes?.Contains(rune) ?? (rune.IsBmp && IsSpace((char)rune.Value));
    }

    /// <summary>The words between white space.</summary>
    /// <param name="most">How often it is split at most; negative for always.</param>
    public static IEnumerable<string> Words(string text, long most)
    {
        for (var rest = Strip(text, null, left: true, right: false); rest.Length > 0; most--)
        {
            var end = 0;
            while (end < rest.Length && !IsSpace(rest[end])) end++;
            if (most == 0 || end == rest.Length)
            {
                yield return rest;
                yield break;
            }
            yield return rest[..end];
            rest = Strip(rest[end..], null, left: true, right: false);
        }
    }

    /// <summary>The parts between separators, of which the leftmost <paramref name="most"/> count, or the rightmost.</summary>
    public static IEnumerable<string> Split(string text, string separator, long most, bool fromRight)
    {
        var parts = text.Split(separator);
        var joined = most < 0 ? 0 : Math.Max(0, parts.Length - 1 - most);
        if (joined == 0) return parts;
        var kept = parts.Length - 1 - (int)joined;
        return fromRight ? [string.Join(separator, parts[..^kept]), .. parts[^kept..]] : [.. parts[..kept], string.Join(separator, parts[kept..])];
    }

    /// <summary>Each word's first letter in upper case and the rest in lower case; words are what is between characters without case.</summary>
    public static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        var inWord = false;
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append((inWord ? Rune.ToLowerInvariant(rune) : Rune.ToUpperInvariant(rune)).ToString());
            inWord = Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;
        }
        return result.ToString();
    }

    public static string Capitalize(string text)
    {
        if (Rune.DecodeFromUtf16(text, out var first, out var width) != System.Buffers.OperationStatus.Done) return text;
        return Rune.ToUpperInvariant(first) + text[width..].ToLowerInvariant();
    }

    /// <summary>Whole numbers and <c>repr(float)</c>: the shortest digits that give the number back, with an exponent below 1e-4 and from 1e16 on.</summary>
    public static string OfNumber(object number) => number switch
    {
        long whole => whole.ToString(CultureInfo.InvariantCulture),
        double.NaN => "nan",
        double d when double.IsInfinity(d) => d > 0 ? "inf" : "-inf",
        double d => OfFloat(d),
        _ => throw new ArgumentException("not a number", nameof(number)),
    };

    private static string OfFloat(double number)
    {
        var sign = double.IsNegative(number) ? "-" : "";
        if (number == 0) return $"{sign}0.0";
        // .NET's digits are the shortest, too; only where the point is written differs.
        var shortest = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var mantissa = shortest[0];
        var point = (mantissa.IndexOf('.') is >= 0 and var found ? found : mantissa.Length) + (shortest.Length > 1 ? int.Parse(shortest[1], CultureInfo.InvariantCulture) : 0);
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        point -= digits.Length - digits.TrimStart('0').Length;
        digits = digits.Trim('0');
        var exponent = point - 1;
        if (exponent is < -4 or >= 16) return $"{sign}{digits[0]}{(digits.Length > 1 ? "." : "")}{digits[1..]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        if (point <= 0) return $"{sign}0.{new string('0', -point)}{digits}";
        return digits.Length <= point ? $"{sign}{digits.PadRight(point, '0')}.0" : $"{sign}{digits[..point]}.{digits[point..]}";
    }

    /// <summary><c>repr(str)</c>: in single quotes, unless it holds some and no double ones; what cannot be printed is escaped.</summary>
    public static string Quoted(string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var result = new StringBuilder().Append(quote);
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append(rune.Value switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                ' ' => " ",
                var c when c == quote => $"\\{quote}",
                var c when IsPrintable(rune) => rune.ToString(),
                < 0x100 => $"\\x{rune.Value:x2}",
                < 0x10000 => $"\\u{rune.Value:x4}",
                _ => $"\\U{rune.Value:x8}",
            });
        }
        return result.Append(quote).ToString();
    }

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
