using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Real;

/// <summary>General text of nobody in particular: TinyStories, which the small llama2.c bases were trained on.</summary>
public static class GeneralTexts
{
    /// <summary>The dataset that has the file.</summary>
    public const string Dataset = "tinystories";

    private const string FilePath = "data/tinystories_4MB.txt";
    private const string Separator = "<|endoftext|>";

    /// <summary>Draws stories by the options' seed: as many to hold out as for replay, no story in both.</summary>
    /// <param name="files">Paths by path below the data folder, the dataset's among them.</param>
    public static (IReadOnlyList<string> HeldOut, IReadOnlyList<string> Replay) Draw(IReadOnlyDictionary<string, string> files, RealOptions options) =>
        Draw(File.ReadAllText(files[FilePath]), options);

    /// <inheritdoc cref="Draw(IReadOnlyDictionary{string, string}, RealOptions)"/>
    public static (IReadOnlyList<string> HeldOut, IReadOnlyList<string> Replay) Draw(string corpus, RealOptions options)
    {
        // Distinct beginnings: some stories are in the corpus twice.
        var stories = corpus.ReplaceLineEndings("\n").Split(Separator)
            .Select(story => TextRules.Cut(options.Flatten ? TextRules.Flatten(story) : story.Trim(), options.GeneralTextBytes))
            .Where(story => Encoding.UTF8.GetByteCount(story) >= TimeSplit.MinProbeBytes)
            .DistinctBy(TextRules.Essence)
            .ToList();
        var needed = 2 * options.GeneralTexts;
        if (stories.Count < needed) throw new PbenchException($"{FilePath}: general_texts: {options.GeneralTexts} to hold out and as many for replay were asked for, there are {stories.Count} stories");
        var drawn = DeterministicRandom.For(options.Seed, "general texts").Sample(stories, needed);
        return (drawn.GetRange(0, options.GeneralTexts), drawn.GetRange(options.GeneralTexts, options.GeneralTexts));
    }
}
