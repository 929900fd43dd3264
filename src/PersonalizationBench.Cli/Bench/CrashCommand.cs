using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench crash BASE</c>: what a server leaves that is killed, again and again, under traffic.</summary>
internal static class CrashCommand
{
    private static readonly Option<int> s_kills = new("--kills") { Description = "How often", DefaultValueFactory = _ => 200 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Requests at a time", DefaultValueFactory = _ => 6 };

    public static Command Create(Workbench? bench = null) =>
        ServerTrial.Create<CrashRecord>("crash", "Kill a server under traffic, again and again, and check what is left", bench, [s_kills, s_workers], RunAsync);

    private static async Task<ServerTrialResult<CrashRecord>> RunAsync(Workbench bench, TrafficPopulation population, string name, ParseResult parse, CancellationToken cancellation)
    {
        var trial = new CrashTrial(population, bench.Clock);
        var (records, problems) = (new List<CrashRecord>(), new List<string>());
        for (var kill = 1; kill <= parse.GetValue(s_kills); kill++)
        {
            var (record, found) = await trial.KillAsync(kill, parse.GetValue(s_workers), cancellation);
            records.Add(record);
            problems.AddRange(found);
            foreach (var problem in found) bench.Error.WriteLine(FormattableString.Invariant($"kill {kill}: {problem}"));
            if (kill % 10 == 0) bench.Output.WriteLine(CrashPage.Summary(records));
        }
        bench.Output.WriteLine(CrashPage.Summary(records));
        return new(records, new JsonObject { ["kills"] = records.Count, ["workers"] = parse.GetValue(s_workers) }, CrashPage.Of(name, records, problems), problems.Count == 0);
    }
}
