using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <summary>What is compared.</summary>
/// <param name="Threads">Numbers of threads, each at least 1.</param>
/// <param name="Users">Adapted in one bank.</param>
/// <param name="Steps">Of every user.</param>
/// <param name="Only">One of the two comparisons; null: both.</param>
public sealed record PeersOptions(IReadOnlyList<TrainingWorkload> Models, IReadOnlyList<int> Threads, PairingOptions Pairing, int Users, int Steps, string? Only);

/// <summary>The training step against PyTorch's, and many users in one bank against one by one.</summary>
/// <param name="folder">Where both sides find what they train on.</param>
public sealed class PeersBenchmark(IBaseCatalog bases, string python, string folder)
{
    public IEnumerable<PeerRecord> Run(PeersOptions options, CancellationToken cancellation)
    {
        var steps = options.Only == PeerRecord.ManyUsers ? [] : Steps(options, cancellation);
        var users = options.Only == PeerRecord.TrainingStep ? [] : Users(options, cancellation);
        return steps.Concat(users);
    }

    private IEnumerable<PeerRecord> Steps(PeersOptions options, CancellationToken cancellation)
    {
        var comparison = new TrainingStepComparison(python, PeerProcess.Script(TrainingStepComparison.ScriptName), folder, options.Pairing);
        return from model in options.Models
               from precision in new[] { Precision.Float32, Precision.BFloat16 }
               from count in options.Threads
               select comparison.Run(model, precision, count, cancellation);
    }

    private IEnumerable<PeerRecord> Users(PeersOptions options, CancellationToken cancellation)
    {
        // Each pair takes 2 x users x steps of training: three of them say enough.
        var comparison = new ManyUsersComparison(python, PeerProcess.Script(ManyUsersComparison.ScriptName), folder, options.Pairing with { Pairs = Math.Min(3, options.Pairing.Pairs) });
        var (study, heavy) = (AdapterWorkload.OfStudy(bases, options.Users), AdapterWorkload.Heavy(TrainingWorkload.All[0], options.Users));
        (AdapterWorkload Workload, Precision Precision, bool ByOperators)[] grid =
        [
            (study, Precision.Float32, true), (study, Precision.BFloat16, true), (study, Precision.BFloat16, false),
            (heavy, Precision.BFloat16, true), (heavy, Precision.BFloat16, false),
        ];
        return grid.SelectMany(g => comparison.Run(g.Workload, g.Precision, options.Threads.Max(), options.Steps, g.ByOperators, cancellation));
    }
}
