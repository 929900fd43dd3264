using System.Buffers.Binary;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Tokenizers.Tests;

public class Llama2cTokenizerTests
{
    private const string Tok512 = "weights/llama2c/tok512.bin", Tok105 = "weights/llama2c/tok105.bin";

    // ids 0..2 special; 3 " ", 4 a, 5 b, 6 c, 7 ab (best), 8 bc, 9 abc, 10 aa, 11 "é"
    private static readonly (string Piece, float Score)[] Small =
        [("<unk>", 0), ("\n<s>\n", 0), ("\n</s>\n", 0), (" ", -1), ("a", -2), ("b", -3), ("c", -4), ("ab", -5), ("bc", -6), ("abc", -20), ("aa", -7), ("é", -8)];

    [Theory]
    [InlineData("", new int[0])]
    [InlineData("a", new[] { 3, 4 })]
    [InlineData("ab", new[] { 3, 7 })]
    [InlineData("abc", new[] { 3, 9 })] // ab at -5 goes before bc at -6; then abc
    [InlineData("aaa", new[] { 3, 10, 4 })] // equal scores: the leftmost pair
    [InlineData("aaaa", new[] { 3, 10, 10 })]
    [InlineData("aab", new[] { 3, 4, 7 })] // ab beats aa, though it is further right
    [InlineData("é", new[] { 3, 11 })] // one code point of two bytes
    [InlineData("x😀", new[] { 3, 0, 0 })] // no byte tokens: one unknown token per code point
    public void MergesTheBestPairLeftmostFirst(string text, int[] expected) => Assert.Equal(expected, Made(Small).Encode(text));

    [Fact]
    public void AContinuationHasNoDummySpace()
    {
        ITokenizer tokenizer = Made(Small);
        Assert.Equal([7], tokenizer.EncodeContinuation("ab"));
        Assert.Equal([3, 7], tokenizer.EncodeContinuation(" ab"));
        Assert.Equal(" ab", tokenizer.Decode(tokenizer.Encode("ab")));
        Assert.Equal("ab", tokenizer.Decode([.. tokenizer.Beginning, .. tokenizer.Encode("ab")]));
    }

    [SkippableTheory]
    // The expected ids follow from the algorithm as llama2.c's run.c states it, worked out apart from this code.
    [InlineData("Once upon a time", new[] { 403, 407, 261, 378 })]
    [InlineData("Lily's mom said, \"Hi!\"", new[] { 317, 439, 419, 357, 336, 432, 313, 440, 417, 443, 436 })]
    [InlineData("naïve € 😀", new[] { 297, 412, 198, 178, 360, 410, 503, 410, 243, 162, 155, 131 })]
    [InlineData("  two  spaces\n", new[] { 410, 410, 259, 424, 414, 410, 262, 427, 412, 331, 419, 13 })]
    [InlineData("the park", new[] { 265, 282, 295, 433 })]
    public void Tok512GivesKnownIds(string text, int[] expected)
    {
        var tokenizer = Llama2cTokenizer.Load(SharedData.Require(Tok512));
        Assert.Equal(512, tokenizer.VocabularySize);
        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(text, tokenizer.Decode([1, .. expected]));
    }

