using System.Text;
using System.Text.Json;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>Small files of the kinds that the ecosystem has.</summary>
internal static class TokenizerJson
{
    private const string LlamaSpecial = """
        {"id":0,"content":"<unk>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":1,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":2,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}
        """;

    private const string LlamaDecoder = """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""";

    /// <summary>Ids 0..2 special, 3..258 the bytes, then ▁ 259, a, b, c, ab 263, ▁ab 264, bc 265.</summary>
    private static readonly string LlamaModel = $$"""
        {"type":"BPE","dropout":null,"unk_token":"<unk>","continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,
        "vocab":{"<unk>":0,"<s>":1,"</s>":2,{{string.Join(',', Enumerable.Range(0, 256).Select(b => $"\"<0x{b:X2}>\":{b + 3}"))}},"▁":259,"a":260,"b":261,"c":262,"ab":263,"▁ab":264,"bc":265},
        "merges":["a b",["▁","ab"],"b c"]}
        """;

    /// <summary>As Llama 2's: the space before a text is put there by the normalizer.</summary>
    public static readonly string Llama2 = $$"""
        {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{{LlamaSpecial}}],
        "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
        "pre_tokenizer":null,
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0} },{"Sequence":{"id":"A","type_id":0} }],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]} } },
        "decoder":{{LlamaDecoder}},"model":{{LlamaModel}} }
        """;

    /// <summary>As Mistral's: by a pre-tokenizer, once a text or before every stretch of it.</summary>
    public static string Mistral(string scheme) => $$"""
        {"version":"1.0","added_tokens":[{{LlamaSpecial}}],"normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{scheme}}","split":false},
        "post_processor":null,"decoder":{{LlamaDecoder}},"model":{{LlamaModel}} }
        """;

    public static string Unigram(bool byteFallback = false) => $$"""
        {"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":7,"content":"<s>","special":true},{"id":8,"content":"</s>","special":true}],
        "normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},"decoder":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},
        "post_processor":{"type":"RobertaProcessing","sep":["</s>",8],"cls":["<s>",7],"trim_offsets":true,"add_prefix_space":true},
        "model":{"type":"Unigram","unk_id":0,"byte_fallback":{{(byteFallback ? "true" : "false")}},
        "vocab":[["<unk>",0],["▁",-2],["a",-2],["b",-3.0],["ab",-4],["▁a",-3.5],["<0x78>",-7.0]]} }
        """;

    public const string WordPiece = """
        {"version":"1.0","added_tokens":[{"id":0,"content":"[UNK]","special":true},{"id":1,"content":"[CLS]","special":true},{"id":2,"content":"[SEP]","special":true}],
        "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0} },{"Sequence":{"id":"A","type_id":0} },{"SpecialToken":{"id":"[SEP]","type_id":0} }],
        "pair":[{"Sequence":{"id":"A","type_id":0} }],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}},
        "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
        "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":10,
        "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"un":3,"##aff":4,"##able":5,"runs":6,"!":7,"##a":8,"u":9}}}
        """;

    /// <summary>As T5's: SentencePiece's own table, and neither a token that begins a text nor one id after another.</summary>
    public static readonly string T5 = $$"""
        {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<pad>","special":true},{"id":1,"content":"</s>","special":true},{"id":2,"content":"<unk>","special":true},{"id":99,"content":"<extra_id_0>","special":true}],
        "normalizer":{"type":"Precompiled","precompiled_charsmap":"{{CharsMap.Of(("\t", " "), ("\n", " "), ("ﬁ", "fi"))}}"},
        "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","add_prefix_space":true}]},
        "post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0} },{"SpecialToken":{"id":"</s>","type_id":0} }],"pair":[],"special_tokens":{"</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]} } },
        "decoder":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},
        "model":{"type":"Unigram","unk_id":2,"vocab":[["<pad>",0],["</s>",0],["<unk>",0],["▁",-2],["f",-3],["i",-3],["▁fi",-4],["n",-3],["fin",-4.5]]} }
        """;

    public const string WordLevel = """
        {"added_tokens":[{"id":7,"content":"[CLS]","special":true},{"id":9,"content":"[SEP]","special":true}],"pre_tokenizer":{"type":"Whitespace"},
        "model":{"type":"WordLevel","vocab":{"[UNK]":0,"the":1,"cat":2,"!":5},"unk_token":"[UNK]"}}
        """;

    /// <summary>The words of the Metaspace-free rest: BPE over letters, with whatever else is asked for.</summary>
    public static string Bpe(string vocabulary, string merges, string options = "", string added = """{"id":0,"content":"<s>","special":true},{"id":1,"content":"</s>","special":true}""", string rest = "") =>
        $$"""{"added_tokens":[{{added}}],{{rest}}"model":{"type":"BPE",{{options}}"vocab":{"<s>":0,"</s>":1,{{vocabulary}}},"merges":[{{merges}}]} }""";

    public static HuggingFaceTokenizer Load(string json, SpecialTokenNames? names = null) => HuggingFaceTokenizer.Parse(Encoding.UTF8.GetBytes(json), "tokenizer.json", names ?? SpecialTokenNames.Unknown);

    public static JsonPart Part(string json, string path)
    {
        using var document = JsonDocument.Parse(json);
        return new JsonPart(document.RootElement.Clone(), "tokenizer.json", path);
    }
}
