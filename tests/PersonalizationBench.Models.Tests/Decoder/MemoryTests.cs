using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using TorchSharp;

namespace PersonalizationBench.Models.Tests;

public sealed class MemoryTests
{
    [Theory]
    [InlineData(Precision.Float32, "F32", "17,592.5")] // 2^30 x 4096 of 4 bytes, and a small block
    [InlineData(Precision.BFloat16, "F32", "26,388.7")] // and their copies of 2
    [InlineData(Precision.BFloat16, "BF16", "8,796.2")] // of a file in bf16 the copies alone
    public void Weights_beyond_the_machines_memory_are_refused_before_any_is_read(Precision precision, string fileType, string gigabytes)
    {
        var config = new DecoderConfig(1 << 30, 4096, 1, 32, 32, 64, 128).Validated("here");
        var error = Assert.Throws<NotEnoughMemoryException>(() => DecoderWeights.Load(config, new Announced(config, fileType), precision, "cpu"));
        Assert.Matches($@"^here/model\.safetensors: the weights take {gigabytes} GB of memory, and [\d,]+\.\d GB can be had$", error.Message);
    }

    [Fact]
    public void A_context_beyond_the_machines_memory_is_refused()
    {
        var config = new DecoderConfig(61, 128, 1, 1, 1, 8, int.MaxValue);
        var weights = DecoderWeights.Initialise(config, seed: 1, Precision.Float32);
        var error = Assert.Throws<NotEnoughMemoryException>(() => new LoadedBase(BaseFolder.InfoOf("endless", "digest", config), weights, new NumberTokenizer(61)));
        Assert.StartsWith("endless: the rotary angles of 2147483647 positions take 2,199.0 GB of memory, and ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_libtorchs_allocator_says_is_told_with_its_base_and_size()
    {
        // More than an address space holds: refused at once, whatever the machine.
        var error = Assert.Throws<NotEnoughMemoryException>(() => MachineMemory.Take("here", "the weights", 1e9, "cpu", () => torch.zeros([1L << 50])));
        Assert.StartsWith("here: the weights take 1.0 GB of memory, which could not be had on cpu: ", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.InnerException);
        Assert.Throws<InvalidOperationException>(() => MachineMemory.Take<int>("here", "the weights", 1, "cpu", () => throw new InvalidOperationException("something else")));
    }

    [SkippableFact]
    public void Scoring_holds_neither_the_logits_of_a_batch_nor_what_its_layers_made()
    {
        const string Marks = "/proc/self/clear_refs";
        Skip.IfNot(File.Exists(Marks), "the largest memory in use can be told on Linux alone");
        // Logits of all targets: 1.6 GB. What all layers make of all tokens: 2 GB.
        var config = new DecoderConfig(49152, 128, 12, 4, 4, 352, 128);
        using var loaded = new LoadedBase(BaseFolder.InfoOf("wide", "digest", config), DecoderWeights.Initialise(config, seed: 1, Precision.Float32), new NumberTokenizer(config.VocabularySize)) { AnswersInPages = false };
        var random = new DeterministicRandom(1);
        List<ScoreRequest> requests = [.. Enumerable.Range(0, 128).Select(_ => new ScoreRequest(TinyModels.Tokens(config, 64, random), TinyModels.Tokens(config, 64, random)))];
        File.WriteAllText(Marks, "5");
        var before = Peak();
        loaded.Score(requests, CostMeter.Unread(), CancellationToken.None);
        Assert.InRange(Peak() - before, 0, 800L << 20);

        static long Peak() => 1024 * long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Weights_without_number_are_counted_as_the_most_there_are() =>
        Assert.Equal(long.MaxValue, new DecoderConfig(int.MaxValue, int.MaxValue - 1, int.MaxValue / 1000000, 2, 2, int.MaxValue, 128, TiedHead: false).Parameters);

    /// <summary>A file that has every tensor of a model, until one is read.</summary>
    private sealed class Announced(DecoderConfig config, string type) : ITensorSource
    {
        public string Name => "here/model.safetensors";

        public IReadOnlyCollection<string> TensorNames { get; } = [.. config.Shapes().Select(s => s.Name)];

        public (string DType, long[] Shape) Describe(string name) => (type, config.ShapeOf(name));

        public float[] ReadSingles(string name) => throw new InvalidOperationException($"{name} was read");
    }
}
