using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>
/// An adapter as one blob: PEFT's <c>adapter_model.safetensors</c> with the text of its <c>adapter_config.json</c> in the metadata.
/// The same adapter gives the same bytes.
/// </summary>
public static class AdapterBlob
{
    private const string ConfigKey = "adapter_config";

    /// <summary>More than any model has; a file with more is not read on.</summary>
    private const int MostTensors = 4096, LargestConfig = 1 << 16;

    public static byte[] Pack(PeftAdapter adapter) => PeftAdapterFile.Serialize(adapter, ConfigKey);

    /// <summary>Throws <see cref="PbenchException"/> where the bytes are not such a blob, or not the adapter that its own digest says.</summary>
    /// <param name="source">What errors call it.</param>
    /// <param name="isHashed">It comes from a blob store, which has hashed it: its own digest was looked at before it was put there.</param>
    /// <returns>Its factors are parts of <paramref name="blob"/>.</returns>
    public static PeftAdapter Read(ReadOnlyMemory<byte> blob, string source, bool isHashed = false)
    {
        using var weights = SafetensorsFile.Open(blob, source);
        if (weights.Tensors.Count > MostTensors) throw new PbenchException($"{source}: {weights.Tensors.Count} tensors; expected at most {MostTensors}");
        if (!weights.Metadata.TryGetValue(ConfigKey, out var config)) throw new PbenchException($"{source}: expected the text of {PeftAdapterFile.ConfigName} as '{ConfigKey}' in the metadata");
        if (config.Length > LargestConfig) throw new PbenchException($"{source}: {ConfigKey}: {config.Length} characters; expected at most {LargestConfig}");
        return PeftAdapterFile.Parse(Encoding.UTF8.GetBytes(config), $"{source}: {ConfigKey}", weights, source, isHashed);
    }

    /// <summary>
    /// Throws <see cref="RegistryException"/> unless the adapter may become a revision: it says that it belongs to the policy's base, its
    /// modules are among the policy's and fit the base, no rank is above the policy's, and every value is a finite number.
    /// </summary>
    /// <param name="config">Of the base with the policy's digest.</param>
    public static void Check(PeftAdapter adapter, Policy policy, DecoderConfig config, string source)
    {
        // PEFT's own files do not say; whoever uploads one says it for them (PeftAdapter with BaseDigest).
        if (adapter.BaseDigest != policy.Base) throw Bad($"trained on base {adapter.BaseDigest ?? "unknown"}; policy '{policy.Id}' is of base {policy.Base}");
        IReadOnlyDictionary<string, int> ranks;
        try
        {
            ranks = adapter.RequireShapes(config, source);
        }
        catch (PbenchException e)
        {
            throw RegistryInput.Invalid(e.Message);
        }
        foreach (var (module, rank) in ranks.OrderBy(r => r.Key, StringComparer.Ordinal))
        {
            if (!policy.Modules.Contains(module)) throw Bad($"adapts {module}; policy '{policy.Id}' has {string.Join(", ", policy.Modules)}");
            if (rank > policy.Rank) throw Bad(FormattableString.Invariant($"{module} has rank {rank}; policy '{policy.Id}' allows at most {policy.Rank}"));
        }
        foreach (var module in adapter.Modules)
        {
            if (!double.IsFinite(adapter.Config.ScalingOf(module.Module))) throw Bad($"module '{module.Module}': the scaling is not a finite number");
            // One bad value would make every token of the user's NaN, and the caches that it passes through.
            if (FirstBad(module.ASingles()) is { } a) throw Bad(FormattableString.Invariant($"module '{module.Module}': lora_A has {a.Value} at {a.Index}; expected finite numbers"));
            if (FirstBad(module.BSingles()) is { } b) throw Bad(FormattableString.Invariant($"module '{module.Module}': lora_B has {b.Value} at {b.Index}; expected finite numbers"));
        }

        RegistryException Bad(string message) => RegistryInput.Invalid($"{source}: {message}");
    }

    private static (int Index, float Value)? FirstBad(float[] values)
    {
        var at = Array.FindIndex(values, v => !float.IsFinite(v));
        return at < 0 ? null : (at, values[at]);
    }
}
