using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// An adapter folder of Hugging Face's PEFT: <c>adapter_config.json</c> beside <c>adapter_model.safetensors</c>, whose tensors
/// are called <c>base_model.model.MODULE.lora_A.weight</c> [r, in] and <c>.lora_B.weight</c> [out, r].
/// </summary>
/// <remarks>
/// Plain LoRA is read and nothing else: a setting that is not known is refused by name unless it is off (null, false, an empty
/// list or object). The digests are in the safetensors metadata, <c>base_sha256</c> and <c>adapter_sha256</c>;
/// an adapter that does not match its own digest (half of another one, a changed configuration) is refused.
/// </remarks>
public static class PeftAdapterFile
{
    public const string ConfigName = "adapter_config.json", WeightsName = "adapter_model.safetensors";
    private const string Prefix = "base_model.model.", SuffixA = ".lora_A.weight", SuffixB = ".lora_B.weight";
    private const string BaseKey = "base_sha256", AdapterKey = "adapter_sha256", FormatKey = "format";

    /// <summary>Settings of PEFT that change training, or nothing, but not the adapted model: any value will do.</summary>
    private static readonly HashSet<string> Inert = new(StringComparer.Ordinal) { "inference_mode", "lora_dropout", "revision", "megatron_core", "peft_version", "qalora_group_size" };

