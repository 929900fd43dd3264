using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Real;

/// <summary>Pepys in a study: <c>dataset: { name: pepys, ... }</c>.</summary>
public sealed record PepysOptions : RealOptions
{
    /// <summary>The years reported, 1660 to 1669; each is a "user".</summary>
    public IReadOnlyList<int> Users { get; init; } = [1661, 1662, 1663, 1664, 1666, 1667, 1668, 1669];

    /// <summary>Years for choosing hyper-parameters; none of those reported.</summary>
    public IReadOnlyList<int> TuningUsers { get; init; } = [1660, 1665];
}

/// <summary>
/// The diary of Samuel Pepys. One author: a calendar year of it is what is called a user here, so that intervals clustered by
/// user can be given; they tell of the variation between years, not between people. A year's later entries are the probes:
/// given the beginning of an entry, predict how it goes on.
/// </summary>
public sealed partial class PepysLoader(DataFiles files) : IDatasetLoader
{
    private const string FilePath = "data/pepys/pepys_diary.jsonl";

    /// <summary>The file dates by the Gregorian calendar, ten days ahead of the dates that Pepys wrote.</summary>
    private const int GregorianLead = 10;

    private static readonly int[] Years = [.. Enumerable.Range(1660, 10)];

    public string Name => "pepys";

    public string Summary => "The diary of Samuel Pepys, a year of it as a user; later entries are scored in bits per byte.";

    public Type OptionsType => typeof(PepysOptions);

    public Dataset Load(object options)
    {
        var pepys = (PepysOptions)options;
        string[] years = Words(Years), users = Words(pepys.Users), tuning = Words(pepys.TuningUsers);
        RealUsers.Check(Name, users, tuning, years);
        var paths = files.Require(Name);
        var entries = Read(paths[FilePath], pepys.Flatten);
        return RealUsers.Assemble(Name, pepys, users, tuning, paths, year =>
            TimeSplit.Make($"pepys-{year}", $"Samuel Pepys, {year}", "diary", [.. entries.Where(e => e.Id.StartsWith(year, StringComparison.Ordinal))], pepys));

        static string[] Words(IEnumerable<int> numbers) => [.. numbers.Select(n => n.ToString(CultureInfo.InvariantCulture))];
    }

    /// <summary>The dated entries, oldest first; their ids are the dates that Pepys wrote. Entries without one (the two
    /// summings-up of a year) and those too short to be parted are left out.</summary>
    public static IReadOnlyList<DatedText> Read(string path, bool flatten)
    {
        var texts = new List<DatedText>();
        foreach (var entry in JsonLines.Read<Entry>(path))
        {
            if (DateOf(entry.Id) is not { } date) continue;
            var text = flatten ? TextRules.Flatten(entry.Text) : TextRules.Unwrap(entry.Text);
            if (Opening(text) is not { } opening) continue;
            texts.Add(new DatedText(date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), date, text[..opening], text[opening..]));
        }
        for (var i = 1; i < texts.Count; i++)
            if (texts[i].Date <= texts[i - 1].Date) throw new PbenchException($"{path}: expected entries in the order of their dates; {texts[i].Id} follows {texts[i - 1].Id}");
        return texts;
    }

    /// <summary>The entry's first sentences, at least 40 UTF-8 bytes of them; null where none ends before the last 40.</summary>
    private static int? Opening(string text)
    {
        foreach (var end in TextRules.SentenceEnds(text))
            if (Encoding.UTF8.GetByteCount(text.AsSpan(0, end)) >= TimeSplit.MinProbeBytes)
                return Encoding.UTF8.GetByteCount(text.AsSpan(end)) >= TimeSplit.MinProbeBytes ? end : null;
        return null;
    }

    /// <summary>By the id, not by <c>datetime_attr</c>, which is wrong in three entries; of a span of days the first.</summary>
    private static DateOnly? DateOf(string id) =>
        DatedId().Match(id) is { Success: true } match && DateOnly.TryParseExact(match.Groups[1].Value, "yyyy-M-d", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            ? date.AddDays(-GregorianLead)
            : null;

    [GeneratedRegex(@"^entry-(\d{4}-\d{1,2}-\d{1,2})(?:/|$)")]
    private static partial Regex DatedId();

    private sealed record Entry(string Id, string? DatetimeAttr, string Chapter, string Text);
}
