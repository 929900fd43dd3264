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
    private const string PickleName = "adapter_model.bin";
    private const string BaseKey = "base_sha256", AdapterKey = "adapter_sha256", FormatKey = "format";

    /// <summary>Writes both files. Saving what was loaded gives the same bytes.</summary>
    public static void Save(string folder, PeftAdapter adapter)
    {
        RequireWritable(adapter, folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), Tensors(adapter), Metadata(adapter));
        AtomicFile.Write(Path.Combine(folder, ConfigName), stream => stream.Write(PeftConfigFile.Write(adapter.Config)));
    }

    /// <summary>The bytes of both files in one: the weights, with the configuration's text in their metadata.</summary>
    /// <param name="configKey">What the configuration is called there.</param>
    public static byte[] Serialize(PeftAdapter adapter, string configKey)
    {
        RequireWritable(adapter, WeightsName);
        var metadata = Metadata(adapter);
        metadata.Add(configKey, Encoding.UTF8.GetString(PeftConfigFile.Write(adapter.Config)));
        return SafetensorsFile.Serialize(Tensors(adapter), metadata);
    }

    public static PeftAdapter Load(string folder)
    {
        var (configPath, weightsPath) = (Path.Combine(folder, ConfigName), Path.Combine(folder, WeightsName));
        byte[] config;
        try
        {
            config = File.ReadAllBytes(configPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{configPath}: could not be read: {e.Message}", e);
        }
        // What the settings say comes first: another method's file of weights is not looked at.
        var (settings, selection) = PeftConfigFile.Read(config, configPath);
        if (!File.Exists(weightsPath) && File.Exists(Path.Combine(folder, PickleName)))
            throw new PbenchException($"{Path.Combine(folder, PickleName)}: a pickle can run anything, and is not read; expected {WeightsName}, which PEFT writes with safe_serialization=True");
        using var weights = SafetensorsFile.Open(weightsPath);
        return Parse(settings, selection, configPath, weights, weightsPath, isHashed: false);
    }

    /// <summary>The same from what is in memory.</summary>
    /// <param name="configSource">What errors call the configuration.</param>
    /// <param name="weightsSource">What errors call the weights.</param>
    /// <param name="isHashed">The bytes are known to be what was once written, weights and configuration together: nothing is hashed again.</param>
    public static PeftAdapter Parse(ReadOnlyMemory<byte> configJson, string configSource, SafetensorsFile weights, string weightsSource, bool isHashed = false)
    {
        var (settings, selection) = PeftConfigFile.Read(configJson, configSource);
        return Parse(settings, selection, configSource, weights, weightsSource, isHashed);
    }

    private static PeftAdapter Parse(PeftAdapterConfig settings, PeftSelection selection, string configSource, SafetensorsFile weights, string weightsSource, bool isHashed)
    {
        var tensors = new PeftTensors(settings, weights, weightsSource);
        var modules = tensors.Factors();
        if (modules.Count == 0) throw new PbenchException($"{weightsSource}: the adapter holds no tensors of LoRA");
        var adapter = new PeftAdapter(selection.Resolve(settings, modules, weightsSource), modules, weights.Metadata.GetValueOrDefault(BaseKey))
        {
            Saved = tensors.Saved(modules),
            Rows = tensors.Rows(),
        };
        if (!isHashed && weights.Metadata.TryGetValue(AdapterKey, out var digest) && digest != adapter.Digest())
            throw new PbenchException($"{weightsSource}: {AdapterKey}: the file says {digest}, weights and {ConfigName} give {adapter.Digest()}; one of them was changed");
        return adapter with { Notes = [.. selection.Unmatched(settings, adapter, configSource)] };
    }

    private static IEnumerable<TensorData> Tensors(PeftAdapter adapter) => adapter.Modules.SelectMany(m => new[]
    {
        new TensorData($"{PeftTensors.Prefix}{m.Module}.{PeftTensors.FactorA}", m.DType, [adapter.Config.RankOf(m.Module), m.InFeatures], m.A),
        new TensorData($"{PeftTensors.Prefix}{m.Module}.{PeftTensors.FactorB}", m.DType, [m.OutFeatures, adapter.Config.RankOf(m.Module)], m.B),
    });

    private static Dictionary<string, string> Metadata(PeftAdapter adapter)
    {
        // "format" is what Hugging Face's loaders ask for.
        var metadata = new Dictionary<string, string> { [FormatKey] = "pt", [AdapterKey] = adapter.Digest() };
        if (adapter.BaseDigest is not null) metadata[BaseKey] = adapter.BaseDigest;
        return metadata;
    }

    /// <summary>Factors of modules that the settings name, each once.</summary>
    private static void RequireWritable(PeftAdapter adapter, string source)
    {
        if (adapter.BeyondFactors is { } beyond) throw new PbenchException($"{source}: {beyond}; what is written here is factors of LoRA alone");
        if (adapter.Modules.Count == 0) throw new PbenchException($"{source}: the adapter holds no tensors of LoRA");
        for (var i = 1; i < adapter.Modules.Count; i++)
            if (adapter.Modules[i - 1].Module == adapter.Modules[i].Module)
                throw new PbenchException($"{source}: module '{adapter.Modules[i].Module}' is adapted twice");
        foreach (var module in adapter.Modules)
            if (!adapter.Config.Targets(module.Module))
                throw new PbenchException($"{source}: '{module.Module}' is adapted but is none of target_modules ({string.Join(", ", adapter.Config.TargetModules)})");
    }
}
