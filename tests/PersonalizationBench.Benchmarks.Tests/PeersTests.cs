using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks.Tests;

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
        var python = PythonOrSkip();
        var folder = Directory.CreateTempSubdirectory("pbench-peers-test-").FullName;
        try
        {
            var record = new TrainingStepComparison(python, PeerProcess.Script(TrainingStepComparison.ScriptName), folder, Short).Run(Tiny, precision, threads: 1, CancellationToken.None);
            Assert.True(record.Agrees(), PeersReport.Agreement(record));
            Assert.True(record is { Pairs: 1, OursMsPerStep: > 0, ReferenceMsPerStep: > 0 });
            Assert.Equal(precision == Precision.BFloat16, record.OursFromFloat32 is > 0 && record.ReferenceFromFloat32 is > 0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [SkippableTheory]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.BFloat16, true)]
    [InlineData(Precision.BFloat16, false)]
    public void Users_adapted_together_learn_what_they_learn_alone_and_in_pytorch(Precision precision, bool byOperators)
    {
        var python = PythonOrSkip();
        var folder = Directory.CreateTempSubdirectory("pbench-peers-test-").FullName;
        try
        {
            var comparison = new ManyUsersComparison(python, PeerProcess.Script(ManyUsersComparison.ScriptName), folder, Short);
            var records = comparison.Run(AdapterWorkload.Heavy(Tiny, users: 5), precision, threads: 1, steps: 4, byOperators, CancellationToken.None).ToList();
            Skip.If(records.Count == 0, "this processor has no bf16 tiles");
            Assert.Equal(2, records.Count);
            Assert.All(records, r => Assert.True(r.Agrees(), $"{r.Reference}: {PeersReport.Agreement(r)}"));
            Assert.All(records, r => Assert.Equal(20, r.LossesCompared));
            Assert.All(records, r => Assert.Null(r.Goal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_studys_load_is_its_users_documents()
    {
        var workload = AdapterWorkload.OfStudy(new BaseCatalog(ShippedBases(), null), users: 2);
        Assert.Equal([20, 20], workload.Texts.Select(t => t.Count));
        using var loaded = workload.Load(Precision.Float32);
        Assert.Equal(workload.Name, loaded.Info.Name);
    }

    [Fact]
    public void A_python_without_pytorch_is_refused_with_the_way_out()
    {
        var error = Assert.Throws<PbenchException>(() => PeerProcess.FindPython("no-such-python"));
        Assert.Contains("no-such-python", error.Message, StringComparison.Ordinal);
        Assert.Contains("--python", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The folder of the bases in the repository that these tests were built from.</summary>
    internal static string ShippedBases()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "PersonalizationBench.sln"))) at = at.Parent!;
        return Path.Combine(at.FullName, "datasets", "bases");
    }

    private static string PythonOrSkip()
    {
        try
        {
            return PeerProcess.FindPython(null);
        }
        catch (PbenchException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }
}
