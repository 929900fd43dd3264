using PersonalizationBench.Models;

namespace PersonalizationBench.Benchmarks;

/// <summary>What throughput with adapters could be, as a share of the base's, if every byte were read once a step and nothing else took
/// time: (W + B c kv) / (W + B c kv + A).</summary>
public static class ServingCeiling
{
    /// <param name="sequences">B, of a step.</param>
    /// <param name="context">c, mean tokens of a sequence.</param>
    /// <param name="adapterBytes">A, of the step's different adapters together.</param>
    public static double Of(LoadedBase loaded, AdapterLayout layout, double sequences, double context, double adapterBytes)
    {
        var shared = (double)loaded.Info.Parameters * (layout.IsBFloat16 ? 2 : 4) + sequences * context * PagedModel.BytesOfPage(loaded) / PagedModel.PageTokens;
        return shared / (shared + adapterBytes);
    }
}
