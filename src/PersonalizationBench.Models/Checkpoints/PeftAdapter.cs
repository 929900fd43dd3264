using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>What an adapter's <c>adapter_config.json</c> says.</summary>
/// <param name="Rank"><c>r</c>, at least 1.</param>
/// <param name="Alpha"><c>lora_alpha</c>.</param>
/// <param name="TargetModules">Names of the adapted modules, whole or their last parts, such as q_proj.</param>
/// <param name="BaseModel"><c>base_model_name_or_path</c>.</param>
public sealed record PeftAdapterConfig(int Rank, double Alpha, IReadOnlyList<string> TargetModules, string BaseModel)
{
    /// <summary>In ordinal order, without repetition.</summary>
    public IReadOnlyList<string> TargetModules { get; } = [.. TargetModules.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary><c>use_rslora</c>: the update is scaled by alpha / sqrt(r) in place of alpha / r (Kalajdzievski, 2023).</summary>
    public bool UseRsLora { get; init; }

    /// <summary><c>rank_pattern</c>: other ranks of the modules whose names end with one of these patterns (regular expressions), as PEFT matches them.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new SortedDictionary<string, int>(StringComparer.Ordinal);

    /// <summary><c>alpha_pattern</c>: the same of alpha.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new SortedDictionary<string, double>(StringComparer.Ordinal);

    /// <summary><c>fan_in_fan_out</c>: the base's own file has these weights [in, out] (GPT-2's). A and B are the same either way.</summary>
    public bool FanInFanOut { get; init; }

    public PeftAdapterConfig WithTargets(IReadOnlyList<string> modules) =>
        new(Rank, Alpha, modules, BaseModel) { UseRsLora = UseRsLora, FanInFanOut = FanInFanOut, RankPattern = RankPattern, AlphaPattern = AlphaPattern };

    /// <summary>The rank of one module.</summary>
    public int RankOf(string module) => Match(RankPattern, module) is { } pattern ? RankPattern[pattern] : Rank;

    /// <summary>The factor s of W x + s B A x in one module.</summary>
    public double ScalingOf(string module)
    {
        var alpha = Match(AlphaPattern, module) is { } pattern ? AlphaPattern[pattern] : Alpha;
        return UseRsLora ? alpha / Math.Sqrt(RankOf(module)) : alpha / RankOf(module);
    }

    /// <summary>The factor s where no pattern says otherwise.</summary>
    public double Scaling => UseRsLora ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>Whether <c>target_modules</c> names a module.</summary>
    public bool Targets(string module) => TargetModules.Any(t => module == t || module.EndsWith("." + t, StringComparison.Ordinal));

    private static string? Match<T>(IReadOnlyDictionary<string, T> patterns, string module) =>
        patterns.Keys.FirstOrDefault(p => PeftPattern.Matches($@"^(?:.*\.)?(?:{p})\z", module));
}

/// <summary>The two factors of one adapted projection: W x + s B A x (Hu et al., 2021).</summary>
/// <param name="Module">The projection's name in the base, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="DType">F32, F16 or BF16; the same for both.</param>
/// <param name="InFeatures">Columns of A.</param>
/// <param name="OutFeatures">Rows of B.</param>
/// <param name="A">[r, in], row-major, little-endian. Read from memory, it is a part of that.</param>
/// <param name="B">[out, r].</param>
public sealed record LoraFactors(string Module, string DType, int InFeatures, int OutFeatures, ReadOnlyMemory<byte> A, ReadOnlyMemory<byte> B)
{
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

/// <summary>One user's adapter, as PEFT stores it.</summary>
/// <param name="Modules">At least one, each name once.</param>
/// <param name="BaseDigest">Digest of the base that it was trained on; null where the file does not say (PEFT's own do not).</param>
public sealed record PeftAdapter(PeftAdapterConfig Config, IReadOnlyList<LoraFactors> Modules, string? BaseDigest)
{
    /// <summary>In ordinal order of their names, whatever order they came in.</summary>
    public IReadOnlyList<LoraFactors> Modules { get; } = [.. Modules.OrderBy(m => m.Module, StringComparer.Ordinal)];

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
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

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
