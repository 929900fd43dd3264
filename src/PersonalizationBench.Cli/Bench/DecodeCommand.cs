using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Kernels;
using TorchSharp;

namespace PersonalizationBench.Cli.Bench;

/// <summary>One row of <c>results/decode/decode.csv</c>.</summary>
internal sealed record DecodeRecord
{
    public int Schema { get; init; } = 1;
    public required string Architecture { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
    public required int Threads { get; init; }
    /// <summary>Tokens of the prompt.</summary>
    public required int Context { get; init; }
    /// <summary>Tokens timed.</summary>
    public required int Tokens { get; init; }
    /// <summary>Of one further token: the median, and the range of the rounds' medians.</summary>
    public required double TokenMs { get; init; }
    public required double TokenMsMin { get; init; }
    public required double TokenMsMax { get; init; }
    /// <summary>From the prompt to the first token, median over rounds.</summary>
    public required double FirstTokenMs { get; init; }
    /// <summary>Keys and values, or states, of one sequence.</summary>
    public required long CacheBytes { get; init; }
}

/// <summary>
/// <c>pbench bench decode</c>: a token's time and memory as the context grows, a transformer against a Mamba-2 of about as many
/// weights. The weights are drawn, not trained: what is timed does not hang on their values.
/// </summary>
internal static class DecodeCommand
{
    private const string Csv = "decode.csv";
    private const int TokensPerRound = 32, Vocabulary = 1283;

    private static readonly Option<int> s_longest = new("--longest") { Description = "Longest context, a power of four times 64", DefaultValueFactory = _ => 16384 };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds over all contexts, the architectures in turn", DefaultValueFactory = _ => 7 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/decode of the repository)" };

    /// <summary>The shape of the shipped base, and mixers alone with as many weights.</summary>
    public static IReadOnlyList<DecoderConfig> Models(int context) =>
    [
        new(Vocabulary, 128, 4, 4, 4, 352, context),
        new(Vocabulary, 128, 7, 0, 0, 0, context) { ModelType = "mamba2", StateSpace = new StateSpaceShape(Heads: 8, HeadDimension: 32, StateSize: 64) },
    ];

