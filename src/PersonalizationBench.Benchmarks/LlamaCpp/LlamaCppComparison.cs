using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Load;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <param name="Rounds">Over all numbers of adapters, ours and theirs in turn.</param>
/// <param name="Seconds">That each is measured in a round.</param>
public sealed record LlamaCppOptions(int Rounds, double Seconds)
{
    public const int Rank = 8, Concurrency = 32, Prompt = 32, Answer = 64;

    /// <summary>0: the base alone.</summary>
    public static IReadOnlyList<int> Distinct { get; } = [0, 1, 8, 32];
}

/// <summary>The same base and adapters behind <c>pbench serve</c> and behind llama.cpp's server, and the same requests over HTTP to both.</summary>
/// <param name="say">Told a line of what goes on.</param>
/// <param name="program">The assembly of <c>pbench</c>, to be served by.</param>
public sealed class LlamaCppComparison(IBaseCatalog bases, TimeProvider clock, Action<string> say, string program, LlamaServer llama, string baseName, string folder, LlamaCppOptions options)
{
    private const long Seed = 1;
    private const int Answers = 16, AgreementTokens = 32;

    private static readonly LoadServer s_limits = new() { Slots = 64, Sequences = LlamaCppOptions.Concurrency };

    public async Task<LlamaCppResult> RunAsync(CancellationToken cancellation)
    {
        using var loaded = Load(Precision.Auto);
        var blobFolder = Path.Combine(folder, "blobs");
        var blobs = new FolderBlobs(blobFolder, clock);
        var adapters = LlamaCppOptions.Distinct.Max();
        var digests = LoadPopulation.Store(blobs, loaded, [LlamaCppOptions.Rank], adapters, Seed);
        using var population = LoadPopulation.Create(folder, blobs, loaded, digests, LlamaCppOptions.Rank, adapters, clock);

        var variant = await FastestAsync(loaded, adapters, cancellation);
        using var theirs = await StartAsync(loaded, variant, adapters, cancellation);
        using var theirClient = new LlamaCompletions(theirs.Address);
        var (ofBase, ofAdapters) = await CompareAsync(loaded, population, theirClient, cancellation);
        Say($"the same tokens: base {ofBase.Same} of {ofBase.Tokens}, adapters {ofAdapters.Same} of {ofAdapters.Tokens} ({ofAdapters.ToldApart} of {ofAdapters.Answers} answers are not the base's)");

        using var ours = await ServerProcess.StartAsync(program, baseName, population.Path, blobFolder, Limits(), cancellation);
        using var ourClient = new OurCompletions(ours.Address, loaded.Info.Name, population.Secret);
        var records = await MeasureAsync(loaded, variant, ourClient, theirClient, cancellation);
        return new LlamaCppResult(records, ofBase, ofAdapters, LlamaVariant.All.Count, LlamaServer.HowToBuild);
    }

    private LoadedBase Load(Precision precision) => bases.Load(baseName, precision, "cpu") as LoadedBase ?? throw new PbenchException($"base '{baseName}' cannot be served");

    private static string[] Limits()
    {
        return ["--slots", Text(s_limits.Slots), "--slot-rank", Text(LlamaCppOptions.Rank), "--sequences", Text(s_limits.Sequences), "--adapter-memory", Text(s_limits.AdapterMemory), "--kv-memory", Text(s_limits.KvMemory)];

        static string Text(int number) => FormattableString.Invariant($"{number}");
    }

    /// <summary>Theirs is asked in the way that is fastest here.</summary>
    private async Task<LlamaVariant> FastestAsync(LoadedBase loaded, int adapters, CancellationToken cancellation)
    {
        var loop = Loop(loaded, Math.Min(options.Seconds, 3));
        var speeds = new Dictionary<LlamaVariant, double>();
        foreach (var variant in LlamaVariant.All)
        {
            using var server = await StartAsync(loaded, variant, adapters, cancellation);
            using var client = new LlamaCompletions(server.Address);
            (speeds[variant], _) = await RunAsync(loop, client, 0, "trial", cancellation);
            Say($"llama.cpp, {variant}: {speeds[variant]:0} tokens a second of the base alone");
        }
        return speeds.MaxBy(s => s.Value).Key;
    }

