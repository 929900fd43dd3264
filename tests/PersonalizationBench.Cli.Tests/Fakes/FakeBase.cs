using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Cli.Tests.Fakes;

/// <summary>A base that answers every question with the same word, without libtorch.</summary>
internal sealed class FakeBase(BaseInfo? info = null) : IBaseModel
{
    public static BaseInfo Known { get; } = new("tiny", "llama", "digest-of-tiny", 1000, 512, new Dictionary<string, int> { ["q_proj"] = 8, ["v_proj"] = 8 });

    /// <summary>Its files ask for sampling, and for a text to end with an e.</summary>
    public static BaseInfo Noted { get; } = Known with { Name = "noted", EndIds = ['e'], Notes = ["noted/generation_config.json: not followed: do_sample true"] };

    public BaseInfo Info { get; } = (info ?? Known) with { Precision = "float32", Device = "cpu" };

    public ITokenizer Tokenizer { get; } = new ByteTokenizer();

    public IReadOnlyList<Generation> Generate(IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation) =>
        [.. requests.Select(r => new Generation([.. Tokenizer.Encode("red").Take(r.MaxNewTokens).TakeWhile(t => !r.StopIds.Contains(t))]))];

    public IReadOnlyList<double> Score(IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation) =>
        [.. requests.Select(r => -(double)r.Continuation.Length)];

    public void Dispose()
    {
    }

    private sealed class ByteTokenizer : ITokenizer
    {
        public int VocabularySize => 258;

        public int? BeginOfText => 256;

        public int? EndOfText => 257;

        public int[] Encode(string text) => [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b)];

        public string Decode(ReadOnlySpan<int> ids)
        {
            var bytes = new List<byte>();
            foreach (var id in ids)
            {
                if (id < 256) bytes.Add((byte)id);
            }
            return Encoding.UTF8.GetString([.. bytes]);
        }
    }
}

internal sealed class FakeBases(Action onLoad) : IBaseCatalog
{
    public string Engine => "fake";

    public IReadOnlyList<string> Names { get; } = ["tiny", "absent", "broken"];

    public BaseInfo Describe(string name) => name switch
    {
        "tiny" => FakeBase.Known,
        "noted" => FakeBase.Noted,
        "broken" => FakeBase.Known with { Name = name, Digest = "broken" },
        "absent" => throw new PbenchException($"base '{name}': its file is not there"),
        _ => throw new PbenchException($"base '{name}' is unknown; did you mean '{NearestWord.Find(name, Names)}'?"),
    };

    public string RequireDevice(string device) => device == "cuda" ? throw new PbenchException("device cuda: this machine has no CUDA device; expected cpu or auto") : device;

    public IBaseModel Load(string name, Precision precision, string device)
    {
        onLoad();
        return name is "tiny" or "noted" ? new FakeBase(Describe(name)) : throw new PbenchException("model.safetensors: ends before its tensors do");
    }
}
