using System.Collections.Concurrent;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Benchmarks.Tests;

/// <summary>What llama.cpp is given. Itself it is not kept, and not needed, here.</summary>
public sealed class LlamaCppTests : IDisposable
{
    /// <summary>Two query heads of four channels, one key head.</summary>
    private static readonly DecoderConfig s_config = new(VocabularySize: 300, Dimension: 8, Layers: 2, Heads: 2, KeyValueHeads: 1, HiddenDimension: 12, ContextLength: 16);

    private readonly ScratchFolder _folder = new("llama-cpp-test");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_base_is_read_back()
    {
        using var loaded = Loaded(s_config);
        var path = Path.Combine(_folder.Path, "base.gguf");

        LlamaGguf.WriteBase(path, loaded, GgufElement.BF16);

        using var read = GgufFile.Open(path);
        Assert.Equal<(object, object, object, object, object)>(("llama", 2L, 2L, 1L, 4L), (read.Metadata["general.architecture"], read.Metadata["llama.block_count"], read.Metadata["llama.attention.head_count"], read.Metadata["llama.attention.head_count_kv"], read.Metadata["llama.rope.dimension_count"]));
        Assert.Equal(s_config.VocabularySize, ((string[])read.Metadata["tokenizer.ggml.tokens"]).Distinct().Count());
        Assert.Equal(loaded.Weights.Names.Select(GgufLayout.NameOf).Order(StringComparer.Ordinal), read.TensorNames.Order(StringComparer.Ordinal));
        Assert.Equal((GgufElement.F32, GgufElement.BF16), (read.Find("blk.1.ffn_norm.weight").Element, read.Find("blk.1.ffn_down.weight").Element));
        Assert.Equal([8, 12], read.Find("blk.0.ffn_down.weight").Shape);
        foreach (var weight in loaded.Weights.Export())
        {
            var expected = TensorDTypes.ToSingles(weight.DType, weight.Bytes.Span, weight.Name);
            if (weight.Shape.Length > 1) expected = BFloat16.ToSingles(BFloat16.FromSingles(GgufLayout.Interleaved(s_config, weight.Name.Split('.')[^2], expected)));
            Assert.Equal(expected, read.ReadSingles(GgufLayout.NameOf(weight.Name)));
        }
    }

    [Fact]
    public void An_adapter_is_read_back()
    {
        using var loaded = Loaded(s_config);
        var adapter = DrawnAdapter.Make(loaded, rank: 2, "test");
        var path = Path.Combine(_folder.Path, "adapter.gguf");

        LlamaGguf.WriteAdapter(path, s_config, adapter, GgufElement.F32);

        using var read = GgufFile.Open(path);
        Assert.Equal<(object, object, object)>(("adapter", "lora", 4.0), (read.Metadata["general.type"], read.Metadata["adapter.type"], read.Metadata["adapter.lora.alpha"]));
        Assert.Equal(2 * s_config.Layers * s_config.Projections.Count, read.TensorNames.Count);
        var (query, value) = (adapter.Modules.Single(m => m.Module == "model.layers.1.self_attn.q_proj"), adapter.Modules.Single(m => m.Module == "model.layers.1.self_attn.v_proj"));
        Assert.Equal([2, 8], read.Find("blk.1.attn_q.weight.lora_a").Shape);
        Assert.Equal([8, 2], read.Find("blk.1.attn_q.weight.lora_b").Shape);
        Assert.Equal(query.ASingles(), read.ReadSingles("blk.1.attn_q.weight.lora_a"));
        Assert.Equal(RotaryLayout.HalfToInterleaved(query.BSingles(), heads: 2, headSize: 4, columns: 2), read.ReadSingles("blk.1.attn_q.weight.lora_b"));
        Assert.Equal(value.BSingles(), read.ReadSingles("blk.1.attn_v.weight.lora_b"));
    }

    [Fact]
    public void Other_architectures_are_refused()
    {
        using var loaded = Loaded(s_config with { QueryKeyValueBias = true });
        Assert.Contains("expected a plain Llama", Assert.Throws<PbenchException>(() => LlamaGguf.WriteBase(Path.Combine(_folder.Path, "x"), loaded, GgufElement.F16)).Message, StringComparison.Ordinal);
    }

    /// <summary>Asked with an empty list for its base alone, the server applied all 32 adapters at once and answered nothing.</summary>
    [Fact]
    public void The_base_alone_is_asked_for_by_an_adapter_of_scale_0()
    {
        Assert.Equal("""[{"id":0,"scale":0}]""", JsonSerializer.Serialize(LlamaCompletions.AdaptersOf(-1)));
        Assert.Equal("""[{"id":7,"scale":1}]""", JsonSerializer.Serialize(LlamaCompletions.AdaptersOf(7)));
    }

    [Fact]
    public async Task A_closed_loop_asks_for_as_many_adapters_as_it_is_told()
    {
        var loop = new ClosedLoop(Concurrency: 4, Vocabulary: 10, Prompt: 3, Answer: 8, TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(500));
        foreach (var (distinct, adapters) in new[] { (0, new[] { -1 }), (1, [0]), (3, [0, 1, 2]) })
        {
            using var server = new Echo();
            var (tokensPerSecond, answerTokens) = await loop.RunAsync(server, distinct, "test", CancellationToken.None);
            Assert.Equal(adapters, server.Asked.Select(a => a.Adapter).Distinct().Order());
            // First answers of several lengths, then whole ones; half of what is asked for is given. A busy machine may be too late for any.
            Assert.Equal([2, 4, 6, 8], server.Asked.Select(a => a.Tokens).Distinct().Order());
            Assert.InRange(answerTokens, 0, 4);
            Assert.InRange(tokensPerSecond, 0, 2 * server.Asked.Sum(a => a.Tokens));
        }
    }

    private static LoadedBase Loaded(DecoderConfig config) => new(
        new BaseInfo("tiny", config.ModelType, "digest", config.Parameters, config.ContextLength, config.SmallestDimensions()),
        DecoderWeights.Initialise(config, seed: 1, Precision.Float32), TrainingWorkload.Tokenizer);

    /// <summary>Half of what is asked for, after a while.</summary>
    private sealed class Echo() : Completions(new Uri("http://localhost"))
    {
        public ConcurrentQueue<(int Adapter, int Tokens)> Asked { get; } = [];

        public override async Task<int> AskAsync(int[] prompt, int adapter, int tokens, CancellationToken cancellation)
        {
            Assert.Equal(3, prompt.Length);
            Asked.Enqueue((adapter, tokens));
            await Task.Delay(2, cancellation);
            return tokens / 2;
        }
    }
}
