using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// An adapter folder of Hugging Face's PEFT: <c>adapter_config.json</c> beside <c>adapter_model.safetensors</c>, whose tensors
/// are called <c>base_model.model.MODULE.lora_A.weight</c> [r, in] and <c>.lora_B.weight</c> [out, r].
/// </summary>
/// <remarks>The digests are in the safetensors metadata, <c>base_sha256</c> and <c>adapter_sha256</c>;
/// an adapter that does not match its own digest (half of another one, a changed configuration) is refused.
/// </remarks>
public static class PeftAdapterFile
{
    public const string ConfigName = "adapter_config.json", WeightsName = "adapter_model.safetensors";
    private const string Prefix = "base_model.model.", SuffixA = ".lora_A.weight", SuffixB = ".lora_B.weight";
    private const string BaseKey = "base_sha256", AdapterKey = "adapter_sha256", FormatKey = "format";

    /// <summary>Writes both files. Saving what was loaded gives the same bytes.</summary>
    public static void Save(string folder, PeftAdapter adapter)
    {
        Check(adapter, folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), Tensors(adapter), Metadata(adapter));
        AtomicFile.Write(Path.Combine(folder, ConfigName), stream => stream.Write(PeftConfigFile.Write(adapter.Config)));
    }

    /// <summary>The bytes of both files in one: the weights, with the configuration's text in their metadata.</summary>
    /// <param name="configKey">What the configuration is called there.</param>
    public static byte[] Serialize(PeftAdapter adapter, string configKey)
    {
        Check(adapter, WeightsName);
        var metadata = Metadata(adapter);
        metadata.Add(configKey, Encoding.UTF8.GetString(PeftConfigFile.Write(adapter.Config)));
        return SafetensorsFile.Serialize(Tensors(adapter), metadata);
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
    /// <param name="isHashed">The bytes are known to be what was once written, weights and configuration together: nothing is hashed again.</param>
    public static PeftAdapter Parse(ReadOnlyMemory<byte> configJson, string configSource, SafetensorsFile weights, string weightsSource, bool isHashed = false)
    {
        var (config, selection) = PeftConfigFile.Read(configJson, configSource);
        var modules = ParseModules(config, weights, weightsSource);
        if (selection is not null) config = selection.Resolve(config, modules, weightsSource);
        var adapter = new PeftAdapter(config, modules, weights.Metadata.GetValueOrDefault(BaseKey));
        Check(adapter, weightsSource);
        if (!isHashed && weights.Metadata.TryGetValue(AdapterKey, out var digest) && digest != adapter.Digest())
            throw new PbenchException($"{weightsSource}: {AdapterKey}: the file says {digest}, weights and {ConfigName} give {adapter.Digest()}; one of them was changed");
        return adapter;
    }

    private static IEnumerable<TensorData> Tensors(PeftAdapter adapter) => adapter.Modules.SelectMany(m => new[]
    {
        new TensorData(Prefix + m.Module + SuffixA, m.DType, [adapter.Config.RankOf(m.Module), m.InFeatures], m.A),
        new TensorData(Prefix + m.Module + SuffixB, m.DType, [m.OutFeatures, adapter.Config.RankOf(m.Module)], m.B),
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
        var targets = adapter.Config.TargetModules;
        foreach (var module in adapter.Modules)
            if (!adapter.Config.Targets(module.Module))
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
        // A bank's slots share the base's biases.
        if (weights.Tensors.FirstOrDefault(t => t.Name.EndsWith(".bias", StringComparison.Ordinal)) is { Name: { } bias })
            throw new PbenchException($"{source}: tensor '{bias}': biases in place of the base's are not supported; expected an adapter trained with bias \"none\" ({ConfigName})");
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
                var rank = config.RankOf(module);
                if (a.Shape.Length != 2 || b.Shape.Length != 2 || a.Shape[0] != rank || b.Shape[1] != rank || a.Shape[1] is < 1 or > int.MaxValue || b.Shape[0] is < 1 or > int.MaxValue)
                    throw new PbenchException($"{source}: module '{module}': expected lora_A [{rank}, in] and lora_B [out, {rank}] by r and rank_pattern in {ConfigName}, found [{string.Join(", ", a.Shape)}] and [{string.Join(", ", b.Shape)}]");
                return new LoraFactors(module, a.DType, (int)a.Shape[1], (int)b.Shape[0], weights.Bytes(a.Name), weights.Bytes(b.Name));
            })];
    }
}
