using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Core;

namespace PersonalizationBench.Cli.Tests.Bench;

/// <summary>The comparisons themselves, over a few steps: that both sides do the same work, not how fast.</summary>
public sealed class PeersTests
{
    private static readonly TrainingWorkload Tiny = new("tiny", TrainingWorkload.All[0].Model with { Dimension = 32, Layers = 2, Heads = 2, KeyValueHeads = 1, HiddenDimension = 48 }, Rows: 2, Length: 24);

    private static readonly PairingOptions Short = new(Pairs: 1, SecondsPerTurn: 0.01, ParitySteps: 8);

    [SkippableTheory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void The_peer_trains_the_same_model(Precision precision)
    {
        string python;
        try
        {
            python = PeerProcess.FindPython(null);
        }
        catch (PbenchException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
        var folder = Directory.CreateTempSubdirectory("pbench-peers-test-").FullName;
        try
        {
            var record = new TrainingStepComparison(python, PeersCommand.Script(Workbench.OfThisMachine()), folder, Short).Run(Tiny, precision, threads: 1, CancellationToken.None);
            Assert.True(record.Agrees(), PeersReport.Agreement(record));
            Assert.True(record is { Pairs: 1, OursMsPerStep: > 0, ReferenceMsPerStep: > 0 });
            Assert.Equal(precision == Precision.BFloat16, record.OursFromFloat32 is > 0 && record.ReferenceFromFloat32 is > 0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Users_adapted_together_learn_what_they_learn_alone()
    {
        var record = new ManyUsersComparison(Short).Run(Tiny, Precision.Float32, threads: 1, users: 5, steps: 4, byOperators: false, CancellationToken.None);
        Assert.True(record.Agrees(), PeersReport.Agreement(record));
        Assert.Equal(20, record.LossesCompared);
        Assert.Null(record.Goal); // neither the shape nor the number of users that the goal is for
    }

    [Fact]
    public void A_python_without_pytorch_is_refused_with_the_way_out()
    {
        var error = Assert.Throws<PbenchException>(() => PeerProcess.FindPython("no-such-python"));
        Assert.Contains("no-such-python", error.Message, StringComparison.Ordinal);
        Assert.Contains("--python", error.Message, StringComparison.Ordinal);
    }
}
