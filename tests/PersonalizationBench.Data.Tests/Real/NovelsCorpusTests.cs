using System.IO.Compression;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Real;

namespace PersonalizationBench.Data.Tests.Real;

public sealed class NovelsCorpusTests : IDisposable
{
    private const string Key = "data/authors/100_english_novels.zip";

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"novels-{Guid.NewGuid():N}.zip");

    private static readonly NovelsCorpusOptions Options = new() { TextBytes = 40, ReservedAuthors = ["Reserved"], HeldOutNovels = ["Held_Out_1900"], HeldOutTexts = 6 };

    public NovelsCorpusTests()
    {
        using var zip = ZipFile.Open(_path, ZipArchiveMode.Create);
        foreach (var (name, word) in new[] { ("Held_Out_1900", "held"), ("Held_Other_1901", "other"), ("Plain_Tale_1850", "tale"), ("Reserved_Book_1860", "reserved") })
        {
            using var writer = new StreamWriter(zip.CreateEntry($"corpus/{name}.txt").Open());
            for (var i = 0; i < 100; i++) writer.Write($"{word}{i} and é,\r\n");
        }
    }

    public void Dispose() => File.Delete(_path);

    private NovelsCorpus Corpus(NovelsCorpusOptions options) => new(options, new Dictionary<string, string> { [Key] = _path });

    [Fact]
    public void The_stream_reads_neither_reserved_authors_nor_held_out_novels()
    {
        var texts = Corpus(Options).Stream(1).Take(300).Select(t => Assert.Single(t.Segments).Text).ToList();
        Assert.Contains(texts, t => t.Contains("other", StringComparison.Ordinal));
        Assert.Contains(texts, t => t.Contains("tale", StringComparison.Ordinal));
        Assert.DoesNotContain(texts, t => t.Contains("held", StringComparison.Ordinal) || t.Contains("reserved", StringComparison.Ordinal));
        Assert.All(texts, t => Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(t), 38, 40));
        Assert.All(texts, t => Assert.True(char.IsLetter(t[0]), t));
    }

    [Fact]
    public void The_same_seed_gives_the_same_texts_and_another_seed_others()
    {
        Assert.Equal(Texts(1), Texts(1));
        Assert.NotEqual(Texts(1), Texts(2));

        List<string> Texts(long seed) => [.. Corpus(Options).Stream(seed).Take(20).Select(t => t.Segments[0].Text)];
    }

    [Fact]
    public void What_is_held_out_is_spread_over_the_held_out_novels()
    {
        var texts = Corpus(Options).HeldOut.Select(t => t.Segments[0].Text).ToList();
        Assert.Equal(6, texts.Distinct().Count());
        Assert.All(texts, t => Assert.Contains("held", t, StringComparison.Ordinal));
    }

    [Fact]
    public void The_digest_hangs_on_the_options() => Assert.NotEqual(Corpus(Options).Digest, Corpus(Options with { TextBytes = 41 }).Digest);

    [Fact]
    public void A_name_that_no_novel_has_is_refused()
    {
        var author = Assert.Throws<PbenchException>(() => Corpus(Options with { ReservedAuthors = ["Reservd"] }).HeldOut);
        Assert.Equal($"reserved_authors: 'Reservd' is not in {_path}; did you mean 'Reserved'?", author.Message);
        var novel = Assert.Throws<PbenchException>(() => Corpus(Options with { HeldOutNovels = ["Held_Out_1901"] }).Stream(1).First());
        Assert.Equal($"held_out_novels: 'Held_Out_1901' is not in {_path}; did you mean 'Held_Out_1900'?", novel.Message);
    }

    [Fact]
    public void A_file_that_is_no_archive_is_refused()
    {
        File.WriteAllText(_path, "not a zip");
        Assert.StartsWith($"{_path}: not a zip archive", Assert.Throws<PbenchException>(() => Corpus(Options).HeldOut).Message, StringComparison.Ordinal);
    }
}
