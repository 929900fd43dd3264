using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;
using PersonalizationBench.Tokenizers.Library;

namespace PersonalizationBench.Tokenizers.Tests.Library;

/// <summary>Bases whose tokenizer is one of the older files: SentencePiece's model, tiktoken's ranks, a vocabulary with its merges.</summary>
public sealed class LibraryFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A model made of the reference's tokenizer.json: the ids of both are the same, but after a special token in the text.</summary>
    [SkippableFact]
    public void A_SentencePiece_model_gives_the_ids_and_texts_of_the_same_tokenizer_json()
    {
        var tokenizer = Load("tokenizer.model", SentencePieceModel());
        Assert.Equal(((int?)1, (int?)2), (tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Equal([1], tokenizer.Beginning);
        var (same, special) = (0, 0);
        foreach (var expected in Cases("llama2_bpe"))
        {
            var text = expected.GetProperty("text").GetString()!;
            if (text.Contains("<s>") || text.Contains("</s>") || text.Contains("<unk>"))
            {
                special++;
                continue;
            }
            Assert.Equal(Ints(expected, "ids")[1..], tokenizer.Encode(text));
            Assert.Equal(expected.TryGetProperty("decoded", out var other) ? other.GetString() : text, tokenizer.Decode(Ints(expected, "ids")));
            Assert.Equal(tokenizer.Encode(text), tokenizer.EncodeToIds(text));
            Assert.Equal(tokenizer.Encode(text).Length, tokenizer.CountTokens(text));
            same++;
        }
        Assert.True(same > 130 && special < 15, $"{same} texts, {special} with special tokens");
    }

    [SkippableFact]
    public void A_text_that_goes_on_gets_no_space_before_it()
    {
        var json = HuggingFaceTokenizer.Parse(File.ReadAllBytes(Reference("llama2_bpe")), "tokenizer.json", SpecialTokenNames.Unknown);
        var tokenizer = Load("tokenizer.model", SentencePieceModel());
        foreach (var text in new[] { "the cat", " the cat", "a", "é", "" }) Assert.Equal(json.EncodeContinuation(text), tokenizer.EncodeContinuation(text));
    }

    [SkippableFact]
    public void The_config_beside_says_what_is_put_around_a_text()
    {
        File.WriteAllText(_folder.File("tokenizer_config.json"), """{"bos_token":"<s>","eos_token":"</s>","add_bos_token":false,"add_eos_token":true}""");
        var tokenizer = Load("tokenizer.model", SentencePieceModel());
        Assert.Empty(tokenizer.Beginning);
        Assert.Equal([2], tokenizer.Ending);
    }

    [SkippableTheory]
    [InlineData(1, false, "trainer_spec: a model of type Unigram is not read; expected BPE")]
    [InlineData(3, false, "trainer_spec: a model of type 3 is not read; expected BPE")]
    [InlineData(2, true, "normalizer_spec: a table of replacements is not read")]
    public void What_the_library_reads_with_other_ids_is_refused_by_name(int type, bool table, string expected) =>
        Assert.Contains(expected, Assert.Throws<PbenchException>(() => Load("tokenizer.model", SentencePieceModel(type, table))).Message);

    [SkippableFact]
    public void Damaged_models_are_read_or_refused() =>
        Assert.InRange(Mutations.Run(SentencePieceModel(), 300, seed: 51, allocationLimit: 1 << 26, bytes => SentencePieceFile.Parse(bytes, "tokenizer.model", SpecialTokenNames.Unknown).Encode("a b")), 50, 300);

    [SkippableTheory]
    [InlineData("gpt2.tiktoken")]
    [InlineData("r50k_base.tiktoken")]
    public void A_file_of_tiktoken_gives_the_ids_and_texts_of_the_references(string name)
    {
        var tokenizer = Load(name, Gpt2Ranks());
        Assert.Equal((50257, (int?)50256, (int?)50256), (tokenizer.VocabularySize, tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Empty(tokenizer.Beginning);
        foreach (var expected in Cases("gpt2"))
        {
            var text = expected.GetProperty("text").GetString()!;
            Assert.Equal(Ints(expected, "ids"), tokenizer.Encode(text));
            Assert.Equal(expected.TryGetProperty("decoded", out var other) ? other.GetString() : text, tokenizer.Decode(Ints(expected, "ids")));
        }
        // Two letters beyond the basic plane are one piece, as by the reader of GPT-2's own files.
        Assert.Equal(Gpt2Files.Load(SharedData.Require("tokenizers/gpt2/encoder.json"), SharedData.Require("tokenizers/gpt2/vocab.bpe")).Encode(" 𝒜𐐷a 𝟘𝟙"), tokenizer.Encode(" 𝒜𐐷a 𝟘𝟙"));
    }

    /// <summary>The vocabulary is GPT-2's; what is tested is the split that goes with the encoding's name.</summary>
    [SkippableTheory]
    [InlineData("cl100k_base.tiktoken", "llama3_split")]
    [InlineData("o200k_base.tiktoken", "o200k_split")]
    [InlineData("tokenizer.model", "llama3_split")]
    public void The_split_goes_with_the_name(string name, string kind)
    {
        File.WriteAllText(_folder.File("tokenizer_config.json"), """{"added_tokens_decoder":{"50256":{"content":"<|end|>","special":true}},"bos_token":"<|end|>","add_bos_token":true}""");
        var tokenizer = Load(name, Gpt2Ranks());
        Assert.Equal([50256], tokenizer.Beginning);
        using var json = JsonDocument.Parse(File.ReadAllBytes(Reference(kind)));
        var split = Regexes(json.RootElement.GetProperty("pre_tokenizer")).Single();
        var pattern = SplitPattern.Of(split, message => new PbenchException(message));
        foreach (var text in Cases(kind).Select(c => c.GetProperty("text").GetString()!))
            Assert.Equal(pattern.Matches(text).Select(m => (m.Start, m.End - m.Start)), tokenizer.PreTokenizer!.PreTokenize(text));
    }

    [SkippableFact]
    public void What_is_wrong_with_a_file_of_tiktoken_is_named()
    {
        Assert.Contains("how 'mine' splits a text is not known; expected one of gpt2", Assert.Throws<PbenchException>(() => Load("mine.tiktoken", "IQ== 0\n"u8.ToArray())).Message);
        Assert.EndsWith("gpt2.tiktoken:2: expected a token in base64 and its rank", Assert.Throws<PbenchException>(() => Load("gpt2.tiktoken", "IQ== 0\n?? 1\n"u8.ToArray())).Message);
        Assert.Contains("the special tokens are not known", Assert.Throws<PbenchException>(() => Load("tokenizer.model", "IQ== 0\n"u8.ToArray())).Message);
        Assert.Contains("not a SentencePiece model", Assert.Throws<PbenchException>(() => Load("tokenizer.model", "hello"u8.ToArray())).Message);
    }

    [SkippableTheory]
    [InlineData("""{"tokenizer_class":"GPT2Tokenizer"}""", null, "bytelevel")]
    [InlineData(null, """{"model_type":"gpt2"}""", "bytelevel")]
    [InlineData("""{"tokenizer_class":"Qwen2Tokenizer","added_tokens_decoder":{"50256":{"content":"<|endoftext|>"}},"eos_token":"<|endoftext|>"}""", """{"model_type":"gpt2"}""", "digits")]
    [InlineData("""{"tokenizer_class":"WhisperTokenizer"}""", null, "how 'WhisperTokenizer' splits a text is not known")]
    [InlineData(null, null, "how it splits a text is not known")]
    [InlineData("""{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":true}""", null, "add_prefix_space true is not read with vocab.json")]
    public void A_vocabulary_with_its_merges_is_split_as_its_class_does(string? tokenizerConfig, string? config, string expected)
    {
        File.Copy(SharedData.Require("tokenizers/gpt2/encoder.json"), _folder.File("vocab.json"));
        File.Copy(SharedData.Require("tokenizers/gpt2/vocab.bpe"), _folder.File("merges.txt"));
        if (tokenizerConfig is not null) File.WriteAllText(_folder.File("tokenizer_config.json"), tokenizerConfig);
        if (config is not null) File.WriteAllText(_folder.File("config.json"), config);
        Assert.Equal([_folder.File("vocab.json"), _folder.File("merges.txt")], TokenizerFile.FilesOf(_folder.Path));
        if (expected is "bytelevel" or "digits") Assert.Equal(expected == "digits" ? [16, 17] : [1065], TokenizerFile.Load(_folder.File("vocab.json")).Encode("12"));
        else Assert.Contains(expected, Assert.Throws<PbenchException>(() => TokenizerFile.Load(_folder.File("vocab.json"))).Message);
    }

    [Fact]
    public void A_folder_without_a_tokenizer_says_what_would_be_one() =>
        Assert.Equal($"{_folder.Path}: expected one of tokenizer.json, tokenizer.bin, tokenizer.model, vocab.json (with merges.txt), or a file ending in .tiktoken", Assert.Throws<PbenchException>(() => TokenizerFile.FilesOf(_folder.Path)).Message);

    private LibraryTokenizer Load(string name, byte[] bytes)
    {
        File.WriteAllBytes(_folder.File(name), bytes);
        Assert.Equal([_folder.File(name)], TokenizerFile.FilesOf(_folder.Path));
        return Assert.IsType<LibraryTokenizer>(TokenizerFile.Load(_folder.File(name)));
    }

    private static string Reference(string kind) => SharedData.Require($"refs/tokenizers/{kind}/tokenizer.json");

    private static IEnumerable<JsonElement> Cases(string kind)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require($"refs/tokenizers/{kind}/cases.json")));
        return [.. document.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.Clone())];
    }

    private static IEnumerable<string> Regexes(JsonElement part) => part.ValueKind switch
    {
        JsonValueKind.Object => part.EnumerateObject().SelectMany(p => p.Name == "Regex" ? [p.Value.GetString()!] : Regexes(p.Value)),
        JsonValueKind.Array => part.EnumerateArray().SelectMany(Regexes),
        _ => [],
    };

    private static int[] Ints(JsonElement of, string key) => [.. of.GetProperty(key).EnumerateArray().Select(v => v.GetInt32())];

    /// <summary>GPT-2's vocabulary as tiktoken writes it.</summary>
    private static byte[] Gpt2Ranks()
    {
        using var vocabulary = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("tokenizers/gpt2/encoder.json")));
        var lines = new StringBuilder();
        foreach (var token in vocabulary.RootElement.EnumerateObject().Where(t => t.Name != "<|endoftext|>").OrderBy(t => t.Value.GetInt32()))
        {
            var bytes = new System.Buffers.ArrayBufferWriter<byte>();
            ByteAlphabet.AppendBytes(token.Name, bytes);
            lines.Append(System.Globalization.CultureInfo.InvariantCulture, $"{Convert.ToBase64String(bytes.WrittenSpan)} {token.Value.GetInt32()}\n");
        }
        return Encoding.ASCII.GetBytes(lines.ToString());
    }

    /// <summary>The reference's vocabulary as SentencePiece's ModelProto: a merge scores the higher the earlier it was learnt.</summary>
    private static byte[] SentencePieceModel(int type = 2, bool table = false)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Reference("llama2_bpe")));
        var model = json.RootElement.GetProperty("model");
        var merged = new Dictionary<string, int>();
        foreach (var merge in model.GetProperty("merges").EnumerateArray())
            merged.TryAdd(merge.ValueKind == JsonValueKind.String ? merge.GetString()!.Replace(" ", "") : merge[0].GetString() + merge[1].GetString(), merged.Count);
        using var file = new MemoryStream();
        foreach (var token in model.GetProperty("vocab").EnumerateObject().OrderBy(t => t.Value.GetInt32()))
        {
            var kind = token.Name switch { "<unk>" => 2, "<s>" or "</s>" => 3, ['<', '0', 'x', _, _, '>'] => 6, _ => 1 };
            var score = merged.TryGetValue(token.Name, out var rank) ? -rank : -merged.Count - token.Value.GetInt32();
            Bytes(file, 1, [.. Message(1, Encoding.UTF8.GetBytes(token.Name)), 2 << 3 | 5, .. BitConverter.GetBytes((float)score), 3 << 3, (byte)kind]);
        }
        // trainer_spec: model_type, byte_fallback, ids of <unk>, <s>, </s>; normalizer_spec: add_dummy_prefix, remove_extra_whitespaces false, escape_whitespaces.
        Bytes(file, 2, [3 << 3, (byte)type, 0x98, 0x02, 1, 0xC0, 0x02, 0, 0xC8, 0x02, 1, 0xD0, 0x02, 2]);
        Bytes(file, 3, [.. Message(1, "identity"u8.ToArray()), .. table ? Message(2, [4, 0, 0, 0, 0, 0, 0, 0]) : [], 3 << 3, 1, 4 << 3, 0, 5 << 3, 1]);
        return file.ToArray();
    }

    private static void Bytes(MemoryStream file, int field, byte[] content) => file.Write(Message(field, content));

    private static byte[] Message(int field, byte[] content)
    {
        List<byte> bytes = [(byte)(field << 3 | 2)];
        var length = content.Length;
        for (; length >= 0x80; length >>= 7) bytes.Add((byte)(length | 0x80));
        return [.. bytes, (byte)length, .. content];
    }
}
