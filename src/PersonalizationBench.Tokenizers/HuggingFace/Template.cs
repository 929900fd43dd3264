namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>A place of a template: one of its texts, or a special token.</summary>
/// <param name="Text">0 or 1; -1 for a special token.</param>
/// <param name="Id">Of the special token.</param>
internal readonly record struct TemplatePart(int Text, int Id, int TypeId)
{
    public bool IsSpecial => Text < 0;

    public static TemplatePart Special(int id, int typeId = 0) => new(-1, id, typeId);
}

/// <summary>What a <c>post_processor</c> puts around a text, or two.</summary>
/// <param name="Pair">Null where the file gives none for two.</param>
/// <param name="TrimsOffsets">Offsets leave out the white space at the ends of a token.</param>
/// <param name="PrefixSpace">Of which a single space before the text counts as put there.</param>
internal sealed record Template(IReadOnlyList<TemplatePart> Single, IReadOnlyList<TemplatePart>? Pair, bool TrimsOffsets = false, bool PrefixSpace = false)
{
    private static readonly TemplatePart TextA = new(0, 0, 0), TextB = new(1, 0, 1);

    public static readonly Template Nothing = new([TextA], [TextA, TextB]);

    public IReadOnlyList<int> Before => [.. Single.TakeWhile(p => p.IsSpecial).Select(p => p.Id)];

    public IReadOnlyList<int> After => [.. Single.SkipWhile(p => p.IsSpecial).Skip(1).Select(p => p.Id)];

    /// <summary>One token before a text and one after it, as transformers does where <c>tokenizer_config.json</c> asks for them.</summary>
    public static Template Around(int? begin, int? end)
    {
        IEnumerable<TemplatePart> Put(TemplatePart text) => [.. One(begin, text.TypeId), text, .. One(end, text.TypeId)];
        return new Template([.. Put(TextA)], [.. Put(TextA), .. Put(TextB)]);

        static IEnumerable<TemplatePart> One(int? id, int typeId) => id is { } given ? [TemplatePart.Special(given, typeId)] : [];
    }

    /// <param name="ids">Every token's id: a template that gives a token another one is refused.</param>
    public static Template Read(JsonPart? part, IReadOnlyDictionary<string, int> ids) => part is null ? Nothing : part.ReadByType(Known(ids));

    public static IEnumerable<string> Types => Known(new Dictionary<string, int>()).Keys;

    private static Dictionary<string, Func<JsonPart, Template>> Known(IReadOnlyDictionary<string, int> ids) => new()
    {
        ["TemplateProcessing"] = p => ReadTemplate(p, ids),
        ["RobertaProcessing"] = p => ReadRoberta(p, ids),
        ["BertProcessing"] = p => ReadBert(p, ids),
        ["ByteLevel"] = p => p.Ignoring("use_regex").Done(Nothing with { TrimsOffsets = p.Bool("trim_offsets", true), PrefixSpace = p.Bool("add_prefix_space", true) }),
        ["Sequence"] = p => p.Required("processors").Items().Select(step => Read(step, ids)).Aggregate(Nothing, Around),
    };

    /// <summary>What the later of two puts around what the earlier one made.</summary>
    private static Template Around(Template inner, Template outer)
    {
        var trimming = inner.TrimsOffsets ? inner : outer;
        var single = outer.Single.SelectMany(p => p.IsSpecial ? [p] : inner.Single).ToList();
        // Two that both have something to put around two texts: which goes where is not known here.
        var pair = outer.Pair == Nothing.Pair ? inner.Pair : inner.Pair == Nothing.Pair ? outer.Pair : null;
        return new Template(single, pair, trimming.TrimsOffsets, trimming.PrefixSpace);
    }

    private static Template ReadBert(JsonPart part, IReadOnlyDictionary<string, int> ids)
    {
        var (begin, end) = (TemplatePart.Special(ReadToken(part.Required("cls"), ids)), TemplatePart.Special(ReadToken(part.Required("sep"), ids)));
        return new Template([begin, TextA, end], [begin, TextA, end, TextB, end with { TypeId = 1 }]);
    }

    private static Template ReadRoberta(JsonPart part, IReadOnlyDictionary<string, int> ids)
    {
        var (begin, end) = (TemplatePart.Special(ReadToken(part.Required("cls"), ids)), TemplatePart.Special(ReadToken(part.Required("sep"), ids)));
        return new Template([begin, TextA, end], [begin, TextA, end, end, TextB with { TypeId = 0 }, end], part.Bool("trim_offsets", true), part.Bool("add_prefix_space", true));
    }

    private static int ReadToken(JsonPart part, IReadOnlyDictionary<string, int> ids)
    {
        var pair = part.Items();
        if (pair.Length != 2) throw part.Error($"expected a token and its id, found {pair.Length} values");
        return Checked(pair[0].String(), pair[1], ids);
    }

    private static Template ReadTemplate(JsonPart part, IReadOnlyDictionary<string, int> ids)
    {
        var special = new Dictionary<string, int[]>();
        foreach (var (name, token) in part.Required("special_tokens").Properties())
        {
            var (tokens, tokenIds) = (token.Ignoring("id").Required("tokens").Items(), token.Required("ids").Items());
            if (tokens.Length != tokenIds.Length) throw token.Error($"expected as many ids as tokens, found {tokenIds.Length} and {tokens.Length}");
            special.Add(name, token.Done<int[]>([.. tokens.Zip(tokenIds, (t, id) => Checked(t.String(), id, ids))]));
        }
        var single = ReadParts(part.Required("single"), special);
        if (single.Count(p => p.Text == 0) != 1 || single.Any(p => p.Text == 1)) throw part.Error("single: expected the text A, once");
        var pair = part.Optional("pair") is { } two ? ReadParts(two, special) : null;
        return new Template(single, pair?.Count(p => p.Text == 0) == 1 && pair.Count(p => p.Text == 1) == 1 ? pair : null);
    }

    private static List<TemplatePart> ReadParts(JsonPart list, Dictionary<string, int[]> special)
    {
        var parts = new List<TemplatePart>();
        foreach (var piece in list.Items())
        {
            if (piece.Optional("Sequence") is { } text)
            {
                var index = text.Required("id").String() switch { "A" => 0, "B" => 1, _ => throw text.Error("expected the text A or B") };
                parts.Add(text.Done(new TemplatePart(index, 0, text.Optional("type_id")?.Int() ?? 0)));
            }
            else if (piece.Optional("SpecialToken") is { } token)
            {
                var (id, typeId) = (token.Required("id"), token.Optional("type_id")?.Int() ?? 0);
                if (!special.TryGetValue(id.String(), out var tokenIds)) throw id.Error($"'{id.String()}' is not one of special_tokens");
                parts.AddRange(token.Done(tokenIds).Select(i => TemplatePart.Special(i, typeId)));
            }
            else throw piece.Error("expected Sequence or SpecialToken");
            piece.Done(piece);
        }
        return parts;
    }

    private static int Checked(string token, JsonPart id, IReadOnlyDictionary<string, int> ids)
    {
        if (!ids.TryGetValue(token, out var known)) throw id.Error($"'{token}' is not in the vocabulary");
        return known == id.Int() ? known : throw id.Error($"'{token}' has the id {known} in the vocabulary, found {id.Int()}");
    }
}
