using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Conformance.Tests;

public sealed class RetrievalTests
{
    [Fact]
    public void Any_text_is_a_query() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
        {
            using var index = Index("tea and milk", text ?? "");
            return index.Search(text ?? "", 5).All(p => p is 0 or 1);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_code_points_are_a_query() =>
        Prop.ForAll(Gen.Choose(0, 0x10FFFF).ListOf(12).ToArbitrary(), points =>
        {
            // Surrogates by themselves included: such texts come from cut strings.
            var text = string.Concat(points.Select(p => p is >= 0xD800 and <= 0xDFFF ? ((char)p).ToString() : char.ConvertFromUtf32(p)));
            using var index = Index("tea and milk", text);
            return index.Search($"\"{text}\" AND ({text}* NOT tea", 5).Contains(0);
        }).QuickCheckThrowOnFailure();

    /// <summary>SQLite 3.40.1's own scores: null for what shares no word, else the lower the better.</summary>
    [SkippableFact]
    public void Documents_come_in_the_order_of_FTS5s_scores()
    {
        using var references = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("refs/metrics/bm25.json")));
        foreach (var corpus in references.RootElement.GetProperty("cases").EnumerateArray())
        {
            using var index = Index([.. corpus.GetProperty("documents").EnumerateArray().Select(d => d.GetString()!)]);
            foreach (var expected in corpus.GetProperty("expected").EnumerateArray())
            {
                var ranked = expected.GetProperty("fts5").EnumerateArray().Select((score, position) => (Score: score.ValueKind == JsonValueKind.Null ? (double?)null : score.GetDouble(), position))
                    .Where(d => d.Score is not null).OrderBy(d => d.Score).ThenByDescending(d => d.position).Select(d => d.position).ToList();
                var query = expected.GetProperty("query").GetString()!;
                Assert.Equal(ranked, index.Search(query, ranked.Count + 1));
                Assert.Equal(ranked.Take(2), index.Search(query, 2));
            }
        }
    }

    [Theory]
    [InlineData("\"")]
    [InlineData("tea\" OR \"milk")]
    [InlineData("NEAR(tea milk, 2)")]
    [InlineData("text : tea ^ milk*")]
    [InlineData("documents; DROP TABLE documents --")]
    [InlineData("a\0b")]
    [InlineData("()")]
    [InlineData("AND OR NOT NEAR")]
    public void Syntax_of_the_engine_is_text(string question)
    {
        using var index = Index("tea with milk", "juice");
        var found = index.Search(question, 5);
        Assert.Equal(question.Contains("tea", StringComparison.Ordinal) ? [0] : [], found);
    }

    [Fact]
    public void A_query_of_thousands_of_words_is_answered()
    {
        using var index = Index("tea", "w4999 w17");
        Assert.Equal([1], index.Search(string.Join(' ', Enumerable.Range(0, 5000).Select(i => $"w{i}")), 3));
    }

    [Theory]
    [InlineData("What's my dog's name?", "\"What\" OR \"s\" OR \"my\" OR \"dog\" OR \"name\"")]
    [InlineData("tea Tea TEA", "\"tea\"")]
    [InlineData("naïve café 42", "\"naïve\" OR \"café\" OR \"42\"")]
    public void Words_are_quoted_once_each(string text, string query) => Assert.Equal(query, FullTextQuery.From(text));

    [Theory]
    [InlineData("")]
    [InlineData(" ?! ")]
    public void A_text_without_words_is_no_query(string text) => Assert.Null(FullTextQuery.From(text));

    /// <summary>
    /// Okapi BM25 as FTS5 documents it: sum over words of IDF f (k1 + 1) / (f + k1 (1 - b + b |D| / avg)), k1 = 1.2, b = 0.75,
    /// IDF = ln((N - n + 0.5) / (n + 0.5)), at least 1e-6. By hand for the query "tea milk":
    /// N = 5, lengths 4, 2, 6, 3, 5, mean 4. tea is in D0 (twice) and D1: IDF ln(3.5 / 2.5) = 0.3365;
    /// milk in D2 alone: IDF ln(4.5 / 1.5) = 1.0986.
    /// D0: 0.3365 x 2 x 2.2 / (2 + 1.2) = 0.4627. D1: 0.3365 x 2.2 / (1 + 1.2 x 0.625) = 0.4230.
    /// D2: 1.0986 x 2.2 / (1 + 1.2 x 1.375) = 0.9121. So D2, D0, D1.
    /// </summary>
    [Fact]
    public void Ranks_are_those_of_bm25_by_hand()
    {
        using var index = Index("tea tea with bread", "tea please", "milk and rice and fish today", "bread and rice", "i had soup at noon");
        Assert.Equal([2, 0, 1], index.Search("tea milk", 5));
        Assert.Equal([2, 0], index.Search("tea milk", 2));
        // b: of equals in frequency the shorter document is ahead; frequency saturates but counts.
        Assert.Equal([0, 1], index.Search("tea", 5));
    }

    [Fact]
    public void Of_equals_the_newest_is_ahead()
    {
        using var index = Index("tea a", "tea b", "tea c", "juice", "soup", "rice", "fish");
        Assert.Equal([2, 1, 0], index.Search("tea", 5));
    }

    [Fact]
    public void An_empty_history_finds_nothing()
    {
        using var index = Index();
        Assert.Empty(index.Search("tea", 5));
        Assert.True(index.Bytes > 0);
    }

    [Fact]
    public void The_index_grows_with_what_it_holds()
    {
        using var small = Index("tea");
        using var large = Index(Enumerable.Range(0, 200).Select(i => $"word{i} other{i * 7} third{i * 13}").ToArray());
        Assert.True(large.Bytes > small.Bytes);
    }

    private static Bm25Index Index(params string[] texts) => new(texts.Select((t, i) => new Document($"d{i}", null, "note", t)).ToList());
}
