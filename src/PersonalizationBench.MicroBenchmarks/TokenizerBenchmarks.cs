using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.MicroBenchmarks;

/// <summary>A million characters of English through GPT-2's tokenizer, both from PBENCH_DATA (else ../shared beside the
/// repository).</summary>
[MemoryDiagnoser]
[Config(typeof(WithThroughput))]
public class TokenizerBenchmarks
{
    private const int Characters = 1_000_000;
    private HuggingFaceTokenizer _tokenizer = null!;
    private string _english = "", _word = "";
    private int[] _ids = [];

    [GlobalSetup]
    public void Setup()
    {
        var data = DataFolder();
        _tokenizer = Gpt2Files.Load(Path.Combine(data, "tokenizers/gpt2/encoder.json"), Path.Combine(data, "tokenizers/gpt2/vocab.bpe"));
        _english = File.ReadAllText(Path.Combine(data, "data/authors/ml5_darwin.txt"))[..Characters];
        _word = string.Concat(Enumerable.Repeat("themountainsaid", Characters / 15));
        _ids = _tokenizer.Encode(_english);
    }

    [Benchmark]
    public int[] EncodeEnglish() => _tokenizer.Encode(_english);

    /// <summary>One word without an end: nothing is remembered, all is merged.</summary>
    [Benchmark]
    public int[] EncodeOneLongWord() => _tokenizer.Encode(_word);

    [Benchmark]
    public string DecodeEnglish() => _tokenizer.Decode(_ids);

    private static string DataFolder()
    {
        if (Environment.GetEnvironmentVariable("PBENCH_DATA") is { Length: > 0 } folder) return folder;
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "PersonalizationBench.sln"))) at = at.Parent;
        return at is null ? "shared" : Path.Combine(at.FullName, "..", "shared");
    }

    private sealed class WithThroughput : ManualConfig
    {
        public WithThroughput() => AddColumn(new ThroughputColumn());
    }

    private sealed class ThroughputColumn : IColumn
    {
        public string Id => nameof(ThroughputColumn);

        public string ColumnName => "MB/s";

        public string Legend => "Millions of characters, which are nearly bytes, in a second";

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

        /// <summary>From the mean, which is in nanoseconds.</summary>
        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
            summary[benchmarkCase]?.ResultStatistics is { } statistics ? (Characters * 1e3 / statistics.Mean).ToString("0.0", CultureInfo.InvariantCulture) : "-";
    }
}