    [SkippableFact]
    public void TheQueueGivesWhatLookingThroughAllPairsGives()
    {
        var path = SharedData.Require(Tok512);
        var tokenizer = Llama2cTokenizer.Load(path);
        var stories = SharedData.Require("data/tinystories_4MB.txt");
        var text = File.ReadAllText(stories)[..20_000];
        var reference = new SlowReference(File.ReadAllBytes(path));
        var random = new DeterministicRandom(5);
        for (var i = 0; i < 150; i++)
        {
            var at = random.Next(text.Length - 200);
            var piece = text.Substring(at, random.Next(1, 200));
            Assert.Equal(reference.Encode(" " + piece), tokenizer.Encode(piece));
            var few = string.Concat(Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Pick(["a", "e", "h", "t", " ", "d", "n"])));
            Assert.Equal(reference.Encode(" " + few), tokenizer.Encode(few));
        }
    }

    [SkippableFact]
    public void Tok512LosesNothing()
    {
        var tokenizer = Llama2cTokenizer.Load(SharedData.Require(Tok512));
        Assert.True(tokenizer.HasByteTokens);
        var random = new DeterministicRandom(6);
        for (var i = 0; i < 2000; i++)
        {
            var text = RandomText.Next(random, 40);
            Assert.Equal(text, tokenizer.Decode([1, .. tokenizer.Encode(text)]));
            Assert.Equal(text, tokenizer.Decode(tokenizer.EncodeContinuation(text)));
        }
        var story = File.ReadAllText(SharedData.Require("weights/llama2c/stories260K.greedy200.txt"));
        Assert.Equal(story, tokenizer.Decode([1, .. tokenizer.Encode(story)]));
        Assert.Equal(200, tokenizer.Encode(story).Length); // the greedy output was 200 tokens, and merging finds them again
    }

    [SkippableFact]
    public void ALongTextWithoutSpacesDoesNotTakeQuadraticTime()
    {
        var tokenizer = Llama2cTokenizer.Load(SharedData.Require(Tok512));
        // A million symbols: looking through all pairs for each merge would take 10^11 steps and not end within the test run.
        var text = string.Concat(Enumerable.Repeat("themountainsaid", 70_000));
        Assert.Equal(text, tokenizer.Decode([1, .. tokenizer.Encode(text)]));
    }

    [SkippableFact]
    public void Tok105IsByCharacterAndHasNoNewline()
    {
        var tokenizer = Llama2cTokenizer.Load(SharedData.Require(Tok105));
        Assert.Equal(105, tokenizer.VocabularySize);
        Assert.False(tokenizer.HasByteTokens);
        const string text = "Once upon a time, “it’s” 3!";
        var ids = tokenizer.Encode(text);
        Assert.Equal(1 + text.Length, ids.Length);
        Assert.DoesNotContain(0, ids);
        Assert.Equal(text, tokenizer.Decode([1, .. ids]));
        Assert.Equal([0], tokenizer.EncodeContinuation("\n"));
        Assert.Equal([0], tokenizer.EncodeContinuation("😀"));
        Assert.Equal("<unk>", tokenizer.Decode([0]));
    }

    [Theory]
    [InlineData(3, "at least 4 bytes")]
    [InlineData(9, "token 0")]
    [InlineData(14, "truncated")]
    [InlineData(17, "found 1 tokens")]
    public void ATruncatedFileIsRefused(int length, string what) =>
        Assert.Contains(what, Assert.Throws<PbenchException>(() => Llama2cTokenizer.Parse(Bytes(Small).AsSpan(0, length), "t.bin")).Message);

    [Fact]
    public void DamagedFilesAreReadOrRefused()
    {
        var refused = Mutations.Run(Bytes(Small), 4000, seed: 7, allocationLimit: 1 << 20, bytes =>
        {
            var tokenizer = Llama2cTokenizer.Parse(bytes, "t.bin");
            tokenizer.Decode(tokenizer.Encode("abcab é aaa"));
        });
        Assert.InRange(refused, 1000, 3999);
    }

    private static Llama2cTokenizer Made((string, float)[] vocabulary) => Llama2cTokenizer.Parse(Bytes(vocabulary), "t.bin");

    private static byte[] Bytes((string Piece, float Score)[] vocabulary)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write(16);
        foreach (var (piece, score) in vocabulary)
        {
            var bytes = Encoding.UTF8.GetBytes(piece);
            writer.Write(score);
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
        return memory.ToArray();
    }

    /// <summary>The merges by their definition: look through all pairs, merge the best, begin again.</summary>
    private sealed class SlowReference
    {
        private readonly List<(string Piece, float Score)> _vocabulary = [];
        private readonly Dictionary<string, int> _ids = [];

        public SlowReference(ReadOnlySpan<byte> file)
        {
            for (var at = 4; at < file.Length;)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(file[(at + 4)..]);
                _vocabulary.Add((Encoding.Latin1.GetString(file.Slice(at + 8, length)), BinaryPrimitives.ReadSingleLittleEndian(file[at..])));
                _ids.TryAdd(_vocabulary[^1].Piece, _vocabulary.Count - 1);
                at += 8 + length;
            }
        }

        public List<int> Encode(string text)
        {
            var ids = new List<int>();
            foreach (var rune in text.EnumerateRunes())
            {
                var bytes = Encoding.UTF8.GetBytes(rune.ToString());
                var id = Find(Encoding.Latin1.GetString(bytes));
                if (id >= 0) ids.Add(id);
                else ids.AddRange(bytes.Select(b => b + 3));
            }
            while (true)
            {
                var best = (At: -1, Id: -1, Score: float.NegativeInfinity);
                for (var i = 0; i + 1 < ids.Count; i++)
                {
                    var id = Find(_vocabulary[ids[i]].Piece + _vocabulary[ids[i + 1]].Piece);
                    if (id >= 0 && _vocabulary[id].Score > best.Score) best = (i, id, _vocabulary[id].Score);
                }
                if (best.At < 0) return ids;
                ids[best.At] = best.Id;
                ids.RemoveAt(best.At + 1);
            }
        }

        private int Find(string piece) => _ids.GetValueOrDefault(piece, -1);
    }
}
