using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Validation;

/// <summary>What a strategy of a study takes on one of its bases.</summary>
/// <param name="Cells">All of its cells, over data sets and seeds.</param>
/// <param name="Done">Those measured already.</param>
/// <param name="Seconds">Of the others, adapting and answering; null where no earlier run tells.</param>
/// <param name="MemoryBytes">Peak of the process in an earlier run; null likewise.</param>
/// <param name="DiskBytes">Of the others' results; null likewise.</param>
/// <param name="Source">The results that tell; empty where none do.</param>
public sealed record ForecastRow(string Base, string Strategy, int Cells, int Done, double? Seconds, long? MemoryBytes, double? DiskBytes, string Source)
{
    private const string Unknown = "unknown";

    public int Missing => Cells - Done;

    /// <summary>For a screen: base, strategy, cells, those done, time to go, memory, where that is from.</summary>
    public IReadOnlyList<string> Fields => [Base, Strategy, $"{Cells}", $"{Done}", Missing == 0 ? "" : Time(Seconds), MemoryBytes is null && Missing == 0 ? "" : Size(MemoryBytes), Source];

    internal static string Time(double? seconds) => seconds is { } known ? PlainProgress.Clock(TimeSpan.FromSeconds(Math.Ceiling(known))) : Unknown;

    internal static string Size(double? bytes) => bytes is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known / 1e6:0.0} MB") : Unknown;
}

/// <summary>What a study would cost, from what the same strategies took before.</summary>
public static class StudyForecast
{
    /// <summary>A probe's row of probes.csv stands in the journal again, as JSON with every key's name: three times its bytes in all.</summary>
    private const int Copies = 3;

    /// <param name="isDone">Whether a cell was measured.</param>
    /// <param name="earlier">Results to learn from, most telling first.</param>
    public static IReadOnlyList<ForecastRow> Of(StudyPlan plan, Func<Cell, bool> isDone, IReadOnlyList<EarlierResults> earlier) =>
        [.. plan.Cells.GroupBy(c => (Base: c.Base.Name, Strategy: c.Strategy.FullLabel)).Select(g => Row(g.Key.Base, g.Key.Strategy, [.. g], isDone, earlier))];

    /// <summary>All rows in a sentence.</summary>
    public static string Total(IReadOnlyList<ForecastRow> rows)
    {
        var (known, unknown) = (rows.Where(r => r.Seconds is not null).ToList(), rows.Where(r => r.Seconds is null).Sum(r => r.Missing));
        if (rows.All(r => r.Missing == 0)) return "every cell is measured already";
        if (unknown == rows.Sum(r => r.Missing)) return "to go: unknown: no earlier results of these strategies on these bases";
        return $"to go: about {ForecastRow.Time(known.Sum(r => r.Seconds!.Value))}, {ForecastRow.Size(rows.Max(r => r.MemoryBytes))} of memory, {ForecastRow.Size(known.Sum(r => r.DiskBytes!.Value))} of disk"
            + $"{(unknown == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", and {unknown} cells of which no earlier results tell"))} (adapting and answering, as they took where they were measured)";
    }

    private static ForecastRow Row(string baseName, string strategy, IReadOnlyList<Cell> cells, Func<Cell, bool> isDone, IReadOnlyList<EarlierResults> earlier)
    {
        var missing = cells.Where(c => !isDone(c)).ToList();
        var row = new ForecastRow(baseName, strategy, cells.Count, cells.Count - missing.Count, null, null, null, "");
        if (missing.Count == 0) return row with { Seconds = 0, DiskBytes = 0 };
        var first = missing[0];
        // Of the same label before others of the type: a rank of 64 takes longer than one of 1.
        var source = earlier.FirstOrDefault(e => e.Like(first, sameLabel: true).Count > 0) ?? earlier.FirstOrDefault(e => e.Like(first, sameLabel: false).Count > 0);
        if (source is null) return row;
        var runs = source.Like(first, sameLabel: true) is { Count: > 0 } same ? same : source.Like(first, sameLabel: false);
        var perUser = runs.Average(r => (r.AdaptSeconds!.Value + r.AnswerSeconds!.Value) / r.Users!.Value);
        return row with
        {
            Seconds = missing.Sum(c => perUser * c.Dataset.Data.Users.Count),
            MemoryBytes = runs.Max(r => Math.Max(r.MemoryAdaptBytes ?? r.PeakRssAdaptBytes ?? 0, r.MemoryAnswerBytes ?? r.PeakRssAnswerBytes ?? 0)) is > 0 and var peak ? peak : null,
            DiskBytes = missing.Sum(c => Copies * source.BytesPerProbe * c.Dataset.Data.Users.Sum(u => u.Probes.Count)),
            Source = source.Name,
        };
    }
}

/// <summary>Results of a study, as far as they tell what its cells took.</summary>
/// <param name="Name">Such as results/quickstart.</param>
/// <param name="BytesPerProbe">Of <c>probes.csv</c>.</param>
public sealed record EarlierResults(string Name, IReadOnlyList<RunRecord> Runs, double BytesPerProbe)
{
    /// <summary>Every study's results in some folders, the newest of a folder first; those that cannot be read tell nothing.</summary>
    public static IReadOnlyList<EarlierResults> In(params IEnumerable<string> folders) =>
        [.. folders.Where(Directory.Exists).SelectMany(f => Directory.GetFiles(f, ResultStore.RunsFile, SearchOption.AllDirectories).OrderByDescending(File.GetLastWriteTimeUtc).ThenBy(p => p, StringComparer.Ordinal)).Select(Read).OfType<EarlierResults>()];

    /// <summary>Whole runs of a cell's strategy on its base.</summary>
    public IReadOnlyList<RunRecord> Like(Cell cell, bool sameLabel) =>
        [.. Runs.Where(r => r.Strategy == cell.Strategy.Type && r.BaseDigest == cell.Base.Digest && (!sameLabel || (r.Label == cell.Strategy.Label && r.Control == cell.Strategy.Control)))];

    private static EarlierResults? Read(string runsFile)
    {
        try
        {
            var runs = RecordCsv.ReadFile<RunRecord>(runsFile).Where(r => r is { Status: CellStatus.Ok, AdaptSeconds: not null, AnswerSeconds: not null, Users: > 0, Probes: > 0 }).ToList();
            var probes = new FileInfo(Path.Combine(Path.GetDirectoryName(runsFile)!, ResultStore.ProbesFile));
            return runs.Count == 0 || !probes.Exists ? null : new EarlierResults(ShownPath.Of(Path.GetDirectoryName(runsFile)!), runs, (double)probes.Length / runs.Sum(r => r.Probes!.Value));
        }
        catch (PbenchException)
        {
            return null; // somebody else's table, or one of a later version
        }
    }
}
