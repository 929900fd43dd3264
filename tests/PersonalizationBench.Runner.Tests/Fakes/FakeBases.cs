using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Tests.Fakes;

internal sealed class FakeBase(BaseInfo info, Action onDispose) : IBaseModel
{
    public BaseInfo Info { get; } = info with { Precision = "float32", Device = "cpu", Engine = "fake 1.0, kernels", Threads = 3 };

    public ITokenizer Tokenizer { get; } = new FakeTokenizer();

    public IReadOnlyList<Generation> Generate(IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation) => throw new NotSupportedException();

    public IReadOnlyList<double> Score(IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation) => throw new NotSupportedException();

    public void Dispose() => onDispose();
}

/// <summary>A token for every character of ASCII.</summary>
internal sealed class FakeTokenizer : ITokenizer
{
    public int VocabularySize => 128;

    public int? BeginOfText => 0;

    public int? EndOfText => 1;

    public int[] Encode(string text) => [.. text.Select(c => c < 128 ? c : '?')];

    public string Decode(ReadOnlySpan<int> ids) => string.Concat(ids.ToArray().Select(i => (char)i));
}

/// <summary>Two bases, one whose weights do not load, and one that does not fit.</summary>
internal sealed class FakeBases : IBaseCatalog
{
    public List<string> Loaded { get; } = [];

    public string Engine { get; set; } = "fake 1.0";

    public int Alive { get; private set; }

    public IReadOnlyList<string> Names { get; } = ["tiny", "small", "broken", "huge"];

    public BaseInfo Describe(string name) => Names.Contains(name)
        ? new BaseInfo(name, "llama", $"digest-of-{name}", 1000, 256, new Dictionary<string, int> { ["q"] = 16, ["v"] = 8 }) { Tokenizer = new(() => new FakeTokenizer()) }
        : throw new PbenchException($"unknown base '{name}'; did you mean '{NearestWord.Find(name, Names)}'?");

    public IBaseModel Load(string name, Precision precision, string device)
    {
        if (name == "broken") throw new PbenchException("model.safetensors: ends before its tensors do");
        if (name == "huge") throw new NotEnoughMemoryException("model.safetensors: the weights take 17.6 GB of memory, and 2.0 GB can be had");
        Loaded.Add(name);
        Alive++;
        return new FakeBase(Describe(name), () => Alive--);
    }
}
