using PersonalizationBench.Core;
using PersonalizationBench.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests;

/// <summary>The two forms of Mamba-2: chunk by chunk, and token by token.</summary>
public sealed class StateSpaceTests
{
    private static readonly DecoderConfig Config = new(61, 24, 2, 0, 0, 0, 200)
    {
        ModelType = "mamba2",
        StateSpace = new StateSpaceShape(Heads: 6, HeadDimension: 8, StateSize: 5, Groups: 3, ChunkSize: 7),
    };

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 2)]
    [InlineData(8, 3)]
    [InlineData(23, 2)]
    [InlineData(140, 1)]
    public void Chunks_give_what_the_recurrence_gives(int length, int rows)
    {
        using var loaded = TinyModels.Load(Config);
        var random = new DeterministicRandom(length);
        // Of other lengths, so that a state behind padding would show.
        var sequences = Enumerable.Range(0, rows).Select(i => TinyModels.Tokens(Config, length + 1 + 3 * i, random)).ToArray();
        using var scope = NewDisposeScope();
        using var off = no_grad();
        using var cache = new DecoderCache(Config, rows, 0, ScalarType.Float32, "cpu");
        int[][] starts = [.. sequences.Select(s => s[..^1])];
        var ids = Batches.Padded(starts, starts.Max(s => s.Length), "cpu");
        Forward(loaded, ids, starts, cache);
        // One further token each, from the states; and the whole sequences at once.
        var last = tensor(sequences.Select(s => (long)s[^1]).ToArray()).view(-1, 1);
        var next = Values(DecoderNetwork.Decode(Config, loaded.Weights.Compute, loaded.Rotary, last, [.. starts.Select(s => (long)s.Length)], null, cache));
        for (var row = 0; row < rows; row++)
        {
            var whole = Values(Forward(loaded, Batches.Padded([sequences[row]], sequences[row].Length, "cpu"), [sequences[row]], null)).TakeLast(Config.Dimension);
            Assert.All(whole.Zip(next.Skip(row * Config.Dimension)), p => Assert.Equal(p.First, p.Second, 1e-4));
        }
    }

    [Fact]
    public void The_size_of_chunks_is_a_matter_of_speed_alone()
    {
        var tokens = TinyModels.Tokens(Config, 50, new DeterministicRandom(3));
        var expected = Hidden(Config.StateSpace!.ChunkSize);
        foreach (var size in new[] { 1, 16, 50, 256 }) Assert.All(expected.Zip(Hidden(size)), p => Assert.Equal(p.First, p.Second, 1e-4));

        float[] Hidden(int chunkSize)
        {
            using var loaded = TinyModels.Load(Config with { StateSpace = Config.StateSpace! with { ChunkSize = chunkSize } });
            using var scope = NewDisposeScope();
            using var off = no_grad();
            return Values(Forward(loaded, Batches.Padded([tokens], tokens.Length, "cpu"), [tokens], null));
        }
    }

    [Fact]
    public void What_is_kept_of_a_sequence_does_not_grow()
    {
        Assert.Equal(DecoderCache.BytesOf(Config, 3, 10, ScalarType.Float32), DecoderCache.BytesOf(Config, 3, 1000, ScalarType.Float32));
        using var cache = new DecoderCache(Config, 3, 1000, ScalarType.BFloat16, "cpu");
        Assert.Equal(DecoderCache.BytesOf(Config, 3, 10, ScalarType.BFloat16), cache.Bytes);
    }

    [Fact]
    public void Saved_and_loaded_it_is_the_same()
    {
        using var loaded = TinyModels.Load(Config);
        var folder = Directory.CreateTempSubdirectory("pbench-mamba2-").FullName;
        try
        {
            BaseFolder.Write(folder, loaded.Weights, to => File.WriteAllText(Path.Combine(to, "tokenizer.json"), "{}"), []);
            Assert.Equal(Config, BaseFolder.ReadConfig(folder));
            using var again = BaseFolder.ReadWeights(folder, Precision.Float32, "cpu");
            Assert.All(loaded.Weights.Export().Zip(again.Export()), p => Assert.Equal(p.First.Bytes.ToArray(), p.Second.Bytes.ToArray()));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Tensor Forward(LoadedBase loaded, Tensor ids, int[][] rows, DecoderCache? cache) => DecoderNetwork.Forward(
        loaded.Config, loaded.Weights.Compute, loaded.Weights.Compute.Embedding, loaded.Rotary, new TokenRows(ids, Batches.Lengths(rows.Select(r => r.Length))), null, cache);

    private static float[] Values(Tensor tensor) => TensorConversion.Singles(tensor.contiguous()).ToArray();
}
