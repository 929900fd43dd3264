using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public class Llama2cCheckpointTests
{
    // dim 8 in 2 heads of 4 (1 of keys and values), feed-forward 6, 2 layers, vocabulary 5, context 3.
    private static readonly int[] Header = [8, 6, 2, 2, 1, 5, 3];
    private const int Values = 5 * 8 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 3 * 48) + 8 + 3 * 4;

    [Fact]
    public void WeightsAreTakenInTheOrderOfTheFile()
    {
        var checkpoint = Llama2cCheckpoint.Parse(Made(Header, Values), "x.bin");
        Assert.Equal(new Llama2cConfig(8, 6, 2, 2, 1, 5, 3, TiedHead: true), checkpoint.Config);
        var at = 0; // each value is its own index in the file
        Expect("model.embed_tokens.weight", [5, 8]);
        foreach (var (module, shape) in new (string, long[])[]
        {
            ("input_layernorm", [8]), ("self_attn.q_proj", [8, 8]), ("self_attn.k_proj", [4, 8]), ("self_attn.v_proj", [4, 8]), ("self_attn.o_proj", [8, 8]),
            ("post_attention_layernorm", [8]), ("mlp.gate_proj", [6, 8]), ("mlp.down_proj", [8, 6]), ("mlp.up_proj", [6, 8]),
        })
            for (var layer = 0; layer < 2; layer++) Expect($"model.layers.{layer}.{module}.weight", shape);
        Expect("model.norm.weight", [8]);
        Assert.Equal(1 + 2 * 9 + 1, checkpoint.Weights.Count);

        void Expect(string name, long[] shape)
        {
            var tensor = Assert.Single(checkpoint.Weights, w => w.Name == name);
            Assert.Equal(shape, tensor.Shape);
            var values = Floats(tensor);
            var rotated = name.Contains("q_proj") || name.Contains("k_proj");
            var inFile = rotated ? RotaryLayout.HalfToInterleaved(values, (int)shape[0] / 4, 4, 8) : values;
            Assert.Equal(Enumerable.Range(at, values.Length).Select(v => (float)v), inFile);
            at += values.Length;
        }
    }

    [Fact]
    public void ANegativeVocabularyMeansAHeadOfItsOwn()
    {
        int[] header = [.. Header];
        header[5] = -5;
        var checkpoint = Llama2cCheckpoint.Parse(Made(header, Values + 40), "x.bin");
        Assert.False(checkpoint.Config.TiedHead);
        Assert.Equal(5, checkpoint.Config.VocabularySize);
        var head = Assert.Single(checkpoint.Weights, w => w.Name == "lm_head.weight");
        Assert.Equal(Enumerable.Range(Values, 40).Select(v => (float)v), Floats(head));
    }

    [Fact]
    public void RotatingHalvesOfReorderedRowsIsRotatingNeighbours()
    {
        // q is a [4, 1] projection of the input 1: its rows are the channels themselves.
        float[] channels = [1, 2, 3, 4];
        var half = RotaryLayout.InterleavedToHalf(channels, heads: 1, headSize: 4, columns: 1);
        Assert.Equal([1f, 3f, 2f, 4f], half); // pairs (1, 2) and (3, 4) are now two apart
        double[] angles = [0.3, 1.1];
        for (var pair = 0; pair < 2; pair++)
        {
            var neighbours = Rotate(channels[2 * pair], channels[2 * pair + 1], angles[pair]);
            Assert.Equal(neighbours, Rotate(half[pair], half[pair + 2], angles[pair]));
        }

        static (double, double) Rotate(double x, double y, double angle) => (x * Math.Cos(angle) - y * Math.Sin(angle), x * Math.Sin(angle) + y * Math.Cos(angle));
    }

    [Fact]
    public void ReorderingIsPerHeadAndHasAnInverse()
    {
        var weight = Enumerable.Range(0, 3 * 6 * 5).Select(v => (float)v).ToArray();
        var half = RotaryLayout.InterleavedToHalf(weight, 3, 6, 5);
        Assert.Equal(weight, RotaryLayout.HalfToInterleaved(half, 3, 6, 5));
        Assert.Equal(weight.AsSpan(30, 30).ToArray().Order(), half.AsSpan(30, 30).ToArray().Order()); // the second head's rows stay in it
        Assert.NotEqual(weight, half);
    }

    [Theory]
    [InlineData(-4, "truncated")]
    [InlineData(4, "too long")]
    public void AWrongSizeNamesBothSizes(int change, string what)
    {
        var bytes = Made(Header, Values + change / 4);
        var error = Assert.Throws<PbenchException>(() => Llama2cCheckpoint.Parse(bytes, "x.bin"));
        Assert.Contains($"{28 + 4 * Values} bytes, found {28 + 4 * Values + change}", error.Message);
        Assert.Contains(what, error.Message);
    }

    [Theory]
    [InlineData(0, 0, "dim")]
    [InlineData(2, -1, "n_layers")]
    [InlineData(5, int.MinValue, "vocab_size")]
    [InlineData(3, 3, "3 heads")]
    [InlineData(3, 8, "even size")]
    [InlineData(0, int.MaxValue - 3, "corrupted")]
    [InlineData(0, 0x616b3432, "version")]
    public void AWrongHeaderIsNamed(int field, int value, string what)
    {
        int[] header = [.. Header];
        header[field] = value;
        Assert.Contains(what, Assert.Throws<PbenchException>(() => Llama2cCheckpoint.Parse(Made(header, Values), "x.bin")).Message);
    }

    [Fact]
    public void DamagedFilesAreReadOrRefused()
    {
        var valid = Made(Header, Values);
        // Damage to the weights alone cannot be seen; changes of size and header are.
        var refused = Mutations.Run(valid, 3000, seed: 2, allocationLimit: 1 << 20, bytes => Llama2cCheckpoint.Parse(bytes, "x.bin"));
        Assert.InRange(refused, 1500, 2999);
    }

    [SkippableTheory]
    [InlineData("weights/llama2c/stories260K.bin", 64, 172, 5, 8, 4, 512, 512)]
    [InlineData("weights/llama2c/babyllama_tok105_model5000.bin", 128, 352, 5, 8, 4, 105, 256)]
    public void TheRealCheckpointsAreRead(string file, int dim, int hidden, int layers, int heads, int kvHeads, int vocabulary, int context)
    {
        var path = SharedData.Require(file);
        var expected = new Llama2cConfig(dim, hidden, layers, heads, kvHeads, vocabulary, context, TiedHead: true);
        Assert.Equal(expected, Llama2cCheckpoint.LoadConfig(path));
        var checkpoint = Llama2cCheckpoint.Load(path);
        Assert.Equal(expected, checkpoint.Config);
        Assert.Equal(Digest.OfFile(path), checkpoint.Digest);
        // Norm weights lie around 1, projections around 0: the arrays are where they belong.
        Assert.InRange(Floats(checkpoint.Weights.Single(w => w.Name == "model.norm.weight")).Average(), 0.5, 10);
        Assert.InRange(Floats(checkpoint.Weights.Single(w => w.Name == $"model.layers.{layers - 1}.mlp.up_proj.weight")).Average(), -0.05, 0.05);
        Assert.All(checkpoint.Weights, w => Assert.All(Floats(w), v => Assert.True(float.IsFinite(v))));
    }

    private static byte[] Made(int[] header, int values) =>
        [.. MemoryMarshal.AsBytes(header.AsSpan()), .. MemoryMarshal.AsBytes(Enumerable.Range(0, values).Select(v => (float)v).ToArray().AsSpan())];

    private static float[] Floats(TensorData tensor) => MemoryMarshal.Cast<byte, float>(tensor.Bytes.Span).ToArray();
}
