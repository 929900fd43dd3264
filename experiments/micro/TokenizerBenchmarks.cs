using BenchmarkDotNet.Attributes;
using PersonalizationBench.Models.Tokenizers.HuggingFace;

namespace PersonalizationBench.Benchmarks;

/// <summary>A million characters of English through GPT-2's tokenizer, both from PBENCH_DATA (else ../shared beside the
/// repository): a million divided by the time is characters, and nearly bytes, a second.</summary>
[MemoryDiagnoser]
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
}