    /// <summary>Writes both files. Saving what was loaded gives the same bytes.</summary>
    public static void Save(string folder, PeftAdapter adapter)
    {
        Check(adapter, folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), Tensors(adapter), Metadata(adapter));
        AtomicFile.Write(Path.Combine(folder, ConfigName), stream => stream.Write(SerializeConfig(adapter.Config)));
    }

    public static PeftAdapter Load(string folder)
    {
        var (configPath, weightsPath) = (Path.Combine(folder, ConfigName), Path.Combine(folder, WeightsName));
        try
        {
            using var weights = SafetensorsFile.Open(weightsPath);
            return Parse(File.ReadAllBytes(configPath), configPath, weights, weightsPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{configPath}: could not be read: {e.Message}", e);
        }
    }

    /// <summary>The same from what is in memory.</summary>
    /// <param name="configSource">What errors call the configuration.</param>
    /// <param name="weightsSource">What errors call the weights.</param>
    public static PeftAdapter Parse(ReadOnlyMemory<byte> configJson, string configSource, SafetensorsFile weights, string weightsSource)
    {
        var config = ParseConfig(configJson, configSource);
        var modules = ParseModules(config, weights, weightsSource);
        var adapter = new PeftAdapter(config, modules, weights.Metadata.GetValueOrDefault(BaseKey));
        Check(adapter, weightsSource);
        if (weights.Metadata.TryGetValue(AdapterKey, out var digest) && digest != adapter.Digest())
            throw new PbenchException($"{weightsSource}: {AdapterKey}: the file says {digest}, weights and {ConfigName} give {adapter.Digest()}; one of them was changed");
        return adapter;
    }

    private static IEnumerable<TensorData> Tensors(PeftAdapter adapter) => adapter.Modules.SelectMany(m => new[]
    {
        new TensorData(Prefix + m.Module + SuffixA, m.DType, [adapter.Config.Rank, m.InFeatures], m.A),
        new TensorData(Prefix + m.Module + SuffixB, m.DType, [m.OutFeatures, adapter.Config.Rank], m.B),
    });

    private static Dictionary<string, string> Metadata(PeftAdapter adapter)
    {
        // "format" is what Hugging Face's loaders ask for.
        var metadata = new Dictionary<string, string> { [FormatKey] = "pt", [AdapterKey] = adapter.Digest() };
        if (adapter.BaseDigest is not null) metadata[BaseKey] = adapter.BaseDigest;
        return metadata;
    }

    /// <summary>What must hold of an adapter in either direction.</summary>
    private static void Check(PeftAdapter adapter, string source)
    {
        if (adapter.Modules.Count == 0) throw new PbenchException($"{source}: the adapter holds no tensors");
        var targets = adapter.Config.TargetModules.ToHashSet(StringComparer.Ordinal);
        foreach (var module in adapter.Modules)
            if (!targets.Any(t => module.Module == t || module.Module.EndsWith("." + t, StringComparison.Ordinal)))
                throw new PbenchException($"{source}: '{module.Module}' is adapted but is none of target_modules ({string.Join(", ", targets)})");
        foreach (var target in targets)
            if (!adapter.Modules.Any(m => m.Module == target || m.Module.EndsWith("." + target, StringComparison.Ordinal)))
                throw new PbenchException($"{source}: target_modules names '{target}', of which there are no tensors");
        for (var i = 1; i < adapter.Modules.Count; i++)
            if (adapter.Modules[i - 1].Module == adapter.Modules[i].Module)
                throw new PbenchException($"{source}: module '{adapter.Modules[i].Module}' is adapted twice");
    }

    private static List<LoraFactors> ParseModules(PeftAdapterConfig config, SafetensorsFile weights, string source)
    {
        foreach (var tensor in weights.Tensors)
            if (!tensor.Name.StartsWith(Prefix, StringComparison.Ordinal) || !(tensor.Name.EndsWith(SuffixA, StringComparison.Ordinal) || tensor.Name.EndsWith(SuffixB, StringComparison.Ordinal)) || tensor.Name.Length <= Prefix.Length + SuffixA.Length)
                throw new PbenchException($"{source}: tensor '{tensor.Name}': expected {Prefix}MODULE{SuffixA} or {SuffixB}");

        return [.. weights.Tensors
            .Select(t => t.Name[Prefix.Length..^SuffixA.Length])
            .Distinct(StringComparer.Ordinal)
            .Select(module =>
            {
                var (a, b) = (weights.Find(Prefix + module + SuffixA), weights.Find(Prefix + module + SuffixB));
                if (a.DType is not ("F32" or "F16" or "BF16") || a.DType != b.DType) throw new PbenchException($"{source}: module '{module}': expected lora_A and lora_B both in F32, F16 or BF16, found {a.DType} and {b.DType}");
                if (a.Shape.Length != 2 || b.Shape.Length != 2 || a.Shape[0] != config.Rank || b.Shape[1] != config.Rank || a.Shape[1] is < 1 or > int.MaxValue || b.Shape[0] is < 1 or > int.MaxValue)
                    throw new PbenchException($"{source}: module '{module}': expected lora_A [{config.Rank}, in] and lora_B [out, {config.Rank}] by r in {ConfigName}, found [{string.Join(", ", a.Shape)}] and [{string.Join(", ", b.Shape)}]");
                return new LoraFactors(module, a.DType, (int)a.Shape[1], (int)b.Shape[0], weights.Read(a.Name), weights.Read(b.Name));
            })];
    }

    private static PeftAdapterConfig ParseConfig(ReadOnlyMemory<byte> utf8, string source) => StrictJson.Read(utf8, source, root =>
    {
        int? rank = null;
        double? alpha = null;
        List<string>? targets = null;
        string? type = null;
        var baseModel = "";
        var rsLora = false;
        foreach (var (key, value) in root.EnumerateObject().Select(p => (p.Name, p.Value)))
        {
            switch (key)
            {
                case "peft_type": type = StrictJson.String(value, source, key); break;
                case "r": rank = StrictJson.Int(value, source, key); break;
                case "lora_alpha": alpha = value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble()) ? value.GetDouble() : throw StrictJson.Unexpected(value, source, key, "a number"); break;
                case "target_modules": targets = [.. StrictJson.Array(value, source, key).EnumerateArray().Select(item => StrictJson.String(item, source, key))]; break;
                case "use_rslora": rsLora = value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw StrictJson.Unexpected(value, source, key, "true or false"); break;
                case "base_model_name_or_path": baseModel = value.ValueKind == JsonValueKind.Null ? "" : StrictJson.String(value, source, key); break;
                case "bias": Require(value, key, "none"); break;
                case "task_type": if (value.ValueKind != JsonValueKind.Null) Require(value, key, "CAUSAL_LM"); break;
                // Other initialisations (pissa, olora, ...) change the base's weights, and the adapter is a difference to those.
                case "init_lora_weights": if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) Require(value, key, "gaussian"); break;
                default:
                    if (!Inert.Contains(key) && !IsOff(value)) throw StrictJson.Unexpected(value, source, key, "this setting to be off: it is not supported");
                    break;
            }
        }
        if (type != "LORA") throw new PbenchException($"{source}: peft_type: expected \"LORA\", found {(type is null ? "none" : $"\"{type}\"")}");
        if (rank is null or < 1) throw new PbenchException($"{source}: r: expected a rank of at least 1, found {(rank is null ? "none" : rank)}");
        if (alpha is null) throw new PbenchException($"{source}: lora_alpha: missing");
        if (targets is null || targets.Count == 0 || targets.Contains("")) throw new PbenchException($"{source}: target_modules: expected a list of module names");
        return new PeftAdapterConfig(rank.Value, alpha.Value, targets, baseModel) { UseRsLora = rsLora };

        void Require(JsonElement value, string key, string expected)
        {
            if (value.ValueKind != JsonValueKind.String || value.GetString() != expected) throw StrictJson.Unexpected(value, source, key, $"\"{expected}\"");
        }
    });

    private static bool IsOff(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    /// <summary>Sorted keys and two spaces, as PEFT writes it; the settings that its LoraConfig always has.</summary>
    private static byte[] SerializeConfig(PeftAdapterConfig config)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("base_model_name_or_path", config.BaseModel);
            json.WriteString("bias", "none");
            json.WriteBoolean("fan_in_fan_out", false);
            json.WriteBoolean("inference_mode", true);
            json.WriteBoolean("init_lora_weights", true);
            json.WriteNumber("lora_alpha", config.Alpha);
            json.WriteNumber("lora_dropout", 0);
            json.WriteNull("modules_to_save");
            json.WriteString("peft_type", "LORA");
            json.WriteNumber("r", config.Rank);
            json.WriteStartArray("target_modules");
            foreach (var target in config.TargetModules) json.WriteStringValue(target);
            json.WriteEndArray();
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteBoolean("use_dora", false);
            json.WriteBoolean("use_rslora", config.UseRsLora);
            json.WriteEndObject();
        }
        memory.Write(Encoding.ASCII.GetBytes("\n"));
        return memory.ToArray();
    }
}
