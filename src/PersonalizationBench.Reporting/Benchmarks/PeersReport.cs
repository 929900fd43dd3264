using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>Writes what was measured: <c>peers.csv</c>, <c>manifest.json</c>, a table to read and a figure.</summary>
public static class PeersReport
{
    private const string Csv = "peers.csv";

    public static void Write(string folder, IReadOnlyList<PeerRecord> records, JsonObject settings, DateTimeOffset started)
    {
        BenchFolder.Write(folder, Csv, records, "pbench bench peers", settings, started, records[0].Libtorch);
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), Readme(records));
        BenchFigures.Write(folder, PictureFormat.Svg);
    }

    /// <summary>The page that stands beside the numbers.</summary>
    public static string Readme(IReadOnlyList<PeerRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # Peers

        Made by `./bench bench peers` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores.
        *Ratio* is the reference's time over ours, above 1 where ours is faster: the median over interleaved pairs and,
        in brackets, the smallest and largest; *goal* is the ratio that is wanted. *Losses* is their largest relative difference
        over the steps compared, and what is allowed; *first* that of the first step alone, before any rounding has gone through
        an optimizer. *From float32* is how far each side's losses are from those of PyTorch in float32 (root mean square of the
        relative differences): ours may be {PeerRecord.FromFloat32Slack} times as far as the reference, which is one bit of rounding.

        {Table(records)}
        {string.Concat(Verdicts(records).Select(v => $"- {v}\n"))}
        ![Ratios](figures/ratios.svg)

        """);

    /// <summary>One record for the terminal.</summary>
    public static string Line(PeerRecord r) => FormattableString.Invariant(
        $"{r.Comparison,-14} {r.Model,-3} {r.Precision,-9} {r.Threads} threads  {r.OursMsPerStep,8:F1} ms  {Reference(r)} {r.ReferenceMsPerStep,8:F1} ms  ratio {Ratio(r)}  {Agreement(r)}");

    /// <summary>A Markdown table, one row per record.</summary>
    public static string Table(IReadOnlyList<PeerRecord> records)
    {
        var table = new StringBuilder();
        table.Append("| ours | reference | model | precision | threads | ours, ms/step | reference, ms/step | ratio | goal | losses | first | from float32, ours / reference |\n");
        table.Append("|---|---|---|---|---:|---:|---:|---|---|---|---|---|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Ours} | {Reference(r)} | {r.Model} | {r.Precision} | {r.Threads} | {r.OursMsPerStep:F1} | {r.ReferenceMsPerStep:F1} | {Ratio(r)} | {GoalOf(r)} | {LossesOf(r)} | {FirstOf(r)} | {FromFloat32(r)} |\n");
        return table.ToString();
    }

    public static string Reference(PeerRecord r) => r.ReferenceTorch.Length == 0 ? r.Reference : $"{r.Reference} {r.ReferenceTorch}";

    public static string Ratio(PeerRecord r) => string.Create(CultureInfo.InvariantCulture, $"{r.Ratio:F2} [{r.RatioMin:F2}, {r.RatioMax:F2}]");

    /// <summary>All that the losses say, in one line.</summary>
    public static string Agreement(PeerRecord r) => string.Join(
        ", ",
        new[] { ("losses", LossesOf(r)), ("first", FirstOf(r)), ("from float32", FromFloat32(r)) }.Where(p => p.Item2.Length > 0).Select(p => $"{p.Item1} {p.Item2}"));

    /// <summary>One line per comparison and precision: whether its goal is met, by its slowest row, and whether both sides did the same work.</summary>
    public static IEnumerable<string> Verdicts(IReadOnlyList<PeerRecord> records)
    {
        foreach (var rows in records.GroupBy(r => (r.Comparison, r.Precision, IsDefault: r.Precision == r.DefaultPrecision)))
        {
            var wanted = rows.Where(r => r.Goal is not null).ToList();
            var speed = wanted.MinBy(r => r.Ratio / r.Goal) is { } slowest
                ? string.Create(CultureInfo.InvariantCulture, $"{slowest.Ratio:F2} times as fast as {slowest.Reference} at worst ({slowest.Model}, {slowest.Threads} {(slowest.Threads == 1 ? "thread" : "threads")}), goal {slowest.Goal:F1} {(slowest.IsFastEnough() ? "met" : "MISSED")}")
                : "no goal for speed here";
            var apart = rows.Count(r => !r.Agrees());
            yield return $"{rows.Key.Comparison} in {rows.Key.Precision}{(rows.Key.IsDefault ? ", the default here" : "")}: {speed}; {(apart == 0 ? "losses agree" : $"losses DISAGREE in {apart} of {rows.Count()} rows")}";
        }
    }

    private static string GoalOf(PeerRecord r) => r.Goal is { } goal ? string.Create(CultureInfo.InvariantCulture, $"{goal:F1} {(r.IsFastEnough() ? "met" : "MISSED")}") : "";

    private static string LossesOf(PeerRecord r) => Bounded(r.LossDifference, r.LossTolerance);

    private static string FirstOf(PeerRecord r) => r is { FirstLossDifference: { } first, FirstLossTolerance: { } allowed } ? Bounded(first, allowed) : "";

    private static string FromFloat32(PeerRecord r) => r is { OursFromFloat32: { } ours, ReferenceFromFloat32: { } theirs }
        ? string.Create(CultureInfo.InvariantCulture, $"{ours:0.0e-0} / {theirs:0.0e-0}{(ours <= PeerRecord.FromFloat32Slack * theirs ? "" : " TOO FAR")}")
        : "";

    private static string Bounded(double found, double allowed) => string.Create(CultureInfo.InvariantCulture, $"{found:0.0e-0} {(found <= allowed ? "<=" : "ABOVE")} {allowed:0e-0}");
}
