namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>SentencePiece's spelling of spaces as a visible character, with one before the text: a pre-tokenizer and a decoder.</summary>
internal sealed class Metaspace
{
    private readonly string _mark;
    private readonly string _scheme;
    private readonly bool _split;

    private Metaspace(string mark, string scheme, bool split) => (_mark, _scheme, _split) = (mark, scheme, split);

    public static Metaspace Read(JsonPart part)
    {
        var mark = part.Required("replacement").Character();
        var scheme = part.Optional("prepend_scheme")?.String();
        if (scheme is not (null or "always" or "first" or "never")) throw part.Error($"prepend_scheme '{scheme}' is not read; expected always, first, never");
        // The older key; the newer one goes before it, and must not contradict.
        if (!part.Bool("add_prefix_space", true))
        {
            if (scheme is not (null or "never")) throw part.Error($"add_prefix_space false contradicts prepend_scheme '{scheme}'");
            scheme = "never";
        }
        return new Metaspace(mark, scheme ?? "always", part.Ignoring("str_rep").Bool("split", true));
    }

    public List<Piece> Split(List<Piece> pieces)
    {
        var result = new List<Piece>();
        foreach (var piece in pieces)
        {
            var aligned = _mark.Length == 1 ? piece.Aligned.With(piece.Span.ToString().Replace(" ", _mark, StringComparison.Ordinal)) : piece.Aligned.Map(rune => rune.Value == ' ' ? _mark : null);
            var prepends = _scheme switch { "always" => piece.Place != Place.GoingOn, "first" => piece.Place == Place.Beginning, _ => false };
            if (prepends && !aligned.Text.StartsWith(_mark, StringComparison.Ordinal)) aligned = Normalizers.Prepended(aligned, _mark);
            var (whole, text) = (new Piece(aligned, piece.Place), aligned.Text);
            if (!_split) result.Add(whole);
            else
                for (var start = 0; start < text.Length;)
                {
                    var next = text.IndexOf(_mark, Math.Min(text.Length, start + 1), StringComparison.Ordinal);
                    var end = next < 0 ? text.Length : next;
                    result.Add(whole.Slice(start, end));
                    start = end;
                }
        }
        return result;
    }

    /// <summary>Marks become spaces; those of the first token are what was put before the text.</summary>
    public List<string> Decode(List<string> tokens)
    {
        var first = _scheme == "never" ? " " : "";
        return [.. tokens.Select((token, i) => token.Replace(_mark, i == 0 ? first : " ", StringComparison.Ordinal))];
    }
}
