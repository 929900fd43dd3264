using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Cli.Bench;

/// <summary>Writes what was measured: <c>peers.csv</c>, <c>manifest.json</c>, a table to read and a figure.</summary>
internal static class PeersReport
{
    private const string Csv = "peers.csv";

    public static void Write(string folder, IReadOnlyList<PeerRecord> records, JsonObject settings, DateTimeOffset started)
    {
        var csv = Path.Combine(folder, Csv);
        RecordCsv.WriteFile(csv, records);
        var manifest = new JsonObject
        {
            ["schema"] = 1,
            ["command"] = "pbench bench peers",
            ["settings"] = settings,
            ["started"] = started.UtcDateTime.ToString("s", CultureInfo.InvariantCulture) + "Z",
            ["machine"] = new JsonObject { ["processor"] = Processor(), ["cores"] = Environment.ProcessorCount, ["system"] = RuntimeInformation.OSDescription },
            ["dotnet"] = Environment.Version.ToString(),
            ["libtorch"] = records[0].Libtorch,
            ["files"] = new JsonObject { [Csv] = Digest.OfFile(csv) },
        };
        AtomicFile.WriteText(Path.Combine(folder, "manifest.json"), manifest.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), Readme(records));
        AtomicFile.WriteText(Path.Combine(folder, "figures", "ratios.svg"), PeersFigure.Draw(records));
    }

    /// <summary>The page that stands beside the numbers.</summary>
    public static string Readme(IReadOnlyList<PeerRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # Peers

        Made by `./bench bench peers` on {Processor()}, {Environment.ProcessorCount} cores.
        *Ratio* is the reference's time over ours, above 1 where ours is faster: the median over interleaved pairs and,
        in brackets, the smallest and largest. *Losses* is their largest relative difference over the steps compared, and what is allowed.

        {Table(records)}
        ![Ratios](figures/ratios.svg)

        """);

    /// <summary>A Markdown table, one row per record.</summary>
    public static string Table(IReadOnlyList<PeerRecord> records)
    {
        var table = new StringBuilder();
        table.Append("| ours | reference | model | precision | threads | ours, ms/step | reference, ms/step | ratio | losses |\n");
        table.Append("|---|---|---|---|---:|---:|---:|---|---|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Ours} | {Reference(r)} | {r.Model} | {r.Precision} | {r.Threads} | {r.OursMsPerStep:F1} | {r.ReferenceMsPerStep:F1} | {Ratio(r)} | {Agreement(r)} |\n");
        return table.ToString();
    }

    public static string Reference(PeerRecord r) => r.ReferenceTorch.Length == 0 ? r.Reference : $"{r.Reference} {r.ReferenceTorch}";

    public static string Ratio(PeerRecord r) => string.Create(CultureInfo.InvariantCulture, $"{r.Ratio:F2} [{r.RatioMin:F2}, {r.RatioMax:F2}]");

    public static string Agreement(PeerRecord r) => string.Create(CultureInfo.InvariantCulture, $"{r.LossDifference:0.0e-0} {(r.Agrees() ? "<=" : "ABOVE")} {r.LossTolerance:0e-0}");

    /// <summary>The processor's name as Linux has it, else its architecture.</summary>
    private static string Processor()
    {
        const string Path = "/proc/cpuinfo", Key = "model name";
        var line = File.Exists(Path) ? File.ReadLines(Path).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }
}
