using System.Buffers;
using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.Tests.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests;

/// <summary>Each tokenizer as Microsoft.ML.Tokenizers' abstraction, which other code counts and cuts by.</summary>
public class TextTokenizerTests
{
    private static readonly (string Name, TextTokenizer Tokenizer)[] All =
    [
        ("llama2", TokenizerJson.Load(TokenizerJson.Llama2)),
        ("unigram", TokenizerJson.Load(TokenizerJson.Unigram(byteFallback: true))),
        ("wordpiece", TokenizerJson.Load(TokenizerJson.WordPiece)),
        ("words", new WordTokenizer(["the", "cat", "\n"])),
    ];

    [Fact]
    public void Ids_and_counts_are_those_of_the_suites_own_interface()
    {
        Each((tokenizer, text) =>
        {
            var ids = ((ITokenizer)tokenizer).Encode(text);
            Assert.Equal(ids, tokenizer.EncodeToIds(text));
            Assert.Equal(ids, tokenizer.EncodeToIds(text.AsSpan()));
            Assert.Equal(ids, tokenizer.EncodeToTokens(text, out var normalized).Select(t => t.Id));
            Assert.Null(normalized);
            Assert.Equal(ids.Length, tokenizer.CountTokens(text));
            Assert.Equal(((ITokenizer)tokenizer).Decode(ids), tokenizer.Decode((IEnumerable<int>)ids));
        });
    }

    [Fact]
    public void Offsets_lie_in_the_text_and_do_not_go_back()
    {
        Each((tokenizer, text) =>
        {
            var last = 0;
            foreach (var token in tokenizer.EncodeToTokens(text, out _))
            {
                var (start, end) = (token.Offset.Start.Value, token.Offset.End.Value);
                Assert.InRange(start, 0, end);
                Assert.InRange(end, last, text.Length);
                last = end;
            }
        });
    }

    [Fact]
    public void A_text_is_cut_between_characters_after_so_many_tokens_at_most()
    {
        Each((tokenizer, text) =>
        {
            var all = tokenizer.EncodeToIds(text);
            for (var most = 1; most <= all.Count + 1; most++)
            {
                var some = tokenizer.EncodeToIds(text, most, out _, out var consumed);
                Assert.InRange(some.Count, 0, most);
                Assert.Equal(all.Take(some.Count), some);
                Assert.Equal(consumed, tokenizer.GetIndexByTokenCount(text, most, out _, out var count));
                Assert.Equal(some.Count, count);
                if (most >= all.Count) Assert.Equal((all.Count, text.Length), (some.Count, consumed));
                var index = tokenizer.GetIndexByTokenCountFromEnd(text, most, out _, out var fromEnd);
                Assert.InRange(index, 0, text.Length);
                Assert.InRange(fromEnd, 0, most);
                if (most >= all.Count) Assert.Equal(0, index);
            }
        });
    }

    [Fact]
    public void The_bytes_of_a_character_stay_together()
    {
        var tokenizer = All[0].Tokenizer;
        // The mark, a, and the four bytes of the face.
        Assert.Equal(6, tokenizer.CountTokens("a😀"));
        Assert.Equal(tokenizer.Encode("a"), tokenizer.EncodeToIds("a😀", 3, out _, out var consumed));
        Assert.Equal(1, consumed);
        Assert.Equal(3, tokenizer.GetIndexByTokenCountFromEnd("a😀", 3, out _, out var count));
        Assert.Equal(0, count);
    }

    [Fact]
    public void Decoding_into_a_span_says_where_it_is_too_small()
    {
        var tokenizer = All[3].Tokenizer;
        var ids = tokenizer.Encode("the cat");
        Span<char> room = stackalloc char[7];
        Assert.Equal(OperationStatus.Done, tokenizer.Decode(ids, room, out var consumed, out var written));
        Assert.Equal((2, 7, "the cat"), (consumed, written, room.ToString()));
        Assert.Equal(OperationStatus.DestinationTooSmall, tokenizer.Decode(ids, room[..6], out consumed, out written));
        Assert.Equal((0, 0), (consumed, written));
    }

    [Fact]
    public void A_text_that_is_not_to_be_normalized_or_split_is_refused()
    {
        var tokenizer = All[0].Tokenizer;
        Assert.Throws<NotSupportedException>(() => tokenizer.EncodeToIds("a", considerNormalization: false));
        Assert.Throws<NotSupportedException>(() => tokenizer.CountTokens("a", considerPreTokenization: false));
    }

    private static void Each(Action<TextTokenizer, string> check)
    {
        var random = new DeterministicRandom(31);
        foreach (var (_, tokenizer) in All)
        {
            check(tokenizer, "");
            for (var i = 0; i < 200; i++) check(tokenizer, RandomText.Next(random, 12));
        }
    }
}
