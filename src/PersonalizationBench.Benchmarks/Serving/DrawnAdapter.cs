using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Benchmarks;

/// <summary>Adapters that nobody trained: what is timed does not hang on their values.</summary>
public static class DrawnAdapter
{
    /// <summary>An adapter that does something: its values are drawn.</summary>
    /// <param name="strength">Largest value of B; at 0.1 answers are others than the base's.</param>
    public static PeftAdapter Make(LoadedBase loaded, int rank, string seed, double strength = 0.01)
    {
        var random = DeterministicRandom.For(rank, seed);
        var modules = loaded.Config.Projections.SelectMany(module =>
        {
            var (output, input) = loaded.Config.ProjectionShape(module);
            return Enumerable.Range(0, loaded.Config.Layers).Select(layer => LoraFactors.FromSingles(WeightNames.Module(layer, module), rank, Draw(rank * input, 1 / Math.Sqrt(input)), Draw(output * rank, strength)));
        }).ToList();
        return new PeftAdapter(new PeftAdapterConfig(rank, 2 * rank, loaded.Config.Projections, loaded.Info.Name), modules, loaded.Info.Digest);

        float[] Draw(int count, double bound)
        {
            var values = new float[count];
            for (var i = 0; i < count; i++) values[i] = (float)((2 * random.NextDouble() - 1) * bound);
            return values;
        }
    }
}
