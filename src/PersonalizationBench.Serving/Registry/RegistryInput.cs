using System.Text;
using System.Text.Json;

namespace PersonalizationBench.Serving;

/// <summary>What callers may hand over; each check returns what it was given, or throws <see cref="RegistryException"/>.</summary>
internal static class RegistryInput
{
    private const int LongestLabel = 200, LargestJson = 1 << 16, MostModules = 256;

    /// <summary>SHA-256 as 64 lower-case hex digits.</summary>
    public static string Digest(string text, string what) =>
        IsDigest(text) ? text : throw Invalid($"{what} {PolicyId.Quote(text)}: expected a SHA-256, 64 of 0-9 and a-f");

    public static bool IsDigest(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>A line of text for people to read.</summary>
    public static string Label(string text, string what) =>
        text.Length is >= 1 and <= LongestLabel && !text.Any(char.IsControl) && IsUtf8(text) ? text : throw Invalid($"{what} {PolicyId.Quote(text)}: expected 1 to {LongestLabel} characters on one line");

    public static string? Json(string? text, string what)
    {
        if (text is null) return null;
        if (text.Length > LargestJson) throw Invalid($"{what}: {text.Length} characters; expected at most {LargestJson}");
        if (!IsUtf8(text)) throw Invalid($"{what}: half of a surrogate pair; expected text");
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object ? text : throw Invalid($"{what}: expected a JSON object, found {document.RootElement.ValueKind}");
        }
        catch (JsonException e)
        {
            throw Invalid($"{what}: not valid JSON: {e.Message}");
        }
    }

    public static NewPolicy Policy(NewPolicy policy)
    {
        PolicyId.Require(policy.Id, "policy");
        PolicyId.Require(policy.Owner, "owner");
        Digest(policy.Base, $"policy '{policy.Id}': base");
        if (policy.Rank < 1) throw Invalid($"policy '{policy.Id}': rank {policy.Rank}: expected at least 1");
        if (policy.Modules.Count is 0 or > MostModules) throw Invalid($"policy '{policy.Id}': {policy.Modules.Count} modules: expected 1 to {MostModules}");
        foreach (var module in policy.Modules)
            if (module.Length is 0 or > LongestLabel || !module.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.'))
                throw Invalid($"policy '{policy.Id}': module {PolicyId.Quote(module)}: expected letters, digits, '_' and '.'");
        return policy;
    }

    public static NewRevision Revision(NewRevision revision)
    {
        Digest(revision.Digest, "adapter");
        if (revision.Data is not null) Digest(revision.Data, "data");
        Label(revision.Code, "code version");
        Json(revision.Training, "training");
        return revision;
    }

    public static RegistryException Invalid(string message) => new(RegistryError.Invalid, message);

    private static bool IsUtf8(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune)) return false;
            i += rune.Utf16SequenceLength;
        }
        return true;
    }
}
