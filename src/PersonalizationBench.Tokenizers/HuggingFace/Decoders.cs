using System.Buffers;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Changes the tokens of a text step by step; what is left is joined.</summary>
internal delegate List<string> Decoder(List<string> tokens);

/// <summary>Reads <c>decoder</c>; what is not known is refused by name.</summary>
internal static class Decoders
{
    private static readonly Dictionary<string, Func<JsonPart, Decoder>> Known = new()
    {
        ["ByteLevel"] = part => part.Ignoring("add_prefix_space", "trim_offsets", "use_regex").Done<Decoder>(Bytes),
        ["Metaspace"] = part => Metaspace.Read(part).Decode,
        ["ByteFallback"] = _ => ByteFallback,
        ["Fuse"] = _ => tokens => [string.Concat(tokens)],
        ["Replace"] = Replace,
        ["Strip"] = Strip,
        ["WordPiece"] = WordPiece,
        ["BPEDecoder"] = Suffix,
        ["Sequence"] = Sequence,
    };

    public static IEnumerable<string> Types => Known.Keys;

    /// <summary>Without a decoder the tokens are put side by side with spaces between them.</summary>
    public static Decoder Read(JsonPart? part) => part is null ? tokens => [string.Join(' ', tokens)] : part.ReadByType(Known);

    /// <summary>The characters of the tokens back to bytes, and those to text.</summary>
    public static List<string> Bytes(List<string> tokens)
    {
        var bytes = new ArrayBufferWriter<byte>(tokens.Count * 4 + 1);
        foreach (var token in tokens) ByteAlphabet.AppendBytes(token, bytes);
        return [Encoding.UTF8.GetString(bytes.WrittenSpan)];
    }

    private static Decoder Sequence(JsonPart part)
    {
        Decoder[] steps = [.. part.Required("decoders").Items().Select(p => p.ReadByType(Known))];
        return tokens => steps.Aggregate(tokens, (t, step) => step(t));
    }

    /// <summary>Runs of <c>&lt;0xNN&gt;</c> become the text that they spell; one U+FFFD per byte where they spell none.</summary>
    private static List<string> ByteFallback(List<string> tokens)
    {
        var result = new List<string>(tokens.Count);
        var run = new List<byte>();
        foreach (var token in tokens)
        {
            if (token is ['<', '0', 'x', var high, var low, '>'] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low))
            {
                run.Add(Convert.FromHexString([high, low])[0]);
                continue;
            }
            Flush();
            result.Add(token);
        }
        Flush();
        return result;

        void Flush()
        {
            if (run.Count == 0) return;
            byte[] bytes = [.. run];
            result.Add(System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : new string('\uFFFD', bytes.Length));
            run.Clear();
        }
    }

    private static Decoder Replace(JsonPart part)
    {
        var replace = TextReplacement.Read(part);
        return tokens => tokens.ConvertAll(t => replace(new AlignedText(t)).Text);
    }

    private static Decoder Strip(JsonPart part)
    {
        var (content, start, stop) = (part.Required("content").Character(), part.Required("start").Int(), part.Required("stop").Int());
        return tokens => tokens.ConvertAll(token =>
        {
            for (var n = 0; n < start && token.StartsWith(content, StringComparison.Ordinal); n++) token = token[content.Length..];
            for (var n = 0; n < stop && token.EndsWith(content, StringComparison.Ordinal); n++) token = token[..^content.Length];
            return token;
        });
    }

    private static Decoder WordPiece(JsonPart part)
    {
        var (prefix, cleans) = (part.Required("prefix").String(), part.Bool("cleanup", true));
        return tokens => [.. tokens.Select((token, i) =>
        {
            if (i > 0) token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            return cleans ? CleanUp(token) : token;
        })];
    }

    /// <summary>The spaces that English does not write, token by token, in the order of the original.</summary>
    private static string CleanUp(string token) => token.Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal)
        .Replace(" !", "!", StringComparison.Ordinal).Replace(" ,", ",", StringComparison.Ordinal).Replace(" ' ", "'", StringComparison.Ordinal)
        .Replace(" n't", "n't", StringComparison.Ordinal).Replace(" 'm", "'m", StringComparison.Ordinal).Replace(" do not", " don't", StringComparison.Ordinal)
        .Replace(" 's", "'s", StringComparison.Ordinal).Replace(" 've", "'ve", StringComparison.Ordinal).Replace(" 're", "'re", StringComparison.Ordinal);

    /// <summary>The suffix that ends a word becomes the space after it.</summary>
    private static Decoder Suffix(JsonPart part)
    {
        var suffix = part.Required("suffix");
        var text = suffix.String().Length > 0 ? suffix.String() : throw suffix.Error("expected a text that is not empty");
        return tokens => [.. tokens.Select((token, i) => token.Replace(text, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal))];
    }
}
