using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests;

/// <summary>Mamba and Mamba-2 over whole sequences (chunk by chunk, stretch by stretch), and token by token.</summary>
public sealed class StateSpaceTests
{
    private static readonly DecoderConfig Config = new(61, 24, 2, 0, 0, 0, 200)
    {
        ModelType = "mamba2",
        StateSpace = new StateSpaceShape(Heads: 6, HeadDimension: 8, StateSize: 5, Groups: 3, ChunkSize: 7),
    };

    /// <summary>So wide that a stretch of tokens is 64 of one row, or 32 of two.</summary>
    private static readonly DecoderConfig Mamba = new(61, 24, 2, 0, 0, 0, 200)
    {
        ModelType = "mamba",
        Selective = new SelectiveShape(Inner: 1024, StateSize: 16, StepRank: 3) { ProjectionBias = true },
    };

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(7, 2, false)]
    [InlineData(8, 3, false)]
    [InlineData(23, 2, false)]
    [InlineData(140, 1, false)]
    [InlineData(1, 1, true)]
    [InlineData(31, 2, true)]
    [InlineData(64, 1, true)]
    [InlineData(140, 1, true)]
    public void Whole_sequences_give_what_single_tokens_give(int length, int rows, bool isMamba)
    {
        var config = isMamba ? Mamba : Config;
        using var loaded = TinyModels.Load(config);
        var random = new DeterministicRandom(length);
        // Of other lengths, so that a state behind padding would show.
        var sequences = Enumerable.Range(0, rows).Select(i => TinyModels.Tokens(config, length + 1 + 3 * i, random)).ToArray();
        using var scope = NewDisposeScope();
        using var off = no_grad();
        using var cache = new DecoderCache(config, rows, 0, ScalarType.Float32, "cpu");
        int[][] starts = [.. sequences.Select(s => s[..^1])];
        var ids = Batches.Padded(starts, starts.Max(s => s.Length), "cpu");
        Forward(loaded, ids, starts, cache);
        // One further token each, from the states; and the whole sequences at once.
        var last = tensor(sequences.Select(s => (long)s[^1]).ToArray()).view(-1, 1);
        var next = Values(DecoderNetwork.Continue(config, loaded.Weights.Compute, loaded.Rotary, last, [.. starts.Select(s => (long)s.Length)], null, null, cache));
        for (var row = 0; row < rows; row++)
        {
            var whole = Values(Forward(loaded, Batches.Padded([sequences[row]], sequences[row].Length, "cpu"), [sequences[row]], null)).TakeLast(config.Dimension);
            Assert.All(whole.Zip(next.Skip(row * config.Dimension)), p => Assert.Equal(p.First, p.Second, 1e-4));
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_kept_of_a_sequence_does_not_grow(bool isMamba)
    {
        var config = isMamba ? Mamba : Config;
        Assert.Equal(DecoderCache.BytesOf(config, 3, 10, ScalarType.Float32), DecoderCache.BytesOf(config, 3, 1000, ScalarType.Float32));
        using var cache = new DecoderCache(config, 3, 1000, ScalarType.BFloat16, "cpu");
        Assert.Equal(DecoderCache.BytesOf(config, 3, 10, ScalarType.BFloat16), cache.Bytes);
    }

    [Fact]
    public void In_bf16_a_mamba_answers_as_in_f32_but_for_rounding()
    {
        using var exact = TinyModels.Load(Mamba, gain: 2);
        using var rounded = TinyModels.Load(Mamba, Precision.BFloat16, gain: 2);
        var tokens = TinyModels.Tokens(Mamba, 40, new DeterministicRandom(5));
        var request = new ScoreRequest(tokens[..3], tokens[3..]);
        var (expected, found) = (exact.Score([request], CostMeter.Unread(), default)[0], rounded.Score([request], CostMeter.Unread(), default)[0]);
        Assert.InRange(Math.Abs(found / expected - 1), 1e-9, 0.01);
        Assert.Equal(2, rounded.Generate([new GenerationRequest(tokens, 2)], CostMeter.Unread(), default)[0].Tokens.Length);
    }

    [Fact]
    public void A_token_of_mamba_is_counted_by_its_products()
    {
        // x_proj [3 + 2 * 16, 1024], dt_proj [1024, 3], and three products of the state's 1024 x 16 values; two layers.
        Assert.Equal(2 * (2.0 * 1024 * 35 + 2.0 * 1024 * 3 + 6.0 * 1024 * 16), FlopCount.Mixing(Mamba, 7));
        Assert.Equal(2 * 2 * (24.0 * 2048 + 24.0 * 1024), FlopCount.Projections(Mamba));
        Assert.Equal(10 * (FlopCount.Projections(Mamba) + FlopCount.Mixing(Mamba, 1)), FlopCount.Sequence(Mamba, 10));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Projections_begin_as_the_authors_do(bool isMamba)
    {
        // Uniform within 1 / sqrt(inputs), as torch.nn.Linear; what goes onto the residual stream over sqrt(layers) besides.
        var config = isMamba ? Mamba : Config;
        using var weights = DecoderWeights.Initialise(config, 1, Precision.Float32);
        foreach (var tensor in weights.Export().Where(t => t.Name.EndsWith("in_proj.weight", StringComparison.Ordinal) || t.Name.EndsWith("out_proj.weight", StringComparison.Ordinal)))
        {
            var bound = 1 / Math.Sqrt(tensor.Shape[1] * (tensor.Name.Contains("out_proj", StringComparison.Ordinal) ? config.Layers : 1.0));
            var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(tensor.Bytes.Span).ToArray();
            Assert.InRange(values.Max(Math.Abs), 0.98 * bound, bound);
            Assert.Equal(bound / Math.Sqrt(3), Math.Sqrt(values.Average(v => (double)v * v)), 0.05 * bound);
        }
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
            using var again = BaseFolder.ReadWeights(folder, (config, tensors) => DecoderWeights.Load(config, tensors, Precision.Float32, "cpu"));
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
