using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>How PEFT finds modules by what a file says. Regular expressions out of a file may not hold the program up.</summary>
internal static class PeftPattern
{
    /// <summary>The first of the patterns that matches a module as <c>(.*\.)?(pattern)$</c>; null: none does.</summary>
    public static string? First(IEnumerable<string> patterns, string module) => patterns.FirstOrDefault(p => Matches($@"^(?:.*\.)?(?:{p})\z", module));

    /// <summary>Whether a name is a module's or its last parts.</summary>
    public static bool IsEnd(string name, string module) => module == name || module.EndsWith("." + name, StringComparison.Ordinal);

    /// <summary>Whether a pattern matches a whole name.</summary>
    public static bool IsWhole(string pattern, string module) => Matches($@"^(?:{pattern})\z", module);

    /// <exception cref="PbenchException">It takes too long.</exception>
    public static bool Matches(string pattern, string text)
    {
        try
        {
            return Regex.IsMatch(text, pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new PbenchException($"{PeftAdapterFile.ConfigName}: the pattern '{pattern}' takes more than a second for '{text}'", e);
        }
    }
}
