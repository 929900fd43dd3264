using System.IO.Compression;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

public class PythiaTests
{
    private const string File20B = "tokenizers/pythia/20B_tokenizer.json";
    private static readonly Lazy<HuggingFaceTokenizer> Loaded = new(() => Assert.IsType<HuggingFaceTokenizer>(TokenizerFile.Load(SharedData.Require(File20B))));

    [SkippableFact]
    public void ItIsReadAsPublished()
    {
        SharedData.Require(File20B);
        var tokenizer = Loaded.Value;
        Assert.Equal((50277, (int?)0, (int?)0), (tokenizer.VocabularySize, tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Empty(tokenizer.Beginning);
        // The long runs of spaces are added tokens, found before anything is split.
        Assert.Equal([50254], tokenizer.Encode(new string(' ', 24)));
        Assert.Equal([50276], tokenizer.Encode("  "));
        // NFC: the two spellings of é are one.
        Assert.Equal(tokenizer.Encode("caf\u00e9"), tokenizer.Encode("cafe\u0301"));
    }

    /// <summary>All of the data folder's texts, a hundred novels among them: 105 MB.</summary>
    [SkippableFact]
    public void EveryTextOfTheDataComesBack()
    {
        SharedData.Require(File20B);
        var novels = SharedData.Require("data/authors/100_english_novels.zip");
        var data = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(novels)!, ".."));
        var tokenizer = Loaded.Value;
        long bytes = 0;
        Parallel.ForEach(Texts(data), text =>
        {
            var ids = tokenizer.Encode(text.Content);
            // The tokenizer normalizes. Between the stories stands its end-of-text token.
            Assert.True(tokenizer.Decode(ids, keepSpecial: true) == UnicodeNormalization.Normalize(text.Content, NormalizationForm.FormC), $"{text.Name} does not come back");
            Assert.True((double)text.Content.Length / ids.Length is > 2 and < 6, $"{text.Name}: {ids.Length} tokens of {text.Content.Length} characters");
            Interlocked.Add(ref bytes, Encoding.UTF8.GetByteCount(text.Content));
        });
        Assert.InRange(bytes, 100_000_000, long.MaxValue);
    }

    /// <summary>Every file under a folder, and every file in an archive; tables of numbers are no texts.</summary>
    private static IEnumerable<(string Name, string Content)> Texts(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(f => Path.GetExtension(f) != ".csv"))
        {
            if (Path.GetExtension(file) != ".zip")
            {
                yield return (file, File.ReadAllText(file));
                continue;
            }
            using var archive = ZipFile.OpenRead(file);
            foreach (var entry in archive.Entries.Where(e => e.Length > 0))
            {
                using var reader = new StreamReader(entry.Open());
                yield return (entry.FullName, reader.ReadToEnd());
            }
        }
    }

    [SkippableFact]
    public void EveryWellFormedTextComesBackNormalized()
    {
        SharedData.Require(File20B);
        var random = new DeterministicRandom(11);
        for (var i = 0; i < 3000; i++)
        {
            var text = RandomText.Next(random, 50);
            Assert.Equal(UnicodeNormalization.Normalize(text, NormalizationForm.FormC), Loaded.Value.Decode(Loaded.Value.Encode(text)));
        }
    }
}
