using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Load;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <summary>Measures the cells of a load, each beside the base alone in the same round.</summary>
public sealed class LoadRunner(LoadSpec spec, LoadedBase loaded, string folder, TimeProvider clock) : IDisposable
{
    private readonly Dictionary<(string Rank, int Policies), LoadPopulation> _populations = [];
    private readonly Dictionary<string, (IBlobStore Blobs, IReadOnlyList<string> Digests)> _files = [];
    private double? _capacity;

    /// <summary>Requests a second that the base alone can take, in a closed loop.</summary>
    private double Capacity => _capacity ?? throw new InvalidOperationException("not measured");

    /// <exception cref="PbenchException">An answer is not what the oracle gives.</exception>
    public async Task<LoadRecord> MeasureAsync(LoadCell cell, CancellationToken cancellation)
    {
        var population = PopulationOf(cell);
        if (cell.Arrivals is not null) await MeasureCapacityAsync(cell, population, cancellation);
        var rounds = new List<Round>();
        for (var round = 0; round < spec.Rounds; round++) rounds.Add(await MeasureRoundAsync(cell, population, round, cancellation));
        var record = Record(cell, population, rounds);
        return record.Mismatches == 0 ? record : throw new PbenchException($"{spec.Load}, {cell}: {record.Mismatches} of {record.Verified} answers are not what the adapter alone gives");
    }

    public void Dispose()
    {
        foreach (var population in _populations.Values) population.Dispose();
    }

    private sealed record Round(LoadWindow Alone, LoadWindow Mixed, LoadVerdict Verdict, (double Authorise, double Resolve) Way, (double Read, double Parse, double Pack) Loads, double Copy, double ResidentBytes);

    private async Task MeasureCapacityAsync(LoadCell cell, LoadPopulation population, CancellationToken cancellation)
    {
        if (_capacity is not null) return;
        var speeds = new List<double>();
        for (var round = 0; round < spec.Rounds; round++)
        {
            using var target = Target(cell, population);
            var window = await LoadWindow.ClosedAsync(target, Requests(cell.Alone(), round), spec.Server.Sequences, spec.Seconds, null, cancellation);
            speeds.Add(window.TokensPerSecond / (0.5 * (spec.Answer[0] + spec.Answer[^1])));
        }
        _capacity = speeds.Median();
    }

    private async Task<Round> MeasureRoundAsync(LoadCell cell, LoadPopulation population, int round, CancellationToken cancellation)
    {
        LoadWindow alone;
        using (var target = Target(cell, population)) alone = await WindowAsync(target, cell.Alone(), round, cancellation);
        LoadWindow mixed;
        (double, double) way;
        (double, double, double) loads;
        double copy, resident;
        using (var target = Target(cell, population))
        {
            mixed = await WindowAsync(target, cell, round, cancellation);
            (way, loads) = (target.Means, target.Source.Means);
            copy = target.Engine.Metrics.SlotLoadTime.SumSeconds / Math.Max(1, target.Engine.Metrics.SlotLoads);
            resident = (double)target.Cache.Bytes / Math.Max(1, target.Cache.Count);
        }
        using var oracle = LoadTarget.Oracle(loaded, spec.Server, population, cell.Bits);
        return new Round(alone, mixed, await oracle.CompareAsync(mixed.Answers, spec.Verified, cancellation), way, loads, copy, resident);
    }

    private Task<LoadWindow> WindowAsync(LoadTarget target, LoadCell cell, int round, CancellationToken cancellation) => cell.Arrivals is { } share
        ? LoadWindow.OpenAsync(target, Requests(cell, round), share * Capacity, spec.Seconds, cancellation)
        : LoadWindow.ClosedAsync(target, Requests(cell, round), spec.Server.Sequences, spec.Seconds, cell.BaseShare < 1 ? spec.Requests : spec.Requests / 10, cancellation);

    private LoadTarget Target(LoadCell cell, LoadPopulation population) => new(loaded, spec.Server, population, cell.Bits, spec.Server.Sequences);

    private LoadRequests Requests(LoadCell cell, int round) => new(spec, cell, loaded.Config.VocabularySize, round);

    private LoadPopulation PopulationOf(LoadCell cell)
    {
        if (_populations.TryGetValue((cell.Rank, cell.Policies), out var population)) return population;
        var at = Path.Combine(folder, $"rank-{cell.Rank}");
        if (!_files.TryGetValue(cell.Rank, out var files))
        {
            var blobs = new FolderBlobs(Path.Combine(at, "blobs"), clock);
            _files[cell.Rank] = files = (blobs, LoadPopulation.Store(blobs, loaded, cell.Ranks, spec.Files, spec.Seed));
        }
        return _populations[(cell.Rank, cell.Policies)] = LoadPopulation.Create(at, files.Blobs, loaded, files.Digests, cell.Ranks.Max(), cell.Policies, clock);
    }

