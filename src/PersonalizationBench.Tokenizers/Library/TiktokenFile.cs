using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Library;

/// <summary>tiktoken's files, a token in base64 and its rank a line, by Microsoft.ML.Tokenizers.</summary>
/// <remarks>Such a file does not say how a text is split; that is known by the encoding's name, which is the file's, or for Llama 3, whose file is
/// called <c>tokenizer.model</c>. The library's own splitting misses letters beyond the basic plane: the split is this suite's.</remarks>
internal static class TiktokenFile
{
    public const string Llama3Name = "tokenizer";

    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Endings = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)", Rest = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Cl100k = $@"{Endings}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{Rest}";
    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string O200k = $@"[^\r\n\p{{L}}\p{{N}}]?{Upper}*{Lower}+{Endings}?|[^\r\n\p{{L}}\p{{N}}]?{Upper}+{Lower}*{Endings}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{Rest}";

    /// <summary>By name: the split, and the id of <c>&lt;|endoftext|&gt;</c> where the encoding has it.</summary>
    private static readonly Dictionary<string, (string Split, int? EndOfText)> Encodings = new()
    {
        ["gpt2"] = (Gpt2, 50256),
        ["r50k_base"] = (Gpt2, 50256),
        ["p50k_base"] = (Gpt2, 50256),
        ["cl100k_base"] = (Cl100k, 100257),
        ["o200k_base"] = (O200k, 199999),
        [Llama3Name] = (Cl100k, null),
    };

    /// <summary>Whether a file's first line is one of tiktoken's.</summary>
    public static bool BeginsLikeIt(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        return end is > 0 and < 256 && TryParse(Encoding.Latin1.GetString(bytes[..end]), out _);
    }

    /// <param name="name">Of the encoding.</param>
    /// <param name="source">What errors call the file.</param>
    public static LibraryTokenizer Parse(byte[] bytes, string name, string source, SpecialTokenNames names)
    {
        if (!Encodings.TryGetValue(name, out var encoding)) throw new PbenchException($"{source}: how '{name}' splits a text is not known; expected one of {string.Join(", ", Encodings.Keys.Where(k => k != Llama3Name))}");
        var last = LastRank(bytes, source);
        var special = new Dictionary<string, int>(names.Added);
        if (special.Count == 0 && encoding.EndOfText is { } end) special.Add("<|endoftext|>", end);
        if (special.Count == 0) throw new PbenchException($"{source}: the special tokens are not known: expected {SpecialTokenNames.FileName} beside it, with added_tokens_decoder");
        var pattern = SplitPattern.Of(encoding.Split, message => new PbenchException($"{source}: {message}"));
        try
        {
            var inner = TiktokenTokenizer.Create(new MemoryStream(bytes), new PatternPreTokenizer(pattern, special), normalizer: null, special);
            var ends = names.Resolve(special, special.Keys.ToHashSet(), Template.Nothing, source);
            return new LibraryTokenizer(inner, inner, Math.Max(last, special.Values.Max()) + 1, ends, special, names.Followed(Template.Nothing, special), fused: null);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new PbenchException($"{source}: not a file of tiktoken that can be read: {e.Message}", e);
        }
    }

    private static int LastRank(byte[] bytes, string source)
    {
        var (number, last) = (0, -1);
        foreach (var line in Encoding.Latin1.GetString(bytes).Split('\n'))
        {
            number++;
            if (line.Length == 0) continue;
            if (!TryParse(line, out var rank)) throw PbenchException.At(source, number, "expected a token in base64 and its rank");
            last = Math.Max(last, rank);
        }
        return last;
    }

    private static bool TryParse(string line, out int rank)
    {
        rank = -1;
        return line.TrimEnd('\r').Split(' ') is [var token, var number] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out rank)
            && Convert.TryFromBase64String(token, new byte[token.Length], out var length) && length > 0;
    }

    /// <summary>Special tokens as wholes, and what is between them by a pattern over code points.</summary>
    private sealed class PatternPreTokenizer(SplitPattern pattern, IReadOnlyDictionary<string, int> special) : Microsoft.ML.Tokenizers.PreTokenizer
    {
        private readonly AddedTokenFinder _special = new(special.Select(t => new AddedToken(t.Value, t.Key, SingleWord: false, StripLeft: false, StripRight: false, Normalized: false, Special: true)));

        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
        {
            foreach (var (start, end, token) in _special.Split(text, plain: false))
            {
                if (token is not null) yield return (start, end - start);
                else
                    foreach (var (from, to) in pattern.Matches(text.AsSpan(start, end - start))) yield return (start + from, to - from);
            }
        }

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => PreTokenize(text.ToString());
    }
}
