using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>The two factors of one adapted module: W x + s B A x (Hu et al., 2021).</summary>
/// <param name="Module">Its name in the base, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="DType">F32, F16 or BF16; the same for both.</param>
/// <param name="InFeatures">Columns of A.</param>
/// <param name="OutFeatures">Rows of B.</param>
/// <param name="A">[r, in], row-major, little-endian. Read from memory, it is a part of that.</param>
/// <param name="B">[out, r].</param>
public sealed record LoraFactors(string Module, string DType, int InFeatures, int OutFeatures, ReadOnlyMemory<byte> A, ReadOnlyMemory<byte> B)
{
    /// <summary>The module is an embedding: token i gets column i of s B A, A [r, tokens] and B [width, r].</summary>
    public bool IsEmbedding { get; init; }

    /// <summary>DoRA's, one of each output (of an embedding: of each channel); null where there are none.</summary>
    public float[]? Magnitudes { get; init; }

    /// <summary>B's bias, [out], which is scaled by s too; null where it has none.</summary>
    public float[]? OutputBias { get; init; }

    /// <summary>What stands between the factors, B diag(d) A (KaSA), [r]; null: nothing.</summary>
    public float[]? Diagonal { get; init; }

    /// <summary>F32 factors from values.</summary>
    public static LoraFactors FromSingles(string module, int rank, float[] a, float[] b)
    {
        var name = $"adapter module '{module}'";
        if (a.Length % rank != 0 || b.Length % rank != 0) throw new ArgumentException($"{name}: {a.Length} and {b.Length} values are no factors of rank {rank}");
        return new LoraFactors(module, "F32", a.Length / rank, b.Length / rank, TensorData.FromSingles("A", a, a.Length).Bytes, TensorData.FromSingles("B", b, b.Length).Bytes);
    }

    public float[] ASingles() => TensorDTypes.ToSingles(DType, A.Span, $"{Module}.lora_A");

    public float[] BSingles() => TensorDTypes.ToSingles(DType, B.Span, $"{Module}.lora_B");

    /// <summary>The values without a copy where they are F32: valid as long as <see cref="A"/> is.</summary>
    internal ReadOnlyMemory<float> AValues() => DType == "F32" ? SinglesMemory.Of(A) : ASingles();

    internal ReadOnlyMemory<float> BValues() => DType == "F32" ? SinglesMemory.Of(B) : BSingles();
}

/// <summary>A weight or bias that the adapter's file has whole.</summary>
/// <param name="Values">F32, under the name it has in the base's file.</param>
/// <param name="OfModule">It takes the place of this module's alone, also where the base shares it between embedding and head; false: it is
/// the base's own, as the adapter's file found it.</param>
public sealed record SavedTensor(TensorData Values, bool OfModule);

/// <summary>Rows of an embedding that take the place of the base's.</summary>
/// <param name="Module">The embedding's name.</param>
/// <param name="Tokens">Which rows.</param>
/// <param name="Values">F32, [tokens, width]</param>
public sealed record SavedRows(string Module, IReadOnlyList<int> Tokens, TensorData Values);

/// <summary>One user's adapter, as PEFT stores it.</summary>
/// <param name="Modules">At least one, each name once.</param>
/// <param name="BaseDigest">Digest of the base that it was trained on; null where the file does not say (PEFT's own do not).</param>
public sealed record PeftAdapter(PeftAdapterConfig Config, IReadOnlyList<LoraFactors> Modules, string? BaseDigest)
{
    /// <summary>In ordinal order of their names, whatever order they came in.</summary>
    public IReadOnlyList<LoraFactors> Modules { get; } = [.. Modules.OrderBy(m => m.Module, StringComparer.Ordinal)];

    public IReadOnlyList<SavedTensor> Saved { get; init; } = [];

    public IReadOnlyList<SavedRows> Rows { get; init; } = [];

