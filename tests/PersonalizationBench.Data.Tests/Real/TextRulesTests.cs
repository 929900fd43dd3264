using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Real;

namespace PersonalizationBench.Data.Tests.Real;

public class TextRulesTests
{
    [Theory]
    [InlineData("Hi,\r\n\r\nI had a look at the numbers\r\nand they are  fine.\r\n\r\n\r\nBest,\r\nDavid\r\n", "Hi,\n\nI had a look at the numbers and they are fine.\n\nBest,\nDavid")]
    [InlineData("This line is long enough to have been broken because it was full\r\nToday.", "This line is long enough to have been broken because it was full Today.")]
    [InlineData("A short line\nThen another", "A short line\nThen another")]
    [InlineData("These are the things that we should really talk about today:\n- one\n- two\n1. three", "These are the things that we should really talk about today:\n- one\n- two\n1. three")]
    [InlineData("This line is long enough to have been broken because it was full\n> quoted text", "This line is long enough to have been broken because it was full\n> quoted text")]
    [InlineData("\r\n \r\n", "")]
    public void HardWrapsAreUndoneAndParagraphsKept(string body, string expected) => Assert.Equal(expected, TextRules.Unwrap(body));

    [Fact]
    public void FlatteningLeavesOneLine() => Assert.Equal("a b c", TextRules.Flatten(" a\n\n b\t\u00A0c \r\n"));

    [Theory]
    [InlineData("One. Two three. Four", 100, "One. Two three. Four")]
    [InlineData("One. Two three. Four", 19, "One. Two three.")]
    [InlineData("One. Two three. Four", 10, "One.")]
    [InlineData("He said “go.” Then", 17, "He said “go.”")]
    [InlineData("Supped with Mr. Moore", 17, "Supped with Mr.")] // no sentence ends here, so at a word
    [InlineData("no end in sight at all", 8, "no end")]
    [InlineData("unbreakable", 5, "unbre")]
    [InlineData("ééé", 5, "éé")]
    [InlineData("😀😀", 7, "😀")]
    public void TextsAreCutAtSentencesThenWordsThenCharacters(string text, int bytes, string expected) =>
        Assert.Equal(expected, TextRules.Cut(text, bytes));

    [Fact]
    public void ACutIsABeginningThatFits()
    {
        var random = new DeterministicRandom(1);
        for (var i = 0; i < 500; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => random.Pick(["a", "é", "😀", " ", ". ", "\n", "Mr. ", "!”"])));
            var bytes = random.Next(4, 80);
            var cut = TextRules.Cut(text, bytes);
            Assert.StartsWith(cut, text, StringComparison.Ordinal);
            Assert.InRange(Encoding.UTF8.GetByteCount(cut), text.Length == 0 ? 0 : 1, Math.Max(bytes, 0));
        }
    }

    [Fact]
    public void TitlesEndNoSentence() =>
        Assert.Equal(["Dined with Mr. Moore and Sir W. Penn.", " So home!”"], Sentences("Dined with Mr. Moore and Sir W. Penn. So home!”"));

    [Fact]
    public void TheEssenceIsWhatLayoutLeaves() => Assert.Equal(TextRules.Essence("Thank you, Tom!\n"), TextRules.Essence("thank  you Tom"));

    private static List<string> Sentences(string text)
    {
        var start = 0;
        return [.. TextRules.SentenceEnds(text).Select(end => (text[start..end], start = end).Item1)];
    }
}
