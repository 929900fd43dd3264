using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks.Tests;

/// <summary>That both architectures are measured at every context; not how fast.</summary>
public sealed class DecodeTests
{
    [Fact]
    public void Both_architectures_have_about_as_many_weights()
    {
        var parameters = DecodeBenchmark.Models(1000).Select(m => m.Parameters).ToList();
        Assert.InRange((double)parameters[1] / parameters[0], 0.95, 1.05);
    }

    [Fact]
    public void States_do_not_grow_and_keys_and_values_do()
    {
        var records = DecodeBenchmark.Measure(longest: 256, rounds: 1, TimeProvider.System, CancellationToken.None);
        Assert.Equal([("transformer", 64), ("transformer", 256), ("mamba2", 64), ("mamba2", 256)], records.Select(r => (r.Architecture, r.Context)));
        Assert.True(records[1].CacheBytes > records[0].CacheBytes);
        Assert.Equal(records[2].CacheBytes, records[3].CacheBytes);
        Assert.All(records, r => Assert.True(r is { TokenMs: > 0, FirstTokenMs: > 0, Tokens: 31 }));
        Assert.Equal(2 + records.Count, DecodePage.Table(records).Count(c => c == '\n'));
        Assert.StartsWith("<svg", DecodePage.Draw(records).Svg, StringComparison.Ordinal);
    }
}
