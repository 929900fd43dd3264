using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>One cell of a study, all of whose users' adapters are published.</summary>
/// <param name="Dataset">Its label.</param>
/// <param name="Label">The strategy's, with its settings.</param>
public sealed record PublishedCell(string Key, string Base, string BaseDigest, string Dataset, string DatasetDigest, string Strategy, string Settings, string Label, long Seed);

/// <summary>
/// Ids of the policies of a study: the user, and of base, dataset, strategy and seed whatever the published cells have several of,
/// such as <c>test-003</c> or <c>test-003.lora-r8.s1</c>. What is no <see cref="PolicyId"/> is written as near to it as one can be and
/// told apart by eight digits of its digest.
/// </summary>
public sealed class PolicyNames(IReadOnlyList<PublishedCell> published)
{
    private const int Longest = 63, HashDigits = 8;

    private readonly bool _bases = Several(published, c => c.BaseDigest);
    private readonly bool _datasets = Several(published, c => c.DatasetDigest);
    private readonly bool _strategies = Several(published, c => (c.Strategy, c.Settings));
    private readonly bool _seeds = Several(published, c => c.Seed);

    public string Of(PublishedCell cell, string user)
    {
        List<string> parts = [user];
        if (_bases) parts.Add(cell.Base);
        if (_datasets) parts.Add(Short(cell.Dataset));
        if (_strategies) parts.Add(Short(cell.Label));
        if (_seeds) parts.Add(FormattableString.Invariant($"s{cell.Seed}"));
        return Id(string.Join('.', parts));
    }

    /// <summary>The text itself where it is an id, else the nearest id with a part of the text's digest.</summary>
    public static string Id(string exact) => PolicyId.IsValid(exact) ? exact : Near(exact);

    private static bool Several<T>(IReadOnlyList<PublishedCell> cells, Func<PublishedCell, T> of) => cells.Select(of).Distinct().Skip(1).Any();

    /// <summary>A label's spaces and equals signs: <c>lora r=8</c> is lora-r8.</summary>
    private static string Short(string label) => label.Replace(' ', '-').Replace("=", "", StringComparison.Ordinal);

    private static string Near(string exact)
    {
        var near = new StringBuilder();
        foreach (var c in exact.ToLowerInvariant())
        {
            var valid = char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-' ? c : '-';
            // An id begins with a letter or digit.
            if (near.Length == 0 && !char.IsAsciiLetterOrDigit(valid)) near.Append('p');
            if (valid != '.' || near[^1] != '.') near.Append(valid);
        }
        return $"{near.ToString(0, Math.Min(near.Length, Longest - HashDigits - 1))}-{Digest.Of(exact)[..HashDigits]}";
    }
}
