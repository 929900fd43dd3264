using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>What every benchmark leaves in its folder beside its own page and figures: the numbers, and how they came about.</summary>
public static class BenchFolder
{
    /// <summary>Writes the records and <c>manifest.json</c>.</summary>
    public static void Write<T>(string folder, string csvName, IReadOnlyList<T> records, string command, JsonObject settings, DateTimeOffset started, string libtorch) where T : class
    {
        var csv = Path.Combine(folder, csvName);
        RecordCsv.WriteFile(csv, records);
        var manifest = new JsonObject
        {
            ["schema"] = 1,
            ["command"] = command,
            ["settings"] = settings,
            ["started"] = started.UtcDateTime.ToString("s", CultureInfo.InvariantCulture) + "Z",
            ["machine"] = new JsonObject { ["processor"] = Processor(), ["cores"] = Environment.ProcessorCount, ["system"] = RuntimeInformation.OSDescription },
            ["dotnet"] = Environment.Version.ToString(),
            ["libtorch"] = libtorch,
            ["files"] = new JsonObject { [csvName] = Digest.OfFile(csv) },
        };
        AtomicFile.WriteText(Path.Combine(folder, "manifest.json"), manifest.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    /// <summary>The processor's name as Linux has it, else its architecture.</summary>
    public static string Processor()
    {
        const string Path = "/proc/cpuinfo", Key = "model name";
        var line = File.Exists(Path) ? File.ReadLines(Path).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }
}
