using System.Globalization;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>What a load's page says of its file beside what every record has.</summary>
/// <param name="Prompt">Tokens: one number, or the least and the most; as <paramref name="Answer"/>.</param>
/// <param name="AdapterMemory">MiB.</param>
/// <param name="Files">Different adapters; policies beyond share theirs.</param>
/// <param name="Requests">After which a closed loop ends; null: after its seconds.</param>
public sealed record LoadSettings(string? Description, IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer, int AdapterMemory, int Files, int? Requests);

/// <summary>A load's page: a table a figure, and the figures.</summary>
public static class LoadPage
{
    public static void Write(string folder, LoadSettings settings, IReadOnlyList<LoadRecord> records)
    {
        var (first, text) = (records[0], new StringBuilder());
        text.Append(CultureInfo.InvariantCulture, $"""
            # {first.Load}

            Made by `./bench load experiments/{first.Load}.yaml` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores. {Prose(settings.Description)}

            Base {first.Base}, {first.Slots} slots, at most {first.Sequences} sequences in a batch, {settings.AdapterMemory} MiB of adapters in memory, prompts of {Range(settings.Prompt)} tokens and answers of {Range(settings.Answer)};
            {(first.Rounds == 1 ? "one round" : $"{first.Rounds} rounds")} of {(settings.Requests is { } requests ? $"{requests} requests" : string.Create(CultureInfo.InvariantCulture, $"{first.Seconds} s"))} a cell, each beside the base alone. Requests go through key, registry and engine, not through HTTP, which would
            cost the same with and without adapters. Adapters are drawn, not trained; policies beyond the first {settings.Files} are clones of those files. In all {records.Sum(r => r.Verified)}
            answers were computed again alone, {records.Sum(r => r.Mismatches)} differed; of {records.Sum(r => r.VerifiedWithAdapter)} with an adapter the base would have answered {records.Sum(r => r.ToldApart)} otherwise.


            """);
        foreach (var group in records.GroupBy(r => r.Figure))
        {
            var cells = group.ToList();
            text.Append(CultureInfo.InvariantCulture, $"## {group.Key}\n\n");
            text.Append(cells[0].Arrivals == "closed" ? Throughput(cells) : Latency(cells));
            text.Append('\n');
            if (Axis(cells) is not null) text.Append(CultureInfo.InvariantCulture, $"![{group.Key}](figures/{FileName(group.Key)}.svg)\n\n");
        }
        text.Append(Registry(records));
        text.Append(Parts(records));
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), text.ToString());
    }

    /// <summary>One cell for the terminal.</summary>
    public static string Line(LoadRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.Figure}: {Cell(r)}: {r.TokensPerSecond:0} tokens/s{(r.Ratio is { } ratio ? $", {ratio:0.00} of the base ({r.OfCeiling:0.00} of the ceiling)" : "")}, first token p50 {r.FirstTokenP50Ms:0.00} p99 {r.FirstTokenP99Ms:0.00} ms (base {r.AloneFirstTokenP50Ms:0.00} and {r.AloneFirstTokenP99Ms:0.00}), slots {r.SlotShare:0.00}, disk {r.StorageShare:0.00}, {r.Verified} verified, {r.ToldApart} of {r.VerifiedWithAdapter} told apart");

    private static string Cell(LoadRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.Policies} policies, {r.Active} active, Zipf {r.Zipf}, rank {r.Rank}{(r.Offered is { } share ? $", {share:0.00} of capacity" : "")}");

    private static string Throughput(IReadOnlyList<LoadRecord> records)
    {
        var text = new StringBuilder("| policies | active | Zipf | rank | tokens/s | of the base alone | ceiling | of the ceiling | adapters a step | in a slot, in memory, on the disk |\n|---:|---:|---:|---|---|---|---:|---:|---:|---|\n");
        foreach (var r in records)
            text.Append(CultureInfo.InvariantCulture, $"| {r.Policies} | {r.Active} | {r.Zipf} | {r.Rank} | {r.TokensPerSecond:0} [{r.TokensPerSecondMin:0}, {r.TokensPerSecondMax:0}] | {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}] | {r.Ceiling:0.00} | {r.OfCeiling:0.00} | {r.MeanAdapters:0.0} of {r.MeanSequences:0.0} | {r.SlotShare:0.00}, {r.MemoryShare:0.00}, {r.StorageShare:0.00} |\n");
        return text.ToString();
    }

    private static string Latency(IReadOnlyList<LoadRecord> records)
    {
        var text = new StringBuilder("| of capacity | policies | Zipf | rank | first token p50, p95, p99 ms | base alone p50, p99 | slot p50, p99 | memory p50, p99 | disk p50, p99 | a token p50, p99 | base alone | bystanders | in a slot, in memory, on the disk |\n|---:|---:|---:|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (var r in records)
            text.Append(CultureInfo.InvariantCulture, $"| {r.Offered:0.00} | {r.Policies} | {r.Zipf} | {r.Rank} | {r.FirstTokenP50Ms:0.0}, {r.FirstTokenP95Ms:0.0}, {r.FirstTokenP99Ms:0.0} | {r.AloneFirstTokenP50Ms:0.0}, {r.AloneFirstTokenP99Ms:0.0} | {Pair(r.SlotFirstTokenP50Ms, r.SlotFirstTokenP99Ms)} | {Pair(r.MemoryFirstTokenP50Ms, r.MemoryFirstTokenP99Ms)} | {Pair(r.StorageFirstTokenP50Ms, r.StorageFirstTokenP99Ms)} | {r.TokenP50Ms:0.00}, {r.TokenP99Ms:0.00} | {r.AloneTokenP50Ms:0.00}, {r.AloneTokenP99Ms:0.00} | {Pair(r.BystanderTokenP50Ms, r.BystanderTokenP99Ms)} | {r.SlotShare:0.00}, {r.MemoryShare:0.00}, {r.StorageShare:0.00} |\n");
        return text.ToString();
    }

    private static string Registry(IReadOnlyList<LoadRecord> records)
    {
        var text = new StringBuilder("## The registry\n\n| policies | bytes each | open ms | look-up p50, p99 ms |\n|---:|---:|---:|---|\n");
        foreach (var r in records.DistinctBy(r => r.Policies).OrderBy(r => r.Policies))
            text.Append(CultureInfo.InvariantCulture, $"| {r.Policies} | {r.RegistryBytesPerPolicy:0} | {r.RegistryOpenMs:0.0} | {r.LookUpP50Ms:0.000}, {r.LookUpP99Ms:0.000} |\n");
        return text.Append('\n').ToString();
    }

    private static string Parts(IReadOnlyList<LoadRecord> records)
    {
        var text = new StringBuilder("## The way to an adapter that is nowhere yet\n\nMeans of a cell, ms: whose key it is, which revision is meant, reading and hashing the blob, parsing it, packing it for the products, copying it into a slot.\n\n| rank | authorise | resolve | read and verify | parse | pack | copy | bytes in memory |\n|---|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (var r in records.Where(r => r.ParseMs > 0).GroupBy(r => r.Rank).Select(g => g.MaxBy(r => r.StorageShare)!))
            text.Append(CultureInfo.InvariantCulture, $"| {r.Rank} | {r.AuthoriseMs:0.000} | {r.ResolveMs:0.000} | {r.ReadAndVerifyMs:0.00} | {r.ParseMs:0.00} | {r.PackMs:0.00} | {r.CopyMs:0.000} | {r.ResidentBytesPerAdapter:0} |\n");
        return text.ToString();
    }

    /// <summary>One for each group of cells in which more than categories differs.</summary>
    internal static IEnumerable<(string Name, Picture Picture)> Figures(IReadOnlyList<LoadRecord> records) =>
        from cells in records.GroupBy(r => r.Figure)
        let picture = Figure([.. cells])
        where picture is not null
        select (FileName(cells.Key), picture);

    private static string FileName(string figure) => string.Concat(figure.Select(c => char.IsLetterOrDigit(c) ? c : '-'));

    /// <summary>Null where nothing but categories differs between the cells.</summary>
    internal static Picture? Figure(IReadOnlyList<LoadRecord> records)
    {
        if (Axis(records) is not { } axis) return null;
        var ticks = records.Select(axis.Value).Distinct().Select(v => new Tick(v, v.ToString("0.##", CultureInfo.InvariantCulture))).ToList();
        var x = axis.IsLog ? Scale.LogAt(ticks) : Scale.Linear(ticks.Select(t => t.Value), 5);
        if (records[0].Arrivals == "closed")
        {
            var top = Scale.Linear([0, Math.Max(1.2, records.Max(r => r.RatioMax ?? 0.0))], 6);
            ScatterSeries ByRank(IGrouping<string, LoadRecord> rank, int look, Func<LoadRecord, ScatterPoint> point) => new(Look.Nth(look, $"rank {rank.Key}"), [.. rank.Select(point)], IsJoined: true);
            return ScatterChart.Draw(records[0].Figure,
            [
                new ScatterPanel("Measured", "tokens a second over those of the base alone; medians and the range over rounds", x, axis.Name, top, "ratio",
                    [.. records.GroupBy(r => r.Rank).Select((g, i) => ByRank(g, i, r => new ScatterPoint(axis.Value(r), r.Ratio ?? double.NaN, r.RatioMin, r.RatioMax)))]) { Reference = 1 },
                new ScatterPanel("Ceiling", "if bytes were all that counts", x, axis.Name, top, "ratio",
                    [.. records.GroupBy(r => r.Rank).Select((g, i) => ByRank(g, i, r => new ScatterPoint(axis.Value(r), r.Ceiling, null, null)))]) { Reference = 1 },
            ]);
        }
        return ScatterChart.Draw(records[0].Figure,
        [
            Times("First token", "from when the request was due", r => (r.FirstTokenP50Ms, r.FirstTokenP99Ms), r => (r.AloneFirstTokenP50Ms, r.AloneFirstTokenP99Ms)),
            Times("A further token", "", r => (r.TokenP50Ms, r.TokenP99Ms), r => (r.AloneTokenP50Ms, r.AloneTokenP99Ms)),
        ]);

        ScatterPanel Times(string title, string subtitle, Func<LoadRecord, (double P50, double P99)> own, Func<LoadRecord, (double P50, double P99)> alone)
        {
            var values = records.SelectMany(r => new[] { own(r).P50, own(r).P99, alone(r).P50, alone(r).P99 }).Where(double.IsFinite).ToList();
            return new ScatterPanel(title, subtitle, x, axis.Name, Scale.Log(values, v => v.ToString("0.##", CultureInfo.InvariantCulture)), "ms (log)",
            [
                Series(0, "adapters, median", r => new ScatterPoint(axis.Value(r), own(r).P50, null, null)),
                Series(1, "adapters, p99", r => new ScatterPoint(axis.Value(r), own(r).P99, null, null)),
                Series(2, "base alone, median", r => new ScatterPoint(axis.Value(r), alone(r).P50, null, null)),
                Series(3, "base alone, p99", r => new ScatterPoint(axis.Value(r), alone(r).P99, null, null)),
            ]);
        }

        ScatterSeries Series(int look, string name, Func<LoadRecord, ScatterPoint> point) => new(Look.Nth(look, name), [.. records.Select(point)], IsJoined: true);
    }

    /// <summary>The first thing that differs between the cells.</summary>
    private static (string Name, bool IsLog, Func<LoadRecord, double> Value)? Axis(IReadOnlyList<LoadRecord> records)
    {
        (string, bool, Func<LoadRecord, double>)[] axes =
        [
            ("registered policies (log)", true, r => r.Policies), ("active policies (log)", true, r => r.Active), ("share of the base's capacity", false, r => r.Offered ?? 0), ("Zipf's exponent", false, r => r.Zipf),
        ];
        foreach (var axis in axes)
            if (records.Select(axis.Item3).Distinct().Count() > 1) return axis;
        return null;
    }

    private static string Pair(double? p50, double? p99) => p50 is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{p50:0.0}, {p99:0.0}");

    private static string Range(IReadOnlyList<int> range) => range[0] == range[^1] ? range[0].ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{range[0]} to {range[^1]}");

    private static string Prose(string? text) => (text ?? "").Trim().ReplaceLineEndings(" ");
}
