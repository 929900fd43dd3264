using System.Text.RegularExpressions;
using CsvHelper;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Evaluation.Simulations;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Ladders;

namespace PersonalizationBench.Reporting.Tests;

/// <summary>The tables of <c>results/</c>, which whoever measured them keeps for good.</summary>
public sealed partial class CommittedTablesTests
{
    private static readonly string Results = Path.GetFullPath(Path.Combine(GoldenFile.TestFolder(), "..", "..", "results"));

    public static TheoryData<string> Tables => [.. Directory.GetFiles(Results, "*.csv", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Results, f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Tables))]
    public void A_committed_table_is_read_and_written_again_byte_for_byte(string table)
    {
        var path = Path.Combine(Results, table);
        var committed = File.ReadAllText(path);
        var rewritten = Only(committed[..committed.IndexOf('\n')].Split(','), Rewritten(path));
        if (committed != rewritten) Assert.Equal(committed, WithoutPoints().Replace(rewritten, ""));
    }

    /// <summary>Tables of earlier versions have no point in any real number that is whole; a table is of one kind or the other.</summary>
    [GeneratedRegex(@"(?<=(?:^|,)-?\d+)\.0(?=E[+-]\d+,|E[+-]\d+$|,|$)", RegexOptions.Multiline)]
    private static partial Regex WithoutPoints();

    private static string Rewritten(string path) => Path.GetFileNameWithoutExtension(path) switch
    {
        "runs" => Rewritten<RunRecord>(path),
        "probes" => Rewritten<ProbeRecord>(path),
        "adapt" => Rewritten<AdaptRecord>(path),
        "chosen" => Rewritten<ChosenRecord>(path),
        "costs" => Rewritten<CostOrderRecord>(path),
        "coverage" => Rewritten<CoverageRecord>(path),
        "crash" => Rewritten<CrashRecord>(path),
        "decode" => Rewritten<DecodeRecord>(path),
        "decode-peer" => Rewritten<DecodePeerRecord>(path),
        "engines" => Rewritten<EngineRecord>(path),
        "errors" => Rewritten<ErrorRecord>(path),
        "exactness" or "scale-out" => Rewritten<LoadRecord>(path),
        "exams" => Rewritten<ExamRecord>(path),
        "fits" => Rewritten<FitRecord>(path),
        "hugging-face" => Rewritten<HuggingFaceRecord>(path),
        "ladder" => Rewritten<RungRecord>(path),
        "llama-cpp" => Rewritten<LlamaCppRecord>(path),
        "memory" => Rewritten<MemoryRecord>(path),
        "peers" => Rewritten<PeerRecord>(path),
        "power" => Rewritten<PowerRecord>(path),
        "prefixes" => Rewritten<PrefixRecord>(path),
        "rollback" => Rewritten<RollbackRecord>(path),
        "serving" => Rewritten<ServingRecord>(path),
        "soak" => Rewritten<SoakRecord>(path),
        var name when name.StartsWith("sweep-", StringComparison.Ordinal) => Rewritten<SweepRecord>(path),
        _ => throw new InvalidOperationException($"{path}: of which record are its rows? Say so here"),
    };

    private static string Rewritten<T>(string path) where T : class
    {
        using var text = new StringWriter();
        RecordCsv.Write(text, RecordCsv.ReadFile<T>(path));
        return text.ToString();
    }

    /// <summary>The columns that the table had when it was written: records have grown since.</summary>
    private static string Only(IReadOnlyList<string> columns, string text)
    {
        using var rows = CsvReader.FromText(text, CsvReaderOptions.Default with { Separator = ',' });
        using var kept = new StringWriter();
        using (var csv = CsvWriter.Create(kept, CsvWriterOptions.Default with { NewLine = "\n" }))
        {
            csv.WriteRecord([.. columns]);
            while (rows.Read()) csv.WriteRecord([.. columns.Select(rows.GetString)]);
        }
        return kept.ToString();
    }
}
