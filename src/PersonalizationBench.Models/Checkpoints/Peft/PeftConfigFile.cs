using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// PEFT's <c>adapter_config.json</c>. Of its methods LoRA is read. A setting that does not change the adapted model may say what it
/// likes; one that does is followed, or refused by name; one that is not known is refused unless it is off (null, false, an empty list
/// or object).
/// </summary>
internal static class PeftConfigFile
{
    /// <summary>Settings of PEFT that change training, or nothing, but not the adapted model: any value will do. How factors were drawn is
    /// among them; some are ms-swift's, which writes its own beside PEFT's.</summary>
    private static readonly HashSet<string> Inert = [.. """
        _num_labels auto_mapping corda_config eva_config inference_mode loftq_config lora_dropout lora_dtype lora_ga_config
        lorap_emb_lr lorap_lr_ratio megatron_core merge_weights monteclora_config peft_version qalora_group_size revision runtime_config
        swift_type velora_config
        """.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)];

    /// <exception cref="PbenchException">Names <paramref name="source"/> and the setting: the method before all others.</exception>
    /// <returns>The settings, and which modules they mean.</returns>
    public static (PeftAdapterConfig Config, PeftSelection Selection) Read(ReadOnlyMemory<byte> utf8, string source) => StrictJson.Read(utf8, source, root =>
    {
        var fields = new ConfigFields(root, source);
        RequireMethod(fields, source);
        foreach (var setting in AdapterMethods.RefusedSettings)
            if (fields.Take(setting.Name) is { } value && !IsOff(value)) throw new PbenchException($"{source}: {setting.Name}: expected this setting to be off: {setting.Meaning} is not supported");
        var (targets, pattern) = NamesOrPattern(fields, "target_modules", source);
        if (pattern is null && (targets.Count == 0 || targets.Contains(""))) throw new PbenchException($"{source}: target_modules: expected a list of module names, or a regular expression");
        var (excluded, excludedPattern) = NamesOrPattern(fields, "exclude_modules", source);
        var layers = Ints(fields, "layers_to_transform", source);
        if (pattern is not null && layers.Count > 0) throw new PbenchException($"{source}: layers_to_transform: expected null: target_modules is a pattern, which says of which layers it speaks");
        var layersPatterns = Texts(fields, "layers_pattern", source).Where(p => p.Length > 0).Select(p => Pattern(p, source, "layers_pattern")).ToList();
        if (layersPatterns.Count > 0 && layers.Count == 0) throw new PbenchException($"{source}: layers_pattern: expected null, or layers_to_transform beside it");
        var selection = new PeftSelection(pattern)
        {
            Layers = layers.Count > 0 ? layers : null,
            LayersPatterns = layersPatterns,
            Excluded = excluded,
            ExcludedPattern = excludedPattern,
            TiesHead = fields.Flag("ensure_weight_tying", false),
        };
        var (rank, alpha) = (fields.Int("r"), fields.Number("lora_alpha"));
        if (rank < 1) throw new PbenchException($"{source}: r: expected a rank of at least 1, found {rank}");
        if (!double.IsFinite(alpha)) throw new PbenchException($"{source}: lora_alpha: expected a number that is finite");
        if (fields.Text("task_type", "CAUSAL_LM") is var task && task != "CAUSAL_LM") throw new PbenchException($"{source}: task_type: expected \"CAUSAL_LM\" or null, found \"{task}\"");
        var config = new PeftAdapterConfig(rank, alpha, targets, fields.Text("base_model_name_or_path", ""))
        {
            UseRsLora = fields.Flag("use_rslora", false),
            FanInFanOut = fields.Flag("fan_in_fan_out", false),
            UseDora = fields.Flag("use_dora", false),
            LoraBias = fields.Flag("lora_bias", false),
            Bias = BiasOf(fields, source),
            Start = StartOf(fields),
            RankPattern = Patterns(fields, "rank_pattern", source, StrictJson.Int),
            AlphaPattern = Patterns(fields, "alpha_pattern", source, Number),
            ModulesToSave = Texts(fields, "modules_to_save", source),
            TokenIndices = TokenIndices(fields, source),
            LayerReplication = LayerReplication(fields, source),
        };
        if (config.RankPattern.Values.Any(r => r < 1)) throw new PbenchException($"{source}: rank_pattern: expected ranks of at least 1");
        fields.RequireNothingElse(key => Inert.Contains(key) || IsOff(root.GetProperty(key)));
        return (config, selection);
    });

    private static void RequireMethod(ConfigFields fields, string source)
    {
        if (fields.Text("peft_type", "") is var type && AdapterMethods.Read.Contains(type)) return;
        var known = AdapterMethods.Refused.FirstOrDefault(m => m.Name == type);
        throw new PbenchException($"{source}: peft_type: expected \"LORA\", found {(type.Length == 0 ? "none" : $"\"{type}\"")}{(known is null ? "" : $": {known.Meaning} is not supported")}");
    }

    /// <summary>What the factors began as, where the base's weights have to be known by it.</summary>
    private static LoraStart StartOf(ConfigFields fields)
    {
        const string Key = "init_lora_weights", Expected = "true, false, \"gaussian\", \"orthogonal\", \"eva\", \"mica\", \"pissa\" or \"olora\"";
        var start = LoraStart.Unchanged;
        if (fields.Take(Key) is { ValueKind: not (JsonValueKind.True or JsonValueKind.False) } value)
        {
            start = value.ValueKind != JsonValueKind.String ? throw fields.Error(Key, Expected, value) : value.GetString()!.ToLowerInvariant() switch
            {
                "gaussian" or "orthogonal" or "eva" or "mica" => LoraStart.Unchanged,
                "pissa" => LoraStart.Pissa,
                "olora" => LoraStart.Olora,
                // A random projection or the training texts decided what was taken away from the base.
                "corda" or "lora_ga" or "loftq" => throw fields.Error(Key, $"{Expected}: this start changes the base's weights by what is not in these files (PEFT saves it as plain LoRA where path_initial_model_for_weight_conversion is given)", value),
                var random when random.StartsWith("pissa_niter_", StringComparison.Ordinal) =>
                    throw fields.Error(Key, $"{Expected}: a random projection decided how this start changes the base's weights (PEFT saves it as plain LoRA where path_initial_model_for_weight_conversion is given)", value),
                _ => throw fields.Error(Key, Expected, value),
            };
        }
        if (fields.Take("kasa_config") is not { } kasa || IsOff(kasa)) return start;
        return start == LoraStart.Unchanged ? LoraStart.Kasa : throw fields.Error("kasa_config", $"null beside this {Key}", kasa);
    }

    private static string BiasOf(ConfigFields fields, string source)
    {
        var bias = fields.Text("bias", "none");
        return bias is "none" or "lora_only" or "all" ? bias : throw new PbenchException($"{source}: bias: expected \"none\" or \"lora_only\" or \"all\", found \"{bias}\"");
    }

    private static double Number(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble()) ? value.GetDouble() : throw StrictJson.Unexpected(value, source, key, "a number");

    private static (IReadOnlyList<string> Names, string? Pattern) NamesOrPattern(ConfigFields fields, string key, string source) => fields.Take(key) switch
    {
        null => ([], null),
        { ValueKind: JsonValueKind.String } value => ([], Pattern(value.GetString()!, source, key)),
        { } value => (Texts(value, key, source), null),
    };

    private static IReadOnlyList<string> Texts(ConfigFields fields, string key, string source) => fields.Take(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.String } value => [value.GetString()!],
        { } value => Texts(value, key, source),
    };

    private static List<string> Texts(JsonElement value, string key, string source) => [.. StrictJson.Array(value, source, key).EnumerateArray().Select(item => StrictJson.String(item, source, key))];

    private static IReadOnlyList<int> Ints(ConfigFields fields, string key, string source) => fields.Take(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Number } value => [StrictJson.Int(value, source, key)],
        { } value => Ints(value, key, source),
    };

    private static List<int> Ints(JsonElement value, string key, string source) => [.. StrictJson.Array(value, source, key).EnumerateArray().Select(item => StrictJson.Int(item, source, key))];

    private static Dictionary<string, IReadOnlyList<int>> TokenIndices(ConfigFields fields, string source)
    {
        const string Key = "trainable_token_indices";
        return fields.Take(Key) switch
        {
            null => [],
            { ValueKind: JsonValueKind.Array } value => new() { [""] = Ints(value, Key, source) },
            { } value => StrictJson.Object(value, source, Key).EnumerateObject().ToDictionary(p => p.Name, IReadOnlyList<int> (p) => Ints(p.Value, $"{Key}.{p.Name}", source)),
        };
    }

    private static IReadOnlyList<(int Start, int End)> LayerReplication(ConfigFields fields, string source)
    {
        const string Key = "layer_replication";
        if (fields.Take(Key) is not { } value) return [];
        return [.. StrictJson.Array(value, source, Key).EnumerateArray().Select(range =>
            Ints(range, Key, source) is [>= 0 and var start, var end] && start < end ? (start, end) : throw fields.Error(Key, "pairs [start, end) of layers", range))];
    }

    private static OrderedDictionary<string, T> Patterns<T>(ConfigFields fields, string key, string source, Func<JsonElement, string, string, T> read)
    {
        var patterns = new OrderedDictionary<string, T>(StringComparer.Ordinal);
        if (fields.Take(key) is not { } given) return patterns;
        foreach (var item in StrictJson.Object(given, source, key).EnumerateObject()) patterns.Add(Pattern(item.Name, source, key), read(item.Value, source, $"{key}.{item.Name}"));
        return patterns;
    }

    private static string Pattern(string text, string source, string key)
    {
        try
        {
            _ = PeftPattern.Matches(text, "");
            return text;
        }
        catch (ArgumentException e)
        {
            throw new PbenchException($"{source}: {key}: '{text}' is no regular expression: {e.Message}", e);
        }
    }

    private static bool IsOff(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    /// <summary>Sorted keys and two spaces, as PEFT writes it; the settings that its LoraConfig always has.</summary>
    public static byte[] Write(PeftAdapterConfig config)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            if (config.AlphaPattern.Count > 0) WritePatterns("alpha_pattern", config.AlphaPattern, (name, value) => json.WriteNumber(name, value));
            json.WriteString("base_model_name_or_path", config.BaseModel);
            json.WriteString("bias", "none");
            json.WriteBoolean("fan_in_fan_out", config.FanInFanOut);
            json.WriteBoolean("inference_mode", true);
            json.WriteBoolean("init_lora_weights", true);
            json.WriteNumber("lora_alpha", config.Alpha);
            json.WriteNumber("lora_dropout", 0);
            json.WriteNull("modules_to_save");
            json.WriteString("peft_type", "LORA");
            json.WriteNumber("r", config.Rank);
            if (config.RankPattern.Count > 0) WritePatterns("rank_pattern", config.RankPattern, (name, value) => json.WriteNumber(name, value));
            json.WriteStartArray("target_modules");
            foreach (var target in config.TargetModules) json.WriteStringValue(target);
            json.WriteEndArray();
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteBoolean("use_dora", false);
            json.WriteBoolean("use_rslora", config.UseRsLora);
            json.WriteEndObject();

            void WritePatterns<T>(string key, IReadOnlyDictionary<string, T> patterns, Action<string, T> write)
            {
                json.WriteStartObject(key);
                foreach (var (pattern, value) in patterns) write(pattern, value);
                json.WriteEndObject();
            }
        }
        memory.Write(Encoding.ASCII.GetBytes("\n"));
        return memory.ToArray();
    }
}
