using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

// The count of live tensors is the process's, and two cores are soon full.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace PersonalizationBench.Models.Tests;

/// <summary>Models small enough for exact comparison, and texts of numbers for them.</summary>
internal static class TinyModels
{
    public static readonly DecoderConfig Grouped = new(61, 32, 2, 4, 2, 48, 40);

    public static LoadedBase Load(DecoderConfig? config = null, Precision precision = Precision.Float32, long seed = 7, double gain = 8, string device = "cpu")
    {
        config ??= Grouped;
        var weights = DecoderWeights.Initialise(config, seed, precision, device);
        // Larger than at the start of training, so that attention and greedy choices are decided ones.
        Scale(weights, gain);
        return new LoadedBase(BaseFolder.InfoOf("tiny", "digest", config), weights, new NumberTokenizer(config.VocabularySize));
    }

    public static int[] Tokens(DecoderConfig config, int length, DeterministicRandom random) =>
        [.. Enumerable.Range(0, length).Select(i => i == 0 ? 0 : random.Next(2, config.VocabularySize))];

    /// <summary>A user's texts: its own sequence of numbers, so that there is something to learn.</summary>
    public static IReadOnlyList<TrainingText> Texts(int vocabulary, int count, long seed)
    {
        var random = new DeterministicRandom(seed);
        var motif = Enumerable.Range(0, 5).Select(_ => random.Next(2, vocabulary)).ToArray();
        return [.. Enumerable.Range(0, count).Select(i => new TrainingText(
        [
            new TextSegment(Words(random.Next(2, 6), random, vocabulary), 0.1f),
            new TextSegment(string.Join(' ', motif), 1f),
        ]))];
    }

    /// <summary>Tensors alive in the process, once those that nobody holds are gone: else a collection meanwhile takes earlier tests' away.</summary>
    public static long LiveTensors()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Engine.LiveTensors;
    }

    private static string Words(int count, DeterministicRandom random, int vocabulary) =>
        string.Join(' ', Enumerable.Range(0, count).Select(_ => random.Next(2, vocabulary)));

    private static void Scale(DecoderWeights weights, double gain)
    {
        foreach (var name in weights.Names)
            if (weights.Master(name).dim() > 1 && !WeightNames.NeverDecays(name)) weights.Master(name).mul_(gain);
        weights.Refresh();
    }
}

/// <summary>Texts are numbers separated by spaces, each of which is a token.</summary>
internal sealed class NumberTokenizer(int vocabularySize) : ITokenizer
{
    public int VocabularySize => vocabularySize;

    public int? BeginOfText => 0;

    public int? EndOfText => 1;

    public int[] Encode(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => int.Parse(w, System.Globalization.CultureInfo.InvariantCulture))];

    public string Decode(ReadOnlySpan<int> ids) => string.Join(' ', ids.ToArray());
}