    private LoadRecord Record(LoadCell cell, LoadPopulation population, IReadOnlyList<Round> rounds)
    {
        var (alone, mixed) = (rounds.SelectMany(r => r.Alone.Answers).ToList(), rounds.SelectMany(r => r.Mixed.Answers).ToList());
        var ratios = rounds.Select(r => r.Mixed.TokensPerSecond / r.Alone.TokensPerSecond).ToList();
        var speeds = rounds.Select(r => r.Mixed.TokensPerSecond).ToList();
        var (sequences, adapters) = (rounds.Select(r => r.Mixed.MeanSequences).Median(), rounds.Select(r => r.Mixed.MeanAdapters).Median());
        var layout = new AdapterLayout(loaded.Config, loaded.Weights.ComputeType == torch.ScalarType.BFloat16);
        var withAdapter = mixed.Where(a => a.Digest is not null).ToList();
        var bystanders = withAdapter.Count == mixed.Count || withAdapter.Count == 0 ? null : mixed.Where(a => a.Digest is null).Select(a => a.PerToken).ToList();
        var ceiling = ServingCeiling.Of(loaded, layout, sequences, 0.5 * (spec.Prompt[0] + spec.Prompt[^1]) + 0.25 * (spec.Answer[0] + spec.Answer[^1]), adapters * cell.Ranks.Average(r => layout.BytesOf(r)));
        return new LoadRecord
        {
            Load = spec.Load,
            Figure = cell.Figure,
            Base = loaded.Info.Name,
            Precision = layout.IsBFloat16 ? "bfloat16" : "float32",
            Threads = torch.get_num_threads(),
            Slots = spec.Server.Slots,
            Sequences = spec.Server.Sequences,
            Policies = cell.Policies,
            Files = Math.Min(cell.Policies, spec.Files),
            Rank = cell.Rank,
            Active = cell.Active,
            Zipf = cell.Zipf,
            Arrivals = cell.Arrivals is null ? "closed" : "poisson",
            Offered = cell.Arrivals,
            OfferedPerSecond = cell.Arrivals * _capacity,
            BaseShare = cell.BaseShare,
            Rounds = spec.Rounds,
            Seconds = spec.Seconds,
            Requests = mixed.Count,
            Cancelled = mixed.Count(a => a.End == LoadEnd.Cancelled),
            Failed = mixed.Count(a => a.End == LoadEnd.Failed),
            TokensPerSecond = speeds.Median(),
            TokensPerSecondMin = speeds.Min(),
            TokensPerSecondMax = speeds.Max(),
            AloneTokensPerSecond = rounds.Select(r => r.Alone.TokensPerSecond).Median(),
            Ratio = cell.Arrivals is null ? ratios.Median() : null,
            RatioMin = cell.Arrivals is null ? ratios.Min() : null,
            RatioMax = cell.Arrivals is null ? ratios.Max() : null,
            MeanSequences = sequences,
            MeanAdapters = adapters,
            Ceiling = ceiling,
            OfCeiling = cell.Arrivals is null ? ratios.Median() / ceiling : null,
            FirstTokenP50Ms = First(mixed, 0.5),
            FirstTokenP95Ms = First(mixed, 0.95),
            FirstTokenP99Ms = First(mixed, 0.99),
            AloneFirstTokenP50Ms = First(alone, 0.5),
            AloneFirstTokenP99Ms = First(alone, 0.99),
            SlotFirstTokenP50Ms = FirstOf(AdapterPlace.Slot, 0.5),
            SlotFirstTokenP99Ms = FirstOf(AdapterPlace.Slot, 0.99),
            MemoryFirstTokenP50Ms = FirstOf(AdapterPlace.Memory, 0.5),
            MemoryFirstTokenP99Ms = FirstOf(AdapterPlace.Memory, 0.99),
            StorageFirstTokenP50Ms = FirstOf(AdapterPlace.Storage, 0.5),
            StorageFirstTokenP99Ms = FirstOf(AdapterPlace.Storage, 0.99),
            SlotShare = Share(AdapterPlace.Slot),
            MemoryShare = Share(AdapterPlace.Memory),
            StorageShare = Share(AdapterPlace.Storage),
            TokenP50Ms = PerToken(mixed, 0.5),
            TokenP95Ms = PerToken(mixed, 0.95),
            TokenP99Ms = PerToken(mixed, 0.99),
            AloneTokenP50Ms = PerToken(alone, 0.5),
            AloneTokenP99Ms = PerToken(alone, 0.99),
            BystanderTokenP50Ms = 1e3 * bystanders?.Quantile(0.5),
            BystanderTokenP99Ms = 1e3 * bystanders?.Quantile(0.99),
            AuthoriseMs = Ms(r => r.Way.Authorise),
            ResolveMs = Ms(r => r.Way.Resolve),
            ReadAndVerifyMs = Ms(r => r.Loads.Read),
            ParseMs = Ms(r => r.Loads.Parse),
            PackMs = Ms(r => r.Loads.Pack),
            CopyMs = Ms(r => r.Copy),
            RegistryOpenMs = 1e3 * population.OpenSeconds,
            LookUpP50Ms = 1e3 * population.LookUpSeconds.Quantile(0.5),
            LookUpP99Ms = 1e3 * population.LookUpSeconds.Quantile(0.99),
            RegistryBytesPerPolicy = population.BytesPerPolicy,
            ResidentBytesPerAdapter = rounds.Select(r => r.ResidentBytes).Median(),
            Verified = rounds.Sum(r => r.Verdict.Checked),
            VerifiedWithAdapter = rounds.Sum(r => r.Verdict.WithAdapter),
            ToldApart = rounds.Sum(r => r.Verdict.ToldApart),
            Mismatches = rounds.Sum(r => r.Verdict.Mismatches),
        };

        double Ms(Func<Round, double> of) => 1e3 * rounds.Select(of).Average();
        double First(IEnumerable<LoadAnswer> answers, double at) => 1e3 * answers.Select(a => a.FirstToken).Quantile(at);
        double PerToken(IEnumerable<LoadAnswer> answers, double at) => 1e3 * answers.Select(a => a.PerToken).Quantile(at);
        double Share(AdapterPlace place) => withAdapter.Count == 0 ? 0 : (double)withAdapter.Count(a => a.Place == place) / withAdapter.Count;
        double? FirstOf(AdapterPlace place, double at) => First(mixed.Where(a => a.Place == place), at) is var value && double.IsNaN(value) ? null : value;
    }
}
