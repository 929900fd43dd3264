using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>Publishing what was published, and after an interruption.</summary>
public sealed class AdapterPublisherTests : IDisposable
{
    private const int Width = 32;

    private static readonly DecoderConfig Config = new(61, Width, 2, 4, 2, 48, 40);

    private static readonly Measured[] Measures = [new("recall", 0.5), new("style", 0.25, """{"probes":4}""")];

    private readonly Bench _bench = new(null);

    private AdapterPublisher Publisher => new(_bench.Registry, Bench.Alice, Bench.Actor);

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void The_same_bytes_are_added_and_measured_once()
    {
        Assert.Equal(1, Once(1)!.Number);
        Assert.Null(Once(1));
        Assert.Equal(2, Once(2)!.Number);
        Assert.Equal((2, 2), (Live(), _bench.Registry.Revisions(Bench.Alice, "p").Count));
        Assert.Equal(["recall", "style"], _bench.Registry.Evaluations(Bench.Alice, "p", 1).Select(e => e.Name));
    }

    [Fact]
    public void What_an_interruption_left_out_is_made_up_for()
    {
        // Added, and then the process was killed.
        Publisher.Add("p", Adapter(1), Config, new NewRevision("", "v1"));
        Assert.Null(Once(1));
        Assert.Equal((1, 2), (Live(), _bench.Registry.Evaluations(Bench.Alice, "p", 1).Count));
    }

    [Fact]
    public void A_later_revision_is_not_taken_back()
    {
        Once(1);
        Once(2);
        Assert.Null(Once(1));
        Assert.Equal(2, Live());
    }

    private Revision? Once(int content) => Publisher.AddOnce("p", Adapter(content), Config, new NewRevision("", "v1"), Measures, Pointer.Live);

    private int Live() => _bench.Registry.Resolve(Bench.Alice, "p").Number;

    private static PeftAdapter Adapter(int content) => new(
        new PeftAdapterConfig(1, 2, ["q_proj"], "tiny"),
        [LoraFactors.FromSingles("model.layers.0.self_attn.q_proj", 1, [.. Enumerable.Repeat((float)content, Width)], [.. Enumerable.Repeat(1f, Width)])],
        Bench.BaseDigest);
}