    public static Command Create(Workbench? bench = null)
    {
        var decode = new Command("decode", "Time one further token as the context grows, transformer against Mamba-2") { s_longest, s_rounds, s_output };
        decode.SetAction((parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            var (longest, rounds) = (parse.GetValue(s_longest), parse.GetValue(s_rounds));
            if (longest < 64) throw new PbenchException($"--longest: expected at least 64, not {longest}");
            if (rounds < 1) throw new PbenchException($"--rounds: expected at least 1, not {rounds}");
            var records = Measure(longest, rounds, workbench.Clock, cancellation);
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "decode");
            BenchFolder.Write(folder, Csv, records, "pbench bench decode", new JsonObject { ["longest"] = longest, ["rounds"] = rounds }, started, torch.__version__);
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), Readme(records));
            AtomicFile.WriteText(Path.Combine(folder, "figures", "decode.svg"), Draw(records));
            workbench.Output.Write(Table(records));
            workbench.Output.WriteLine($"written: {Workbench.Shown(folder)}");
            return Task.FromResult(0);
        });
        return decode;
    }

    internal static List<DecodeRecord> Measure(int longest, int rounds, TimeProvider clock, CancellationToken cancellation)
    {
        int[] contexts = [.. Enumerable.Range(0, 16).Select(i => 64 << (2 * i)).TakeWhile(c => c > 0 && c <= longest)];
        var models = Models(longest + TokensPerRound + 1).Select(Load).ToList();
        try
        {
            var timings = models.SelectMany(m => contexts.Select(c => (Model: m, Context: c))).ToDictionary(k => k, _ => new List<(double Token, double First, long Cache)>());
            // The first round warms up. Architectures take turns, so that whatever else the machine does falls on both.
            for (var round = 0; round <= rounds; round++)
            {
                foreach (var context in contexts)
                {
                    foreach (var model in models)
                    {
                        cancellation.ThrowIfCancellationRequested();
                        var timing = Time(model, context, clock, cancellation);
                        if (round > 0) timings[(model, context)].Add(timing);
                    }
                }
            }
            return [.. timings.Select(t => Record(t.Key.Model, t.Key.Context, t.Value))];
        }
        finally
        {
            foreach (var model in models) model.Dispose();
        }
    }

    private static LoadedBase Load(DecoderConfig config)
    {
        var weights = DecoderWeights.Initialise(config, seed: 1, Precision.Auto);
        return new LoadedBase(new BaseInfo(config.ModelType, config.ModelType, "", config.Parameters, config.ContextLength, config.SmallestDimensions()), weights, TrainingWorkload.Tokenizer);
    }

    private static (double Token, double First, long Cache) Time(LoadedBase model, int context, TimeProvider clock, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(context, "decode");
        var meter = new CostMeter(clock);
        model.Generate([new GenerationRequest([.. Enumerable.Range(0, context).Select(_ => random.Next(Vocabulary))], TokensPerRound)], meter, cancellation);
        return (meter.PerTokenSeconds.Median(), meter.FirstTokenSeconds[0], meter.PeakKvBytes);
    }

    private static DecodeRecord Record(LoadedBase model, int context, List<(double Token, double First, long Cache)> rounds) => new()
    {
        Architecture = model.Config.StateSpace is null ? "transformer" : "mamba2",
        Parameters = model.Config.Parameters,
        Precision = model.Info.Precision,
        Threads = torch.get_num_threads(),
        Context = context,
        Tokens = rounds.Count * (TokensPerRound - 1),
        TokenMs = 1e3 * rounds.Select(r => r.Token).Median(),
        TokenMsMin = 1e3 * rounds.Min(r => r.Token),
        TokenMsMax = 1e3 * rounds.Max(r => r.Token),
        FirstTokenMs = 1e3 * rounds.Select(r => r.First).Median(),
        CacheBytes = rounds[0].Cache,
    };

    private static string Readme(IReadOnlyList<DecodeRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # One further token

        Made by `./bench bench decode` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores: one sequence, a prompt of *context*
        tokens, then {TokensPerRound} more. A transformer reads its keys and values for each token; a Mamba-2 has a state that
        does not grow. Medians over rounds in which the two take turns; in brackets the rounds' range.

        {Table(records)}
        ![A token's time and what is kept of a sequence](figures/decode.svg)

        """);

    internal static string Table(IReadOnlyList<DecodeRecord> records)
    {
        var table = new StringBuilder("| architecture | parameters | context | ms per token | ms to the first token | kept of a sequence, bytes |\n|---|---:|---:|---|---:|---:|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Architecture} | {r.Parameters} | {r.Context} | {r.TokenMs:F2} [{r.TokenMsMin:F2}, {r.TokenMsMax:F2}] | {r.FirstTokenMs:F1} | {r.CacheBytes} |\n");
        return table.ToString();
    }

    internal static string Draw(IReadOnlyList<DecodeRecord> records)
    {
        var contexts = Scale.LogAt([.. records.Select(r => r.Context).Distinct().Select(c => new Tick(c, c.ToString(CultureInfo.InvariantCulture)))]);
        return ScatterChart.Draw("One further token as the context grows",
        [
            Panel("Time of a token", "medians, and the range over rounds", "ms (log)", r => new ScatterPoint(r.Context, r.TokenMs, r.TokenMsMin, r.TokenMsMax)),
            Panel("Kept of a sequence", "keys and values, or states", "bytes (log)", r => new ScatterPoint(r.Context, r.CacheBytes, null, null)),
        ]);

        ScatterPanel Panel(string title, string subtitle, string label, Func<DecodeRecord, ScatterPoint> point)
        {
            var series = records.GroupBy(r => r.Architecture).Select((g, i) => new ScatterSeries(Look.Nth(i, g.Key), [.. g.Select(point)], IsJoined: true)).ToList();
            var scale = Scale.Log(series.SelectMany(s => s.Points).SelectMany(p => new[] { p.Y, p.Low ?? p.Y, p.High ?? p.Y }), Reporting.Format.Number);
            return new ScatterPanel(title, subtitle, contexts, "tokens of context (log)", scale, label, series);
        }
    }
}
