using System.Globalization;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// What adapters cost a batch, one for each sequence at worst, against the base alone in the same process, and the ceiling that the bytes
/// set.
/// </summary>
public static class ServingBenchmark
{
    /// <summary>Tokens read and written by each sequence, and adapters that there are.</summary>
    public const int Prompt = 32, Tokens = 160, Slots = 64;

    public static async Task<List<ServingRecord>> MeasureAsync(LoadedBase loaded, ServingWorkload workload, int batch, int rounds)
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
    public static async Task<string> CostsAsync(ServingWorkload workload, int rounds)
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
        _ => ServingRecord.AllDistinct,
    };
}
