using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// The tensors of an <c>adapter_model.safetensors</c> by module and by what they are of it. Names are
/// <c>base_model.model.MODULE.lora_A.weight</c> and the like, with or without the adapter's own name, <c>default</c>, within.
/// </summary>
internal sealed class PeftTensors
{
    public const string Prefix = "base_model.model.", FactorA = "lora_A.weight", FactorB = "lora_B.weight";
    private const string BiasOfB = "lora_B.bias", EmbeddingA = "lora_embedding_A", EmbeddingB = "lora_embedding_B", Magnitude = "lora_magnitude_vector", Diagonal = "lora_diag", TokenRows = "token_adapter.trainable_tokens_delta";

    /// <summary>What stands between a module's name and its adapter's.</summary>
    private static readonly string[] Marks = ["lora_A", "lora_B", EmbeddingA, EmbeddingB, Magnitude, Diagonal, "base_layer", "modules_to_save", "token_adapter"];

    /// <summary>What belongs to factors.</summary>
    private static readonly string[] OfFactors = [FactorA, FactorB, BiasOfB, EmbeddingA, EmbeddingB, Magnitude, Diagonal];

    /// <summary>State of a way to train (MonteCLoRA, VeLoRA), without a say afterwards.</summary>
    private static readonly string[] OfTraining = ["lora_monteclora_sampler", "lora_velora_embed"];

    private static readonly string[] Whole = ["weight", "bias", "base_layer.weight", "base_layer.bias", "modules_to_save.weight", "modules_to_save.bias"];

    private readonly Dictionary<(string Module, string Role), TensorEntry> _tensors = [];
    private readonly SafetensorsFile _file;
    private readonly PeftAdapterConfig _config;
    private readonly string _source;

    /// <exception cref="PbenchException">A tensor's name is none that LoRA has.</exception>
    public PeftTensors(PeftAdapterConfig config, SafetensorsFile file, string source)
    {
        (_config, _file, _source) = (config, file, source);
        foreach (var tensor in file.Tensors)
        {
            if (Place(tensor.Name) is not { } place)
            {
                if (tensor.Name.Split('.').Any(p => OfTraining.Contains(p))) continue;
                throw new PbenchException($"{source}: tensor '{tensor.Name}': expected {Prefix}MODULE.{FactorA} or .{FactorB}, or what else {PeftAdapterFile.ConfigName} asks for");
            }
            if (!_tensors.TryAdd(place, tensor)) throw new PbenchException($"{source}: module '{place.Module}' is adapted twice: '{_tensors[place].Name}' and '{tensor.Name}' are the same");
        }
    }

    /// <summary>Every adapted module; its factors are parts of the file's memory where it is in memory.</summary>
    public IReadOnlyList<LoraFactors> Factors() => [.. _tensors.Keys.Where(k => OfFactors.Contains(k.Role)).Select(k => k.Module).Distinct(StringComparer.Ordinal).Select(Factors)];

    private LoraFactors Factors(string module)
    {
        var isEmbedding = Has(module, EmbeddingA) || Has(module, EmbeddingB);
        var (a, b) = (Require(module, isEmbedding ? EmbeddingA : FactorA), Require(module, isEmbedding ? EmbeddingB : FactorB));
        if (a.DType is not ("F32" or "F16" or "BF16") || a.DType != b.DType) throw new PbenchException($"{_source}: module '{module}': expected lora_A and lora_B both in F32, F16 or BF16, found {a.DType} and {b.DType}");
        var rank = _config.RankOf(module);
        if (a.Shape.Length != 2 || b.Shape.Length != 2 || a.Shape[0] != rank || b.Shape[1] != rank || a.Shape[1] is < 1 or > int.MaxValue || b.Shape[0] is < 1 or > int.MaxValue)
            throw new PbenchException($"{_source}: module '{module}': expected lora_A [{rank}, in] and lora_B [out, {rank}] by r and rank_pattern in {PeftAdapterFile.ConfigName}, found [{string.Join(", ", a.Shape)}] and [{string.Join(", ", b.Shape)}]");
        var (input, output) = ((int)a.Shape[1], (int)b.Shape[0]);
        return new LoraFactors(module, a.DType, input, output, _file.Bytes(a.Name), _file.Bytes(b.Name))
        {
            IsEmbedding = isEmbedding,
            Magnitudes = Vector(module, Magnitude, output, _config.UseDora, "use_dora"),
            // PEFT gives an embedding's B none.
            OutputBias = Vector(module, BiasOfB, output, _config.LoraBias && !isEmbedding, "lora_bias"),
            Diagonal = Vector(module, Diagonal, rank, _config.Start == LoraStart.Kasa && !isEmbedding, "kasa_config"),
        };
    }

    /// <summary>A module's vector, where the settings ask for it and only there.</summary>
    private float[]? Vector(string module, string role, int length, bool isAsked, string setting)
    {
        if (!isAsked && !Has(module, role)) return null;
        var tensor = Require(module, role);
        if (!isAsked) throw new PbenchException($"{_source}: tensor '{tensor.Name}': {setting} in {PeftAdapterFile.ConfigName} does not ask for it");
        // Older versions of PEFT have a magnitude of an embedding, and of a convolution, with sizes of 1 about it.
        if (tensor.Shape.Aggregate(1L, (all, size) => all * size) != length) throw new PbenchException($"{_source}: tensor '{tensor.Name}': expected [{length}], found [{string.Join(", ", tensor.Shape)}]");
        return _file.ReadSingles(tensor.Name);
    }

