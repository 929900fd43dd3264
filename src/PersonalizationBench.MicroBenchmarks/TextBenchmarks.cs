using System.Text;
using BenchmarkDotNet.Attributes;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.MicroBenchmarks;

/// <summary>Text on its way to the model: one mebibyte through the tokenizer, and a question against a user's index.</summary>
[MemoryDiagnoser]
public class TextBenchmarks
{
    private const int Words = 1000, DocumentsPerUser = 200, WordsPerDocument = 60;
    private readonly DeterministicRandom _random = new(1);
    private WordTokenizer _tokenizer = null!;
    private string _mebibyte = "";
    private int[] _ids = [];
    private IReadOnlyList<Document> _documents = [];
    private Bm25Index _index = null!;
    private string _question = "";

    [GlobalSetup]
    public void Setup()
    {
        _tokenizer = new WordTokenizer([.. Enumerable.Range(0, Words).Select(Word), "\n"]);
        var text = new StringBuilder(1 << 20);
        while (text.Length < 1 << 20) text.Append(Sentence(20)).Append('\n');
        _mebibyte = text.ToString(0, 1 << 20).TrimEnd(); // no line may end with a space
        _ids = _tokenizer.Encode(_mebibyte);
        _documents = [.. Enumerable.Range(0, DocumentsPerUser).Select(i => new Document($"d{i}", null, "note", Sentence(WordsPerDocument)))];
        _index = new Bm25Index(_documents);
        _question = Sentence(8);
    }

    [GlobalCleanup]
    public void Cleanup() => _index.Dispose();

    [Benchmark]
    public int[] EncodeOneMebibyte() => _tokenizer.Encode(_mebibyte);

    [Benchmark]
    public string DecodeOneMebibyte() => _tokenizer.Decode(_ids);

    [Benchmark]
    public void IndexAUser()
    {
        using var index = new Bm25Index(_documents);
    }

    [Benchmark]
    public IReadOnlyList<int> FindFourDocuments() => _index.Search(_question, 4);

    private static string Word(int i) => FormattableString.Invariant($"word{i}");

    private string Sentence(int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => Word(_random.Next(Words))));
}