    /// <summary>What the settings ask for and nothing in the file answers to, in a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What of it is more than an update s B A of products, in words; null: nothing.</summary>
    public string? BeyondFactors => this switch
    {
        { Config.Start: not LoraStart.Unchanged } => $"its start ({(Config.Start == LoraStart.Kasa ? "kasa_config" : $"init_lora_weights \"{Config.Start.ToString().ToLowerInvariant()}\"")}) changes the base's weights",
        { Config.LayerReplication.Count: > 0 } => "layer_replication puts layers of the base to use more than once",
        _ when Modules.FirstOrDefault(m => m.Magnitudes is not null) is { } m => $"'{m.Module}' has magnitudes of its own (use_dora)",
        _ when Modules.FirstOrDefault(m => m.IsEmbedding) is { } m => $"'{m.Module}' is an embedding",
        _ when Modules.FirstOrDefault(m => m.OutputBias is not null) is { } m => $"'{m.Module}' has a bias of its own (lora_bias)",
        _ when Saved.Count > 0 => $"'{Saved[0].Values.Name}' is in the file whole",
        _ when Rows.Count > 0 => $"'{Rows[0].Module}' has rows of its own (trainable_token_indices)",
        _ => null,
    };

    /// <summary>SHA-256 over everything that changes the adapted model: base digest, rank, scaling, names, types, shapes and
    /// bytes of the factors. Not over the base's name, which says where it was found.</summary>
    public string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Text($"base {BaseDigest ?? "unknown"} rank {Config.Rank} alpha {Config.Alpha.ToString("R", CultureInfo.InvariantCulture)} rslora {Config.UseRsLora}");
        foreach (var (pattern, rank) in Config.RankPattern) Text($"rank of {pattern} {rank}");
        foreach (var (pattern, alpha) in Config.AlphaPattern) Text($"alpha of {pattern} {alpha.ToString("R", CultureInfo.InvariantCulture)}");
        foreach (var module in Modules)
        {
            Text($"{module.Module} {module.DType} {module.InFeatures} {module.OutFeatures}");
            hash.AppendData(module.A.Span);
            hash.AppendData(module.B.Span);
            Singles("magnitudes", module.Magnitudes);
            Singles("bias", module.OutputBias);
            Singles("diagonal", module.Diagonal);
        }
        if (BeyondFactors is not null) Text($"start {Config.Start} layers {string.Join(' ', Config.LayerReplication)}");
        foreach (var tensor in Saved) Data($"saved {tensor.OfModule}", tensor.Values);
        foreach (var rows in Rows) Data($"rows {string.Join(' ', rows.Tokens)} of {rows.Module}", rows.Values);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Singles(string name, float[]? values)
        {
            if (values is null) return;
            Text(name);
            hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
        }

        void Data(string name, TensorData tensor)
        {
            Text($"{name} {tensor.Name} {tensor.DType} {string.Join(' ', tensor.Shape)}");
            hash.AppendData(tensor.Bytes.Span);
        }

        void Text(string line) => hash.AppendData(Encoding.UTF8.GetBytes(line + "\n"));
    }

    /// <summary>Throws unless the adapter was trained on the base with this digest (or does not say on which).</summary>
    public void RequireBase(string digest, string source)
    {
        if (BaseDigest is not null && BaseDigest != digest)
            throw new PbenchException($"{source}: the adapter was trained on a base with digest {BaseDigest}, this base ({Config.BaseModel} in its configuration) has {digest}");
    }

    /// <summary>Throws unless every module is one of this base's and has its shapes there.</summary>
    /// <returns>Name and rank of each projection that is adapted: what a bank needs to hold it.</returns>
    public IReadOnlyDictionary<string, int> RequireShapes(DecoderConfig config, string source) =>
        PeftModules.Split(config, this, source).GroupBy(p => p.Module.Split('.')[^1]).ToDictionary(g => g.Key, g => g.Max(p => p.Rank), StringComparer.Ordinal);
}
