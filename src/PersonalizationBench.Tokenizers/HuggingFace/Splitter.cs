using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>How byte-level BPE prepares a text, where a name says it and not a <c>tokenizer.json</c>: the steps that this has for the same bases.</summary>
/// <param name="WholeFirst">A piece that is a token is that token, whatever merging would give.</param>
/// <param name="Composed">The text is brought to Unicode's form C first, which the bases were trained on (llama.cpp leaves it).</param>
internal sealed record Splitter(Func<PreTokenizer> Split, bool WholeFirst = false, bool Composed = false)
{
    /// <summary>By llama.cpp's names.</summary>
    public static readonly IReadOnlyDictionary<string, Splitter> ByName = new Dictionary<string, Splitter>
    {
        ["gpt-2"] = new(() => PreTokenizers.ByteLevel(prefix: false, split: true)),
        // Every digit by itself, whatever script or form it is of.
        ["smollm"] = new(() => PreTokenizers.InSequence(PreTokenizers.ByKind(UnicodeClass.IsNumber, SplitBehavior.Isolated), PreTokenizers.ByteLevel(prefix: false, split: true))),
        ["llama-bpe"] = new(() => Pattern(@"\p{N}{1,3}"), WholeFirst: true),
        ["qwen2"] = new(() => Pattern(@"\p{N}"), Composed: true),
    };

    public Normalizer Normalizer => Composed ? (text, _) => text.Normalized(NormalizationForm.FormC) : (text, _) => text;

    /// <summary>Llama 3's and Qwen 2's split, which differ in how many digits stand together; then bytes are spelt.</summary>
    private static PreTokenizer Pattern(string digits)
    {
        var pattern = SplitPattern.Of($@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", message => new PbenchException(message));
        return PreTokenizers.InSequence(PreTokenizers.ByPattern(pattern, SplitBehavior.Isolated), PreTokenizers.ByteLevel(prefix: false, split: false));
    }
}
