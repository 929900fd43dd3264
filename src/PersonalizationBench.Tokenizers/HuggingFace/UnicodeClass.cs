using System.Globalization;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>What the splitters ask of a character, over whole code points.</summary>
internal static class UnicodeClass
{
    public static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>Any number (Nd, Nl, No), not only decimal digits.</summary>
    public static bool IsNumber(Rune rune) => Rune.IsNumber(rune);

    /// <summary>Unicode's punctuation, and the symbols of ASCII that BERT counts as such.</summary>
    public static bool IsPunctuation(Rune rune) => Rune.IsPunctuation(rune) || (rune.IsAscii && Rune.IsSymbol(rune));

    /// <summary>A character of <c>\w</c> as Unicode's UTS #18 has it: alphabetic, mark, decimal digit, connector, joiner.</summary>
    public static bool IsWord(Rune rune) => Rune.IsLetter(rune) || IsMark(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation
        // Symbols that are alphabetic: letters in circles and squares; and the two joiners.
        || rune.Value is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189) or 0x200C or 0x200D;
}
