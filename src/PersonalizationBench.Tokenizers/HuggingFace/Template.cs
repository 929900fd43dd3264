namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>What a <c>post_processor</c> puts around a single text.</summary>
internal sealed record Template(IReadOnlyList<int> Before, IReadOnlyList<int> After)
{
    private static readonly Template Nothing = new([], []);

    /// <param name="ids">Every token's id: a template that gives a token another one is refused.</param>
    public static Template Read(JsonPart? part, IReadOnlyDictionary<string, int> ids) => part is null ? Nothing : part.ReadByType(new Dictionary<string, Func<JsonPart, Template>>
    {
        ["TemplateProcessing"] = p => ReadTemplate(p, ids),
        ["RobertaProcessing"] = p => ReadPair(p.Ignoring("trim_offsets", "add_prefix_space"), ids),
        ["BertProcessing"] = p => ReadPair(p, ids),
        ["ByteLevel"] = p => p.Ignoring("add_prefix_space", "trim_offsets", "use_regex").Done(Nothing),
        // Each is put around what the ones before it made.
        ["Sequence"] = p => p.Required("processors").Items().Select(step => Read(step, ids)).Aggregate(Nothing, (inner, outer) => new Template([.. outer.Before, .. inner.Before], [.. inner.After, .. outer.After])),
    });

    private static Template ReadPair(JsonPart part, IReadOnlyDictionary<string, int> ids) => new([ReadToken(part.Required("cls"), ids)], [ReadToken(part.Required("sep"), ids)]);

    private static int ReadToken(JsonPart part, IReadOnlyDictionary<string, int> ids)
    {
        var pair = part.Items();
        if (pair.Length != 2) throw part.Error($"expected a token and its id, found {pair.Length} values");
        return Checked(pair[0].String(), pair[1], ids);
    }

    private static Template ReadTemplate(JsonPart part, IReadOnlyDictionary<string, int> ids)
    {
        var special = new Dictionary<string, int[]>();
        foreach (var (name, token) in part.Ignoring("pair").Required("special_tokens").Properties())
        {
            var (tokens, tokenIds) = (token.Ignoring("id").Required("tokens").Items(), token.Required("ids").Items());
            if (tokens.Length != tokenIds.Length) throw token.Error($"expected as many ids as tokens, found {tokenIds.Length} and {tokens.Length}");
            special.Add(name, token.Done<int[]>([.. tokens.Zip(tokenIds, (t, id) => Checked(t.String(), id, ids))]));
        }
        List<int> before = [], after = [];
        var texts = 0;
        foreach (var piece in part.Required("single").Items())
        {
            if (piece.Optional("Sequence") is { } text)
            {
                if (text.Ignoring("type_id").Required("id").String() != "A" || texts++ > 0) throw text.Error("expected the text A, once");
                text.Done(text);
            }
            else if (piece.Optional("SpecialToken") is { } token)
            {
                var id = token.Ignoring("type_id").Required("id");
                if (!special.TryGetValue(id.String(), out var tokenIds)) throw id.Error($"'{id.String()}' is not one of special_tokens");
                (texts == 0 ? before : after).AddRange(token.Done(tokenIds));
            }
            else throw piece.Error("expected Sequence or SpecialToken");
            piece.Done(piece);
        }
        return texts == 1 ? new Template(before, after) : throw part.Error("single: expected the text A, once");
    }

    private static int Checked(string token, JsonPart id, IReadOnlyDictionary<string, int> ids)
    {
        if (!ids.TryGetValue(token, out var known)) throw id.Error($"'{token}' is not in the vocabulary");
        return known == id.Int() ? known : throw id.Error($"'{token}' has the id {known} in the vocabulary, found {id.Int()}");
    }
}
