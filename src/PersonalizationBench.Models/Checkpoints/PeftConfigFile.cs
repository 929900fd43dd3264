using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// PEFT's <c>adapter_config.json</c>. LoRA is read and nothing else: a setting that is not known is refused by name unless it is off
/// (null, false, an empty list or object).
/// </summary>
internal static class PeftConfigFile
{
    /// <summary>Values of <c>peft_type</c> that are read.</summary>
    public static readonly IReadOnlyList<string> Methods = ["LORA"];

    /// <summary>Settings of PEFT that change training, or nothing, but not the adapted model: any value will do.</summary>
    private static readonly HashSet<string> Inert = new(StringComparer.Ordinal) { "inference_mode", "lora_dropout", "revision", "megatron_core", "peft_version", "qalora_group_size" };

    /// <returns>The settings; and, where they do not say by names what is adapted, what they do say.</returns>
    public static (PeftAdapterConfig Config, PeftSelection? Selection) Read(ReadOnlyMemory<byte> utf8, string source) => StrictJson.Read(utf8, source, root =>
    {
        int? rank = null;
        double? alpha = null;
        List<string>? targets = null;
        string? type = null;
        var baseModel = "";
        var (rsLora, transposed, restricted) = (false, false, false);
        string? pattern = null;
        var (ranks, alphas) = (Patterns(null, source, "", StrictJson.Int), Patterns(null, source, "", Number));
        foreach (var (key, value) in root.EnumerateObject().Select(p => (p.Name, p.Value)))
        {
            switch (key)
            {
                case "peft_type": type = StrictJson.String(value, source, key); break;
                case "r": rank = StrictJson.Int(value, source, key); break;
                case "lora_alpha": alpha = Number(value, source, key); break;
                case "target_modules" when value.ValueKind == JsonValueKind.String: pattern = Pattern(value.GetString()!, source, key); break;
                case "layers_to_transform": restricted = value.ValueKind is not JsonValueKind.Null; break;
                case "layers_pattern": break; // how PEFT finds a layer's number; the tensors say which layers there are
                case "rank_pattern": ranks = Patterns(value, source, key, StrictJson.Int); break;
                case "alpha_pattern": alphas = Patterns(value, source, key, Number); break;
                case "target_modules": targets = [.. StrictJson.Array(value, source, key).EnumerateArray().Select(item => StrictJson.String(item, source, key))]; break;
                case "use_rslora": rsLora = Flag(value, source, key); break;
                case "fan_in_fan_out": transposed = Flag(value, source, key); break;
                case "base_model_name_or_path": baseModel = value.ValueKind == JsonValueKind.Null ? "" : StrictJson.String(value, source, key); break;
                case "bias": Require(value, key, "none", "lora_only", "all"); break; // where any were trained, the tensors say so
                case "task_type": if (value.ValueKind != JsonValueKind.Null) Require(value, key, "CAUSAL_LM"); break;
                // Other initialisations (pissa, olora, ...) change the base's weights, and the adapter is a difference to those.
                case "init_lora_weights": if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) Require(value, key, "gaussian"); break;
                default:
                    if (!Inert.Contains(key) && !IsOff(value)) throw StrictJson.Unexpected(value, source, key, "this setting to be off: it is not supported");
                    break;
            }
        }
        if (type is null || !Methods.Contains(type)) throw new PbenchException($"{source}: peft_type: expected \"LORA\", found {(type is null ? "none" : $"\"{type}\"")}");
        if (rank is null or < 1) throw new PbenchException($"{source}: r: expected a rank of at least 1, found {(rank is null ? "none" : rank)}");
        if (alpha is null) throw new PbenchException($"{source}: lora_alpha: missing");
        if (ranks.Values.Any(r => r < 1)) throw new PbenchException($"{source}: rank_pattern: expected ranks of at least 1");
        if (pattern is null && (targets is null || targets.Count == 0 || targets.Contains(""))) throw new PbenchException($"{source}: target_modules: expected a list of module names, or a regular expression");
        var config = new PeftAdapterConfig(rank.Value, alpha.Value, targets ?? [], baseModel) { UseRsLora = rsLora, FanInFanOut = transposed, RankPattern = ranks, AlphaPattern = alphas };
        return (config, pattern is not null || restricted ? new PeftSelection(pattern) : null);

        void Require(JsonElement value, string key, params string[] expected)
        {
            if (value.ValueKind != JsonValueKind.String || !expected.Contains(value.GetString())) throw StrictJson.Unexpected(value, source, key, string.Join(" or ", expected.Select(e => $"\"{e}\"")));
        }
    });

    private static bool Flag(JsonElement value, string source, string key) =>
        value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw StrictJson.Unexpected(value, source, key, "true or false");

    private static double Number(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble()) ? value.GetDouble() : throw StrictJson.Unexpected(value, source, key, "a number");

    private static SortedDictionary<string, T> Patterns<T>(JsonElement? value, string source, string key, Func<JsonElement, string, string, T> read)
    {
        var patterns = new SortedDictionary<string, T>(StringComparer.Ordinal);
        if (value is not { ValueKind: not JsonValueKind.Null } given) return patterns;
        foreach (var item in StrictJson.Object(given, source, key).EnumerateObject()) patterns[Pattern(item.Name, source, key)] = read(item.Value, source, $"{key}.{item.Name}");
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

/// <summary>Regular expressions out of a file: one may not hold the program up.</summary>
internal static class PeftPattern
{
    /// <exception cref="PbenchException">It takes too long.</exception>
    public static bool Matches(string pattern, string text)
    {
        try
        {
            return Regex.IsMatch(text, pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new PbenchException($"{PeftAdapterFile.ConfigName}: the pattern '{pattern}' takes more than a second for '{text}'", e);
        }
    }
}

/// <summary>Adapted modules said by other means than names: the tensors say which they are.</summary>
/// <param name="Pattern">A regular expression for whole names, or <c>all-linear</c>; null: a list of names, in some of the layers.</param>
internal sealed record PeftSelection(string? Pattern)
{
    private const string AllLinear = "all-linear";

    /// <summary>The same settings with the names of the modules; refuses one that was not meant.</summary>
    public PeftAdapterConfig Resolve(PeftAdapterConfig config, IReadOnlyList<LoraFactors> modules, string source)
    {
        foreach (var module in modules)
        {
            var isMeant = Pattern switch
            {
                null => config.Targets(module.Module),
                AllLinear => true,
                _ => PeftPattern.Matches($@"^(?:{Pattern})\z", module.Module),
            };
            if (!isMeant) throw new PbenchException($"{source}: '{module.Module}' is adapted but is none of target_modules ({Pattern ?? string.Join(", ", config.TargetModules)})");
        }
        return config.WithTargets([.. modules.Select(m => m.Module)]);
    }
}