    private Task<ServerProcess> StartAsync(LoadedBase loaded, LlamaVariant variant, int adapters, CancellationToken cancellation)
    {
        var (model, loras) = Files(loaded, variant.Weights, adapters);
        return llama.StartAsync(variant, model, loras, LlamaCppOptions.Concurrency, LlamaCppOptions.Prompt + LlamaCppOptions.Answer, torch.get_num_threads(), cancellation);
    }

    /// <summary>Written when they are first asked for.</summary>
    private (string Model, IReadOnlyList<string> Adapters) Files(LoadedBase loaded, GgufElement element, int adapters)
    {
        var model = Path.Combine(folder, $"base-{element}.gguf");
        List<string> files = [.. Enumerable.Range(0, adapters).Select(i => Path.Combine(folder, FormattableString.Invariant($"adapter-{i}-{element}.gguf")))];
        if (File.Exists(model)) return (model, files);
        for (var i = 0; i < adapters; i++) LlamaGguf.WriteAdapter(files[i], loaded.Config, LoadPopulation.Adapter(loaded, LlamaCppOptions.Rank, Seed, i), element);
        using (var exact = Load(Precision.Float32)) LlamaGguf.WriteBase(model, exact, element);
        return (model, files);
    }

    /// <summary>Our engine's answers, and at each of their tokens whether theirs, after the same beginning, says the same.</summary>
    private static async Task<(LlamaAgreement Base, LlamaAgreement Adapters)> CompareAsync(LoadedBase loaded, LoadPopulation population, LlamaCompletions theirs, CancellationToken cancellation)
    {
        using var ours = new LoadTarget(loaded, s_limits, population, withLogProbabilities: false, sequences: 1);
        var random = DeterministicRandom.For(Seed, "agreement");
        var (ofBase, ofAdapters) = (new LlamaAgreement(0, 0, 0, 0), new LlamaAgreement(0, 0, 0, 0));
        for (var i = 0; i < Answers; i++)
        {
            int[] prompt = [.. Enumerable.Range(0, LlamaCppOptions.Prompt).Select(_ => random.Next(2, loaded.Config.VocabularySize))];
            var (alone, adapted) = (await AnswerAsync(-1), await AnswerAsync(i));
            ofBase = await CountAsync(ofBase, -1, alone);
            ofAdapters = await CountAsync(ofAdapters, i, adapted);

            async Task<int[]> AnswerAsync(int adapter)
            {
                var answer = await ours.AskAsync(new LoadRequest(adapter, prompt, AgreementTokens, null), Stopwatch.GetTimestamp());
                return [.. answer.Tokens.Select(t => t.Id)];
            }

            async Task<LlamaAgreement> CountAsync(LlamaAgreement sum, int adapter, int[] answer)
            {
                var same = 0;
                for (var at = 0; at < answer.Length;)
                {
                    var said = await theirs.AnswerAsync([.. prompt, .. answer[..at]], adapter, answer.Length - at, cancellation);
                    var alike = answer.Skip(at).Zip(said).TakeWhile(p => p.First == p.Second).Count();
                    at += alike;
                    same += alike;
                    // The first that is another is put right; an answer that ended has said the end.
                    if (at < answer.Length && alike == said.Count && answer[at] == loaded.Tokenizer.EndOfText) same++;
                    at++;
                }
                return new LlamaAgreement(sum.Answers + 1, sum.Tokens + answer.Length, sum.Same + same, sum.ToldApart + (answer.SequenceEqual(alone) ? 0 : 1));
            }
        }
        return (ofBase, ofAdapters);
    }

