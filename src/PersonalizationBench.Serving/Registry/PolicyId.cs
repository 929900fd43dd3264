using System.Globalization;
using System.Text.RegularExpressions;

namespace PersonalizationBench.Serving;

/// <summary>
/// The syntax of policies', owners' and pointers' names: 1 to 63 of <c>a-z 0-9 . _ -</c>, a letter or digit first, never two dots in a
/// row. Names are opaque and go into no path, but where somebody makes that mistake one day, they shall not lead anywhere either.
/// </summary>
public static partial class PolicyId
{
    private const string Expected = "expected 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, without '..'";

    public static bool IsValid(string text) => Syntax().IsMatch(text) && !text.Contains("..", StringComparison.Ordinal);

    /// <summary>Returns the text. Throws <see cref="RegistryException"/> where it is no name.</summary>
    /// <param name="what">What it should name, for the error.</param>
    public static string Require(string text, string what) =>
        IsValid(text) ? text : throw new RegistryException(RegistryError.Invalid, $"{what} {Quote(text)}: {Expected}");

    /// <summary>The same of a pointer: only digits would be a revision's number.</summary>
    public static string RequirePointer(string text)
    {
        Require(text, "pointer");
        return text.All(char.IsAsciiDigit) ? throw new RegistryException(RegistryError.Invalid, $"pointer {Quote(text)}: only digits are a revision's number; expected a letter in it") : text;
    }

    /// <summary>In quotes, what cannot be printed escaped, and cut where it is long: names come from strangers and go into logs.</summary>
    internal static string Quote(string text)
    {
        var shown = text.Length <= 80 ? text : text[..80] + "...";
        return $"'{string.Concat(shown.Select(c => c is >= ' ' and <= '~' ? c.ToString() : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}")))}'";
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Syntax();
}

/// <summary>What a request names: <c>policy</c> (its pointer live), <c>policy@7</c> or <c>policy@pointer</c>.</summary>
/// <param name="Revision">Null where a pointer is named.</param>
/// <param name="Pointer">Null where a revision is named.</param>
public sealed record PolicySpec
{
    private PolicySpec(string policy, int? revision, string? pointer) => (Policy, Revision, Pointer) = (policy, revision, pointer);

    public string Policy { get; }

    public int? Revision { get; }

    public string? Pointer { get; }

    /// <summary>Throws <see cref="RegistryException"/> naming the part that is wrong.</summary>
    public static PolicySpec Parse(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var policy = PolicyId.Require(at < 0 ? text : text[..at], "policy");
        if (at < 0) return new PolicySpec(policy, null, Serving.Pointer.Live);
        var what = text[(at + 1)..];
        if (what.Length == 0 || !what.All(char.IsAsciiDigit)) return new PolicySpec(policy, null, PolicyId.RequirePointer(what));
        // One way to write a number: what is compared or cached as text is then the same as what it means.
        if (what[0] == '0' || !int.TryParse(what, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw new RegistryException(RegistryError.Invalid, $"revision {PolicyId.Quote(what)}: expected 1 to {int.MaxValue}, without leading zeros");
        return new PolicySpec(policy, number, null);
    }

    public override string ToString() => $"{Policy}@{Pointer ?? Revision!.Value.ToString(CultureInfo.InvariantCulture)}";
}
