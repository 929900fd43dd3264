using System.Text;
using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Tokenizers.Tests;

public class WordTokenizerTests
{
    private const int Newline = 258, The = 259, Cat = 260, Dot = 261;
    private static readonly WordTokenizer Tokenizer = new(["\n", "the", "cat", "."]);

    private static int Byte(char c) => 2 + c;

    [Fact]
    public void IdsAreInTheStatedOrder()
    {
        Assert.Equal(262, Tokenizer.VocabularySize);
        Assert.Equal(((int?)0, (int?)1), (Tokenizer.BeginOfText, Tokenizer.EndOfText));
        Assert.Equal([The, Cat, Dot, Newline, The], Tokenizer.Encode("the cat .\nthe"));
        Assert.Equal("the cat .\nthe", Tokenizer.Decode([0, The, Cat, Dot, Newline, The, 1]));
        Assert.Equal(Cat, Tokenizer.IdOf("cat"));
        Assert.Null(Tokenizer.IdOf("dog"));
    }

    [Fact]
    public void UnknownWordsAreSpeltWithASpaceByteBetweenNeighbours()
    {
        Assert.Equal([The, Byte('o'), Byte('x'), Cat], Tokenizer.Encode("the ox cat"));
        Assert.Equal([Byte('a'), Byte(' '), Byte('b'), Cat, Byte('c')], Tokenizer.Encode("a b cat c"));
        Assert.Equal([Byte('a'), Newline, Byte('b')], Tokenizer.Encode("a\nb"));
        Assert.Equal([2 + 0xC3, 2 + 0xA9], Tokenizer.Encode("é"));
    }

    [Theory]
    [InlineData("the  cat")]
    [InlineData(" the")]
    [InlineData("the ")]
    [InlineData("the\n cat")]
    [InlineData("the \ncat")]
    [InlineData(" ")]
    public void TextsThatJoiningWouldChangeAreSpeltAsAWhole(string text)
    {
        Assert.Equal(Encoding.UTF8.GetBytes(text).Select(b => b + 2), Tokenizer.Encode(text));
        Assert.Equal(text, Tokenizer.Decode(Tokenizer.Encode(text)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("\n\nthe\n\n")]
    [InlineData("the\r\ncat")]
    [InlineData("<bos> the <0x41>")]
    public void OddTextsComeBack(string text) => Assert.Equal(text, Tokenizer.Decode(Tokenizer.Encode(text)));

    [Fact]
    public void EveryWellFormedTextComesBack() => Prop.ForAll(ArbMap.Default.ArbFor<long>(), seed =>
    {
        var random = new DeterministicRandom(seed);
        for (var i = 0; i < 100; i++)
        {
            var text = RandomText.Next(random, 30);
            Assert.Equal(text, Tokenizer.Decode(Tokenizer.Encode(text)));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void LoneSurrogatesBecomeTheReplacementCharacter() =>
        Assert.Equal("the \uFFFD cat", Tokenizer.Decode(Tokenizer.Encode("the \ud800 cat")));

    [Fact]
    public void PromptAndContinuationOfKnownWordsCanBeEncodedApart()
    {
        var random = new DeterministicRandom(8);
        for (var i = 0; i < 200; i++)
        {
            var (a, b) = (Words(), Words());
            Assert.Equal(Tokenizer.Encode($"{a} {b}"), Tokenizer.Encode(a).Concat(Tokenizer.Encode(b)));
            Assert.Equal(Tokenizer.Encode($"{a}\n{b}"), Tokenizer.Encode(a + "\n").Concat(Tokenizer.Encode(b)));
        }

        string Words() => string.Join(' ', Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Pick(["the", "cat", "."])));
    }

    [Fact]
    public void AnyIdsCanBeDecoded()
    {
        var random = new DeterministicRandom(9);
        for (var i = 0; i < 500; i++)
        {
            int[] ids = [.. Enumerable.Range(0, 20).Select(_ => random.Next(Tokenizer.VocabularySize))];
            Assert.NotNull(Tokenizer.Decode(ids));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizer.Decode([Tokenizer.VocabularySize]));
    }

    [Fact]
    public void SavedAndLoadedItIsTheSame()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = new WordTokenizer(["\n", "the", "naïve", "\"quoted\"", "😀", "\t"]);
        tokenizer.Save(folder.File("tokenizer.json"));
        var loaded = Assert.IsType<WordTokenizer>(TokenizerFile.Load(folder.File("tokenizer.json")));
        Assert.Equal(tokenizer.Words, loaded.Words);
        loaded.Save(folder.File("again.json"));
        Assert.Equal(File.ReadAllBytes(folder.File("tokenizer.json")), File.ReadAllBytes(folder.File("again.json")));
    }

    [Theory]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["a"]}""", "newline")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["\n","a b"]}""", "words[1]")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["\n","a","a"]}""", "also words[1]")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["\n",""]}""", "empty")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["\n",3]}""", "words[1]")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":2,"words":["\n"]}""", "version")]
    [InlineData("""{"type":"BPE","version":1,"words":["\n"]}""", "type")]
    [InlineData("""{"version":1,"words":["\n"]}""", "found none")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1}""", "words: missing")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["\n"],"more":1}""", "'more'")]
    [InlineData("""{"model":{}}""", "'model'")]
    [InlineData("""{"type":"PersonalizationBench.Word","version":1,"words":["\n","\ud800"]}""", "not valid JSON")]
    [InlineData("""[]""", "object")]
    [InlineData("", "not valid JSON")]
    public void AWrongFileIsRefusedByKey(string json, string what)
    {
        var error = Assert.Throws<PbenchException>(() => WordTokenizer.Parse(Encoding.UTF8.GetBytes(json), "tokenizer.json"));
        Assert.StartsWith("tokenizer.json", error.Message);
        Assert.Contains(what, error.Message);
    }

    [Fact]
    public void DamagedFilesAreReadOrRefused()
    {
        var valid = Encoding.UTF8.GetBytes("""{"type":"PersonalizationBench.Word","version":1,"words":["\n","the","caf\u00e9","😀"]}""");
        Assert.InRange(Mutations.Run(valid, 4000, seed: 10, allocationLimit: 1 << 20, bytes => WordTokenizer.Parse(bytes, "tokenizer.json")), 2000, 3999);
    }

    [Fact]
    public void TheKindOfFileIsToldByNameOrContent()
    {
        using var folder = new TemporaryFolder();
        Tokenizer.Save(folder.File("vocabulary"));
        Assert.IsType<WordTokenizer>(TokenizerFile.Load(folder.File("vocabulary")));
        File.WriteAllBytes(folder.File("t.bin"), [1, 0, 0, 0, .. Enumerable.Repeat(new byte[] { 0, 0, 0, 0, 1, 0, 0, 0, (byte)'a' }, 3).SelectMany(b => b)]);
        Assert.IsType<Llama2cTokenizer>(TokenizerFile.Load(folder.File("t.bin")));
        Assert.Contains("gone.json", Assert.Throws<PbenchException>(() => TokenizerFile.Load(folder.File("gone.json"))).Message);
        Assert.Contains("gone", Assert.Throws<PbenchException>(() => TokenizerFile.Load(folder.File("gone"))).Message);
    }
}
