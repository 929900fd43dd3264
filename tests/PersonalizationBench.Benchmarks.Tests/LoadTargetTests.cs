using PersonalizationBench.Core;
using PersonalizationBench.Load;
using PersonalizationBench.Models;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks.Tests;

/// <summary>A load's target and its oracle, on a base of one layer.</summary>
public sealed class LoadTargetTests : IDisposable
{
    private readonly ScratchFolder _folder = new("load-test");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_oracle_sees_another_token_another_bit_and_another_adapter()
    {
        var config = new DecoderConfig(VocabularySize: 300, Dimension: 16, Layers: 1, Heads: 2, KeyValueHeads: 2, HiddenDimension: 32, ContextLength: 64);
        using var loaded = new LoadedBase(
            new BaseInfo("small", config.ModelType, Digest.Of("small"), config.Parameters, config.ContextLength, config.SmallestDimensions()), DecoderWeights.Initialise(config, seed: 1, Precision.Float32), TrainingWorkload.Tokenizer);
        var blobs = new FolderBlobs(Path.Combine(_folder.Path, "blobs"), TimeProvider.System);
        var digests = LoadPopulation.Store(blobs, loaded, [2], files: 2, seed: 1);
        using var population = LoadPopulation.Create(_folder.Path, blobs, loaded, digests, rank: 2, policies: 2, TimeProvider.System);
        var server = new LoadServer { Slots = 2, Sequences = 2, AdapterMemory = 1, KvMemory = 1 };
        using var target = new LoadTarget(loaded, server, population, withLogProbabilities: true, sequences: 2);
        var answer = await target.AskAsync(new LoadRequest(1, [5, 6, 7], 4, null), System.Diagnostics.Stopwatch.GetTimestamp());
        using var oracle = LoadTarget.Oracle(loaded, server, population, withLogProbabilities: true);

        Assert.Equal(digests[1], answer.Digest);
        Assert.Equal(new LoadVerdict(1, 1, 1, 0), await oracle.CompareAsync([answer], 10, CancellationToken.None));
        foreach (var wrong in new[]
        {
            answer with { Tokens = [new LoadToken((answer.Tokens[0].Id + 1) % 10, answer.Tokens[0].LogProbability), .. answer.Tokens.Skip(1)] },
            answer with { Tokens = [answer.Tokens[0] with { LogProbability = MathF.BitIncrement(answer.Tokens[0].LogProbability) }, .. answer.Tokens.Skip(1)] },
            answer with { Tokens = [.. answer.Tokens.SkipLast(1)] },
            answer with { Digest = digests[0] },
        })
            Assert.Equal(1, (await oracle.CompareAsync([wrong], 10, CancellationToken.None)).Mismatches);
        // Of a cancelled request the beginning is right.
        var cancelled = answer with { Request = answer.Request with { CancelAfter = TimeSpan.Zero }, Tokens = [.. answer.Tokens.SkipLast(1)] };
        Assert.Equal(0, (await oracle.CompareAsync([cancelled], 10, CancellationToken.None)).Mismatches);
    }
}
