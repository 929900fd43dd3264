using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Serving;
using TorchSharp;

namespace PersonalizationBench.Cli.Bench;

/// <summary>One row of <c>results/serving/serving.csv</c>.</summary>
internal sealed record ServingRecord
{
    public int Schema { get; init; } = 1;
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
    public required int Threads { get; init; }
    public required string Mix { get; init; }
    public required int Rank { get; init; }
    public required int Batch { get; init; }
    /// <summary>Different adapters in the batch.</summary>
    public required int Distinct { get; init; }
    /// <summary>Mean tokens before the one that is computed.</summary>
    public required double Context { get; init; }
    /// <summary>Median over rounds, and the rounds' range.</summary>
    public required double TokensPerSecond { get; init; }
    public required double TokensPerSecondMin { get; init; }
    public required double TokensPerSecondMax { get; init; }
    /// <summary>To the base alone in the same round: the median, and the range.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>What the ratio could be if bytes were all that counts.</summary>
    public required double Ceiling { get; init; }
    /// <summary>The ratio over the ceiling.</summary>
    public required double OfCeiling { get; init; }
}

/// <summary>
/// <c>pbench bench serving</c>: what adapters cost a batch, one for each sequence at worst, against the base alone in the same process,
/// and the ceiling that the bytes set.
/// </summary>
internal static class ServingBenchCommand
{
    private const string Csv = "serving.csv";
    private const int Prompt = 32, Tokens = 160, Slots = 64;

    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int[]> s_ranks = new("--ranks") { Description = "Of the adapters, in all modules", DefaultValueFactory = _ => [8, 16, 64], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int[]> s_batches = new("--batches") { Description = "Sequences in a batch", DefaultValueFactory = _ => [1, 8, 32, 64], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds over all mixes, which take turns", DefaultValueFactory = _ => 7 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/serving of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var serving = new Command("serving", "Time a batch of many users' adapters against the base alone") { s_base, s_ranks, s_batches, s_rounds, s_output };
        serving.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            using var loaded = Load();
            var records = new List<ServingRecord>();
            var costs = new StringBuilder();
            foreach (var rank in parse.GetRequiredValue(s_ranks))
            {
                using var copy = Load();
                using var workload = new ServingWorkload(loaded, copy, rank, Slots, Slots);
                foreach (var batch in parse.GetRequiredValue(s_batches))
                {
                    cancellation.ThrowIfCancellationRequested();
                    records.AddRange(await Measure(loaded, workload, batch, parse.GetValue(s_rounds)));
                    workbench.Output.WriteLine(FormattableString.Invariant($"rank {rank}, batch {batch}: {string.Join(", ", records[^Enum.GetValues<AdapterMix>().Length..].Select(r => $"{r.Mix} {r.Ratio:0.00} ({r.OfCeiling:0.00} of the ceiling)"))}"));
                }
                costs.Append(await Costs(workload, parse.GetValue(s_rounds)));
            }
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "serving");
            BenchFolder.Write(folder, Csv, records, $"pbench bench serving {parse.GetRequiredValue(s_base)}", new JsonObject { ["rounds"] = parse.GetValue(s_rounds), ["prompt"] = Prompt, ["tokens"] = Tokens }, started, torch.__version__);
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), Readme(parse.GetRequiredValue(s_base), records, costs.ToString()));
            AtomicFile.WriteText(Path.Combine(folder, "figures", "ratios.svg"), Draw(records));
            workbench.Output.Write(costs);
            workbench.Output.WriteLine($"written: {Workbench.Shown(folder)}");
            return 0;

            LoadedBase Load() => workbench.Bases.Load(parse.GetRequiredValue(s_base), Precision.Auto, "cpu") as LoadedBase ?? throw new PbenchException("BASE: cannot be served");
        });
        return serving;
    }

    private static async Task<List<ServingRecord>> Measure(LoadedBase loaded, ServingWorkload workload, int batch, int rounds)
    {
        var mixes = Enum.GetValues<AdapterMix>();
        var speeds = mixes.ToDictionary(m => m, _ => new List<double>());
        // The first round warms up. Mixes take turns, so that whatever else the machine does falls on all.
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var mix in mixes)
            {
                var speed = await workload.DecodeAsync(mix, batch, Prompt, Tokens);
                if (round > 0) speeds[mix].Add(speed);
            }
        }
        return [.. mixes.Select(mix =>
        {
            var ratios = speeds[mix].Zip(speeds[AdapterMix.BaseOnly], (own, alone) => own / alone).ToList();
            var distinct = mix switch { AdapterMix.OneAdapter => 1, AdapterMix.AllDistinct => batch, _ => 0 };
            var context = Prompt + Tokens / 2.0;
            var ceiling = ServingCeiling.Of(loaded, workload.Model.Layout, batch, context, distinct * workload.Model.Layout.BytesOf(workload.Rank));
            return new ServingRecord
            {
                Base = loaded.Info.Name,
                Parameters = loaded.Info.Parameters,
                Precision = workload.Model.Layout.IsBFloat16 ? "bfloat16" : "float32",
                Threads = torch.get_num_threads(),
                Mix = Name(mix),
                Rank = workload.Rank,
                Batch = batch,
                Distinct = distinct,
                Context = context,
                TokensPerSecond = speeds[mix].Median(),
                TokensPerSecondMin = speeds[mix].Min(),
                TokensPerSecondMax = speeds[mix].Max(),
                Ratio = ratios.Median(),
                RatioMin = ratios.Min(),
                RatioMax = ratios.Max(),
                Ceiling = ceiling,
                OfCeiling = ratios.Median() / ceiling,
            };
        })];
    }

    /// <summary>The first token of a lonely request, by where its adapter is, and what the copy into a slot takes.</summary>
    private static async Task<string> Costs(ServingWorkload workload, int rounds)
    {
        var (alone, slot, memory) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i < 10 * rounds; i++)
        {
            alone.Add(await workload.FirstTokenAsync(null, Prompt));
            slot.Add(await workload.FirstTokenAsync(ServingWorkload.Name(0), Prompt));
        }
        // More adapters than slots, all in memory: each of these finds its slot taken by another.
        for (var i = 0; i < 2 * Slots; i++) await workload.FirstTokenAsync(ServingWorkload.Name(i), Prompt);
        var (copies, seconds) = (workload.Engine.Metrics.SlotLoadTime.Count, workload.Engine.Metrics.SlotLoadTime.SumSeconds);
        for (var i = 0; i < 2 * Slots; i++) memory.Add(await workload.FirstTokenAsync(ServingWorkload.Name(i), Prompt));
        var copy = 1e3 * (workload.Engine.Metrics.SlotLoadTime.SumSeconds - seconds) / Math.Max(1, workload.Engine.Metrics.SlotLoadTime.Count - copies);
        return string.Create(CultureInfo.InvariantCulture,
            $"- rank {workload.Rank}: first token of {Prompt} tokens, median ms: base {alone.Median():0.00}, adapter in a slot {slot.Median():0.00} ({slot.Median() / alone.Median():0.00} times), in memory {memory.Median():0.00}; p99 {alone.Quantile(0.99):0.00}, {slot.Quantile(0.99):0.00}, {memory.Quantile(0.99):0.00}. Copy into a slot, mean: {copy:0.000} ms for {workload.Model.Layout.BytesOf(workload.Rank)} bytes.\n");
    }

    private static string Name(AdapterMix mix) => mix switch
    {
        AdapterMix.BaseOnly => "base only",
        AdapterMix.AdaptersIdle => "adapters in the slots, base asked",
        AdapterMix.OneAdapter => "one adapter for all",
        AdapterMix.OneMerged => "one adapter, merged",
        _ => "an adapter each",
    };

    private static string Readme(string name, IReadOnlyList<ServingRecord> records, string costs)
    {
        var table = new StringBuilder("| rank | batch | mix | tokens/s | of the base alone | ceiling | of the ceiling |\n|---:|---:|---|---|---|---:|---:|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Rank} | {r.Batch} | {r.Mix} | {r.TokensPerSecond:0} [{r.TokensPerSecondMin:0}, {r.TokensPerSecondMax:0}] | {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}] | {r.Ceiling:0.00} | {r.OfCeiling:0.00} |\n");
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Many users' adapters in one batch

            Made by `./bench bench serving {name}` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores: tokens a second while all
            sequences of a batch are answering ({Prompt} tokens read, {Tokens} written, greedy), by who has an adapter. Medians over rounds in which the
            mixes take turns, their range in brackets; the ratio is to the base alone in the same round. The ceiling is what the ratio could
            be if every byte of weights, keys, values and adapters were read once a step and nothing else took time.

            {table}
            ![Ratios and ceilings](figures/ratios.svg)

            ## What an adapter costs before its first token

            {costs}
            """);
    }

    internal static string Draw(IReadOnlyList<ServingRecord> records)
    {
        var batches = Scale.LogAt([.. records.Select(r => r.Batch).Distinct().Select(b => new Tick(b, b.ToString(CultureInfo.InvariantCulture)))]);
        var shown = records.Where(r => r.Mix == Name(AdapterMix.AllDistinct)).ToList();
        return ScatterChart.Draw("An adapter for each sequence, against the base alone",
        [
            Panel("Measured", "medians, and the range over rounds", r => new ScatterPoint(r.Batch, r.Ratio, r.RatioMin, r.RatioMax)),
            Panel("Ceiling", "if bytes were all that counts", r => new ScatterPoint(r.Batch, r.Ceiling, null, null)),
        ]);

        ScatterPanel Panel(string title, string subtitle, Func<ServingRecord, ScatterPoint> point)
        {
            var series = shown.GroupBy(r => r.Rank).Select((g, i) => new ScatterSeries(Look.Nth(i, FormattableString.Invariant($"rank {g.Key}")), [.. g.Select(point)], IsJoined: true)).ToList();
            return new ScatterPanel(title, subtitle, batches, "sequences in the batch (log)", Scale.Linear([0, 1.2], 6), "tokens/s over the base's", series);
        }
    }
}
