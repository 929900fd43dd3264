using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks.Tests;

/// <summary>That llama.cpp in this process says the same; not how fast.</summary>
public sealed class DecodePeerTests : IDisposable
{
    private readonly ScratchFolder _folder = new("decode-peer-test");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Both_decode_the_same_tokens_alone_and_beside_others()
    {
        using var loaded = Load();
        var records = DecodePeer.Measure(loaded, _folder.Path, new DecodePeerOptions(Rounds: 2, Prompt: 20, Answer: 12), TimeProvider.System, CancellationToken.None);
        Assert.Equal([1, 32], records.Select(r => r.Sequences));
        Assert.All(records, r => Assert.True(r is { Tokens: 24, LargestGap: < 1e-3, TheirsTokenMs: > 0, OursPromptMs: > 0, TheirsPromptMs: > 0 }));
        Assert.All(records, r => Assert.InRange(r.Ratio, r.RatioMin, r.RatioMax));
        Assert.Contains("LLamaSharp 0.", records[0].Theirs, StringComparison.Ordinal);
        Assert.Equal(2 + records.Count, DecodePeerPage.Table(records).Count(c => c == '\n'));
        Assert.Contains(DecodePeerPage.Table(records), DecodePeerPage.Of(records), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_context_does_not_hold_is_refused()
    {
        using var loaded = Load();
        var error = Assert.Throws<PbenchException>(() => DecodePeer.Measure(loaded, _folder.Path, new DecodePeerOptions(1, 60, 5), TimeProvider.System, CancellationToken.None));
        Assert.Contains("60 + 5 tokens are more than the base's context of 64", error.Message, StringComparison.Ordinal);
    }

    private static LoadedBase Load()
    {
        var config = new DecoderConfig(300, 64, 2, 4, 2, 96, 64);
        var weights = DecoderWeights.Initialise(config, seed: 3, Precision.Float32);
        using var off = TorchSharp.torch.no_grad();
        // Larger than at the start of training, so that greedy choices are decided ones.
        foreach (var name in weights.Names)
            if (weights.Master(name).dim() > 1) weights.Master(name).mul_(4);
        weights.Refresh();
        return new LoadedBase(new BaseInfo("tiny", "llama", "", config.Parameters, config.ContextLength, config.SmallestDimensions()), weights, TrainingWorkload.Tokenizer);
    }
}