    private async Task<IReadOnlyList<LlamaCppRecord>> MeasureAsync(LoadedBase loaded, LlamaVariant variant, Completions ours, Completions theirs, CancellationToken cancellation)
    {
        var loop = Loop(loaded, options.Seconds);
        var rounds = LlamaCppOptions.Distinct.ToDictionary(d => d, _ => new List<(double Ours, double Theirs, double OursLength, double TheirsLength)>());
        // The first round warms up.
        for (var round = 0; round <= options.Rounds; round++)
        {
            foreach (var distinct in LlamaCppOptions.Distinct)
            {
                var seed = FormattableString.Invariant($"round {round}, {distinct} adapters");
                // Whoever is first in one round is second in the next.
                var (first, second) = round % 2 == 0 ? (ours, theirs) : (theirs, ours);
                var (a, b) = (await RunAsync(loop, first, distinct, seed, cancellation), await RunAsync(loop, second, distinct, seed, cancellation));
                var (our, their) = round % 2 == 0 ? (a, b) : (b, a);
                if (round == 0) continue;
                rounds[distinct].Add((our.TokensPerSecond, their.TokensPerSecond, our.AnswerTokens, their.AnswerTokens));
                Say($"round {round}, {distinct} adapters: ours {our.TokensPerSecond:0}, llama.cpp {their.TokensPerSecond:0} tokens a second, ratio {our.TokensPerSecond / their.TokensPerSecond:0.00}");
            }
        }
        var version = llama.Version();
        return [.. rounds.Select(r => Record(r.Key, r.Value))];

        LlamaCppRecord Record(int distinct, IReadOnlyList<(double Ours, double Theirs, double OursLength, double TheirsLength)> runs)
        {
            var (ratios, alone) = (runs.Select(r => r.Ours / r.Theirs).ToList(), rounds[0]);
            return new LlamaCppRecord
            {
                Base = loaded.Info.Name,
                Parameters = loaded.Config.Parameters,
                Threads = torch.get_num_threads(),
                OursPrecision = loaded.Info.Precision,
                TheirsVersion = version,
                TheirsVariant = variant.ToString(),
                Rank = LlamaCppOptions.Rank,
                Concurrency = loop.Concurrency,
                Distinct = distinct,
                Prompt = loop.Prompt,
                Answer = loop.Answer,
                Rounds = runs.Count,
                Seconds = options.Seconds,
                OursTokensPerSecond = runs.Select(r => r.Ours).Median(),
                OursTokensPerSecondMin = runs.Min(r => r.Ours),
                OursTokensPerSecondMax = runs.Max(r => r.Ours),
                TheirsTokensPerSecond = runs.Select(r => r.Theirs).Median(),
                TheirsTokensPerSecondMin = runs.Min(r => r.Theirs),
                TheirsTokensPerSecondMax = runs.Max(r => r.Theirs),
                Ratio = ratios.Median(),
                RatioMin = ratios.Min(),
                RatioMax = ratios.Max(),
                OursOfBase = runs.Zip(alone, (r, b) => r.Ours / b.Ours).Median(),
                TheirsOfBase = runs.Zip(alone, (r, b) => r.Theirs / b.Theirs).Median(),
                OursAnswerTokens = runs.Average(r => r.OursLength),
                TheirsAnswerTokens = runs.Average(r => r.TheirsLength),
            };
        }
    }

    private static async Task<(double TokensPerSecond, double AnswerTokens)> RunAsync(ClosedLoop loop, Completions server, int distinct, string seed, CancellationToken cancellation)
    {
        var result = await loop.RunAsync(server, distinct, seed, cancellation);
        return result.TokensPerSecond > 0 ? result : throw new PbenchException(FormattableString.Invariant($"{server.Address}: {seed}: not one token was answered in {loop.Time.TotalSeconds} s"));
    }

    private static ClosedLoop Loop(LoadedBase loaded, double seconds) =>
        new(LlamaCppOptions.Concurrency, loaded.Config.VocabularySize, LlamaCppOptions.Prompt, LlamaCppOptions.Answer, TimeSpan.FromSeconds(seconds / 4), TimeSpan.FromSeconds(seconds));

    private void Say(FormattableString line) => say(FormattableString.Invariant(line));
}
