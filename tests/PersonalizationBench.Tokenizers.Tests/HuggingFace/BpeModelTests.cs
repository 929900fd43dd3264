using System.Buffers;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

public class BpeModelTests
{
    /// <summary>Each of at most n - 1 merges offers two pairs at most, beside the n - 1 of the beginning.</summary>
    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("abba")]
    [InlineData("random")]
    public void AWordOfAMegabyteTakesALinearNumberOfMerges(string kind)
    {
        const int Length = 1 << 20;
        var random = new DeterministicRandom(7);
        var word = string.Create(Length, (kind, random), static (text, state) =>
        {
            for (var i = 0; i < text.Length; i++) text[i] = state.kind == "random" ? (char)('a' + state.random.Next(2)) : state.kind[i % state.kind.Length];
        });
        var model = TwoLetters();
        var ids = new ArrayBufferWriter<int>();
        model.Encode(word, ids, spans: null);
        Assert.InRange(model.PairsTaken, Length / 2, 3L * Length);
        var tokens = model.Vocabulary.ToDictionary(p => p.Value, p => p.Key);
        Assert.Equal(word, string.Concat(ids.WrittenSpan.ToArray().Select(id => tokens[id])));
    }

    /// <summary>All words of two letters of lengths 1, 2, 4, 8, the shorter ones learnt first.</summary>
    private static BpeModel TwoLetters()
    {
        List<string> words = ["a", "b"];
        var vocabulary = words.Select((word, id) => (word, id)).ToDictionary(p => p.word, p => p.id);
        var pairs = new List<(string Left, string Right)>();
        for (var length = 1; length < 8; length *= 2)
        {
            pairs.AddRange(words.SelectMany(left => words.Select(right => (left, right))));
            words = [.. words.SelectMany(left => words.Select(right => left + right))];
            foreach (var word in words) vocabulary.Add(word, vocabulary.Count);
        }
        var merges = new BpeMerges(vocabulary, prefixLength: 0);
        foreach (var (left, right) in pairs) Assert.Null(merges.TryAdd(left, right));
        return new BpeModel(vocabulary, merges.ByPair, new BpeOptions());
    }
}
