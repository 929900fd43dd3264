using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Benchmarks;

/// <summary>A model and a batch shape, with data that can be learnt: after a word comes, nine times in ten, its successor.</summary>
/// <param name="Name">As in the results.</param>
/// <param name="Model">The architecture that both sides train.</param>
/// <param name="Rows">Sequences of a step.</param>
/// <param name="Length">Trained tokens of a sequence.</param>
public sealed record TrainingWorkload(string Name, DecoderConfig Model, int Rows, int Length)
{
    /// <summary>Few enough that the loss falls within the steps that parity is checked over.</summary>
    private const int WordsInUse = 64;

    private const double SuccessorShare = 0.9;

    /// <summary>Words of the tokenizer: together with its special and byte ids they give the vocabulary size of the shipped bases' kind.</summary>
    private const int Words = 1250;

    private static readonly WordTokenizer s_tokenizer = new([.. Enumerable.Range(0, Words - 1).Select(Word), "\n"]);

    public static WordTokenizer Tokenizer => s_tokenizer;

    /// <summary>The shapes that are timed: that of the shipped base, and one five times as large.</summary>
    public static IReadOnlyList<TrainingWorkload> All { get; } =
    [
        new("1M", Shape(dimension: 128, layers: 4, heads: 4, hidden: 352), Rows: 8, Length: 192),
        new("5M", Shape(dimension: 256, layers: 6, heads: 8, hidden: 704), Rows: 8, Length: 192),
    ];

    public int TokensPerStep => Rows * Length;

    /// <summary>The word after a word, most of the time.</summary>
    private static int Successor(int word) => (5 * word + 17) % WordsInUse;

    private static string Word(int index) => FormattableString.Invariant($"w{index}");

    private static DecoderConfig Shape(int dimension, int layers, int heads, int hidden) =>
        new(s_tokenizer.VocabularySize, dimension, layers, heads, heads, hidden, ContextLength: 256);

    /// <summary>The sequences of the one batch that every step trains on, each of <see cref="Length"/> words. One batch, because
    /// the pretrainer shuffles batches in an order of its own.</summary>
    public IReadOnlyList<string> Texts()
    {
        var random = DeterministicRandom.For(7, "peers", Name);
        return [.. Enumerable.Range(0, Rows).Select(_ => Text(random, Length))];
    }

    /// <summary>One sequence of so many words.</summary>
    public static string Text(DeterministicRandom random, int words)
    {
        var text = new string[words];
        var word = random.Next(WordsInUse);
        for (var i = 0; i < words; i++)
        {
            text[i] = Word(word);
            word = random.Chance(SuccessorShare) ? Successor(word) : random.Next(WordsInUse);
        }
        return string.Join(' ', text);
    }
}
