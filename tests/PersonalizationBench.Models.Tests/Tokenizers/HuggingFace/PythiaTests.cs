using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Tests.Checkpoints;
using PersonalizationBench.Models.Tokenizers;
using PersonalizationBench.Models.Tokenizers.HuggingFace;

namespace PersonalizationBench.Models.Tests.Tokenizers.HuggingFace;

public class PythiaTests
{
    private const string File20B = "tokenizers/pythia/20B_tokenizer.json";
    private static readonly Lazy<HuggingFaceTokenizer> Loaded = new(() => Assert.IsType<HuggingFaceTokenizer>(TokenizerFile.Load(SharedData.Require(File20B))));

    [SkippableFact]
    public void ItIsReadAsPublished()
    {
        SharedData.Require(File20B);
        var tokenizer = Loaded.Value;
        Assert.Equal((50277, 0, 0), (tokenizer.VocabularySize, tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Empty(tokenizer.TemplateBefore);
        // The long runs of spaces are added tokens, found before anything is split.
        Assert.Equal([50254], tokenizer.Encode(new string(' ', 24)));
        Assert.Equal([50276], tokenizer.Encode("  "));
        // NFC: the two spellings of é are one.
        Assert.Equal(tokenizer.Encode("caf\u00e9"), tokenizer.Encode("cafe\u0301"));
    }

    [SkippableTheory]
    [InlineData("tinystories_4MB.txt")]
    [InlineData("authors/ml5_bronte.txt")]
    [InlineData("authors/ml5_darwin.txt")]
    [InlineData("authors/ml5_dubois.txt")]
    [InlineData("authors/tinyshakespeare.txt")]
    [InlineData("authors/federalist_mosteller_wallace.csv")]
    [InlineData("locomo/locomo10.json")]
    [InlineData("locomo/LICENSE.txt")]
    [InlineData("memorybank/memory_bank_en.json")]
    [InlineData("memorybank/probing_questions_en.jsonl")]
    [InlineData("panza_email/david_anonymous_clean.jsonl")]
    [InlineData("panza_email/isabel_anonymous_clean.jsonl")]
    [InlineData("panza_email/marcus_anonymous_clean.jsonl")]
    [InlineData("pepys/pepys_diary.jsonl")]
    public void EveryTextComesBack(string file)
    {
        SharedData.Require(File20B);
        var text = File.ReadAllText(SharedData.Require("data/" + file));
        var tokenizer = Loaded.Value;
        var ids = tokenizer.Encode(text);
        // The tokenizer normalizes. Between the stories stands its end-of-text token.
        Assert.True(tokenizer.Decode(ids, keepSpecial: true) == UnicodeNormalization.Normalize(text, NormalizationForm.FormC));
        Assert.InRange((double)text.Length / ids.Length, 2, 6);
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