    /// <summary>Tensors that stand in the file whole: of modules_to_save, biases, and embeddings that PEFT saves beside their factors.</summary>
    /// <param name="factors">The adapted modules.</param>
    public IReadOnlyList<SavedTensor> Saved(IReadOnlyList<LoraFactors> factors)
    {
        var adapted = factors.Select(m => m.Module).ToHashSet(StringComparer.Ordinal);
        return [.. _tensors.Where(t => Whole.Contains(t.Key.Role)).Select(t => Saved(t.Key.Module, t.Key.Role, t.Value, adapted)).OrderBy(t => t.Values.Name, StringComparer.Ordinal)];
    }

    private SavedTensor Saved(string module, string role, TensorEntry tensor, HashSet<string> adapted)
    {
        var kind = role.Split('.')[^1];
        var isSaved = role.StartsWith("modules_to_save", StringComparison.Ordinal) || IsSaved(module);
        // A trained bias takes the place of the base's; so does an embedding that is in the file because it is adapted, or was resized.
        var isKnown = isSaved || (kind == "bias" ? _config.Bias == "all" || (_config.Bias == "lora_only" && adapted.Contains(module)) : IsEmbeddingOrHead(module));
        if (!isKnown) throw new PbenchException($"{_source}: tensor '{tensor.Name}': {(kind == "bias" ? "bias" : "modules_to_save")} in {PeftAdapterFile.ConfigName} does not ask for it");
        return new SavedTensor(TensorData.FromSingles($"{module}.{kind}", _file.ReadSingles(tensor.Name), tensor.Shape), isSaved);
    }

    /// <summary>As PEFT does: a name of modules_to_save is the end of a module's, or of one that it is in.</summary>
    private bool IsSaved(string module) => _config.ModulesToSave.Any(name => IsWithin(name, module));

    /// <summary>Whether a module, or one that it is in, has a name that ends so.</summary>
    public static bool IsWithin(string end, string module)
    {
        var parts = module.Split('.');
        return Enumerable.Range(1, parts.Length).Any(count => string.Join('.', parts.Take(count)).EndsWith(end, StringComparison.Ordinal));
    }

    private static bool IsEmbeddingOrHead(string module) => module.Split('.')[^1] is "embed_tokens" or "embeddings" or "wte" or "embed_in" or "lm_head" or "embed_out";

    /// <summary>Embeddings of single tokens.</summary>
    public IReadOnlyList<SavedRows> Rows() => [.. _tensors.Where(t => t.Key.Role == TokenRows).Select(t => Rows(t.Key.Module, t.Value))];

    private SavedRows Rows(string module, TensorEntry tensor)
    {
        var name = _config.TokenIndices.Keys.FirstOrDefault(k => k.Length == 0 || PeftPattern.IsEnd(k, module))
            ?? throw new PbenchException($"{_source}: tensor '{tensor.Name}': trainable_token_indices in {PeftAdapterFile.ConfigName} does not ask for it");
        var tokens = _config.TokenIndices[name];
        if (tensor.Shape.Length != 2 || tensor.Shape[0] != tokens.Count)
            throw new PbenchException($"{_source}: tensor '{tensor.Name}': expected [{tokens.Count}, width] by trainable_token_indices in {PeftAdapterFile.ConfigName}, found [{string.Join(", ", tensor.Shape)}]");
        return new SavedRows(module, tokens, TensorData.FromSingles(tensor.Name, _file.ReadSingles(tensor.Name), tensor.Shape));
    }

    private bool Has(string module, string role) => _tensors.ContainsKey((module, role));

    private TensorEntry Require(string module, string role) =>
        _tensors.TryGetValue((module, role), out var tensor) ? tensor : throw new PbenchException($"{_source}: tensor '{Prefix}{module}.{role}' is missing");

    /// <summary>Null where the name is none of LoRA's.</summary>
    private static (string Module, string Role)? Place(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        // Nearly all there are: a server reads thousands in a second.
        foreach (var factor in new[] { FactorA, FactorB })
            if (name.EndsWith(factor, StringComparison.Ordinal) && name.Length - factor.Length - 1 > Prefix.Length && name[^(factor.Length + 1)] == '.') return (name[Prefix.Length..^(factor.Length + 1)], factor);
        var parts = name[Prefix.Length..].Split('.');
        var mark = Array.FindIndex(parts, p => Marks.Contains(p));
        if (mark < 0) mark = parts.Length - 1;
        if (mark == 0 || parts[..mark].Contains("")) return null;
        var role = string.Join('.', parts[mark..].Where(p => p != "default"));
        if (role == $"{Magnitude}.weight") role = Magnitude;
        return OfFactors.Contains(role) || Whole.Contains(role) || role == TokenRows ? (string.Join('.', parts[..mark]), role) : null;
    }
}
