using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench rollback BASE</c>: how long a pointer's move takes, and the next request, alone and under traffic.</summary>
internal static class RollbackCommand
{
    private static readonly Option<int> s_moves = new("--moves") { Description = "Rollbacks with and without load, and as many moves forward", DefaultValueFactory = _ => 200 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Other requests at a time, under load", DefaultValueFactory = _ => 6 };

    public static Command Create(Workbench? bench = null) =>
        ServerTrial.Create<RollbackRecord>("rollback", "Time rollbacks under traffic, until the next request is answered", bench, [s_moves, s_workers], RunAsync);

    private static async Task<ServerTrialResult<RollbackRecord>> RunAsync(Workbench bench, TrafficPopulation population, string name, ParseResult parse, CancellationToken cancellation)
    {
        var trial = new RollbackTrial(population, bench.Clock);
        var (records, requests) = (new List<RollbackRecord>(), 0L);
        using var server = await population.ServeAsync(cancellation);
        foreach (var workers in new[] { 0, parse.GetValue(s_workers) }.Distinct())
        {
            requests += await trial.RunAsync(server, workers, parse.GetValue(s_moves), records, cancellation);
            bench.Output.WriteLine(RollbackPage.Summary(records, workers));
        }
        return new(records, new JsonObject { ["moves"] = parse.GetValue(s_moves), ["workers"] = parse.GetValue(s_workers) }, RollbackPage.Of(name, records, requests), Holds: true);
    }
}
