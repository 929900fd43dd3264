using System.Globalization;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// A base's checkpoint with an adapter in its tensors, read one after another: factors on any product, embedding or head, with all that
/// LoRA may have beside them. It answers as the base with the adapter on it does.
/// </summary>
/// <remarks>Where embedding and head are one tensor and the adapter changes one of them, they are two from then on, as they are in PEFT
/// while the adapter is on; what PEFT's <c>merge_and_unload</c> then makes of the one tensor is another model.</remarks>
internal sealed class AdaptedCheckpoint : ITensorSource
{
    private static readonly string[] Replicable = ["llama", "mistral", "qwen2", "qwen3"];

    private readonly ITensorSource _base;
    private readonly string _source;
    private readonly string _embedding, _head;
    private readonly DecoderConfig _config;

    /// <summary>From a tensor's name to the one in the base's file that it begins as.</summary>
    private readonly Dictionary<string, string> _origins;

    private readonly Dictionary<string, List<Func<float[], float[]>>> _changes = [];
    private bool _isUntied;

    /// <param name="source">What errors call the adapter.</param>
    /// <exception cref="PbenchException">The adapter names a module that the base does not have, or in another shape.</exception>
    public AdaptedCheckpoint(DecoderConfig config, ITensorSource tensors, PeftAdapter adapter, string source)
    {
        (_base, _source, Name) = (CheckpointLayout.AsTransformers(config, tensors), source, $"{tensors.Name} with {source}");
        (_origins, _config) = Replicated(config, adapter.Config.LayerReplication);
        var (embedding, head) = CheckpointLayout.Ends(config);
        (_embedding, _head) = (InFile($"{embedding}.weight"), $"{head}.weight");
        if (config.TiedHead) _origins[_head] = _embedding;
        // What the adapter's file found in the base comes before what it does to it.
        foreach (var saved in adapter.Saved.OrderBy(s => s.OfModule)) Replace(saved);
        foreach (var factors in adapter.Modules) Fold(adapter.Config, factors, embedding);
        foreach (var rows in adapter.Rows) Replace(rows, config);
        Config = _isUntied ? _config with { TiedHead = false } : _config;
        if (config.TiedHead && !_isUntied) _origins.Remove(_head);
    }

    /// <summary>The adapted model's.</summary>
    public DecoderConfig Config { get; }

    public string Name { get; }

    public IReadOnlyCollection<string> TensorNames => _origins.Keys;

    public (string DType, long[] Shape) Describe(string name)
    {
        var (type, shape) = _base.Describe(_origins[name]);
        // What is changed is exact in f32 alone.
        return (_changes.ContainsKey(name) ? "F32" : type, shape);
    }

    public float[] ReadSingles(string name)
    {
        var values = _base.ReadSingles(_origins[name]);
        return _changes.TryGetValue(name, out var changes) ? changes.Aggregate(values, (all, change) => change(all)) : values;
    }

    private (Dictionary<string, string> Origins, DecoderConfig Config) Replicated(DecoderConfig config, IReadOnlyList<(int Start, int End)> replication)
    {
        if (replication.Count == 0) return (_base.TensorNames.ToDictionary(n => n), config);
        if (replication.FirstOrDefault(r => r.End > config.Layers) is { End: > 0 } beyond) throw Error(FormattableString.Invariant($"layer_replication: [{beyond.Start}, {beyond.End}]: the base has {config.Layers} layers"));
        if (!Replicable.Contains(config.ModelType) || config.SlidingWindow is not null)
            throw Error($"layer_replication is followed on bases of {string.Join(", ", Replicable)} whose layers are all alike, and this is {(config.SlidingWindow is null ? $"a {config.ModelType}" : "one with windows")}");
        var copies = replication.SelectMany(r => Enumerable.Range(r.Start, r.End - r.Start)).Select((layer, copy) => (layer, copy)).ToLookup(c => c.layer, c => c.copy);
        var origins = new Dictionary<string, string>();
        foreach (var name in _base.TensorNames)
        {
            if (name.Split('.') is not ["model", "layers", var layer, .. var rest]) origins[name] = name;
            else foreach (var copy in copies[int.Parse(layer, CultureInfo.InvariantCulture)]) origins[FormattableString.Invariant($"model.layers.{copy}.{string.Join('.', rest)}")] = name;
        }
        return (origins, config with { Layers = copies.Sum(c => c.Count()) });
    }

    private void Replace(SavedTensor saved)
    {
        var name = Find(saved.Values.Name, saved.Values.Name);
        var shape = _base.Describe(_origins[name]).Shape;
        if (!shape.SequenceEqual(saved.Values.Shape)) throw Error($"tensor '{saved.Values.Name}': expected [{string.Join(", ", shape)}], found [{string.Join(", ", saved.Values.Shape)}]");
        Change(name, _ => TensorDTypes.ToSingles(saved.Values.DType, saved.Values.Bytes.Span, saved.Values.Name), saved.OfModule);
    }

    private void Replace(SavedRows rows, DecoderConfig config)
    {
        var name = Find($"{rows.Module}.weight", rows.Module);
        var width = (int)_base.Describe(_origins[name]).Shape[^1];
        foreach (var token in rows.Tokens.Where(t => t < 0 || t >= config.VocabularySize))
            throw Error(FormattableString.Invariant($"trainable_token_indices: expected tokens from 0 to {config.VocabularySize - 1}, found {token}"));
        if (rows.Values.Shape[1] != width) throw Error($"tensor '{rows.Values.Name}': expected [{rows.Tokens.Count}, {width}], found [{string.Join(", ", rows.Values.Shape)}]");
        var own = TensorDTypes.ToSingles(rows.Values.DType, rows.Values.Bytes.Span, rows.Values.Name);
        // A tied head has the same rows.
        Change(name, values =>
        {
            for (var i = 0; i < rows.Tokens.Count; i++) own.AsSpan(i * width, width).CopyTo(values.AsSpan(rows.Tokens[i] * width));
            return values;
        }, ofModule: false);
    }

    private void Fold(PeftAdapterConfig settings, LoraFactors factors, string embedding)
    {
        var module = factors.Module;
        var name = Find($"{module}.weight", module);
        var shape = _base.Describe(_origins[name]).Shape;
        if (factors.IsEmbedding != (module == embedding || module == "transformer.wpe")) throw Error($"module '{module}': expected {(factors.IsEmbedding ? "lora_A and lora_B" : "lora_embedding_A and lora_embedding_B")}");
        var isTransposed = FileModule.IsTransposed(_config, module);
        if (shape.Length != 2) throw Error($"module '{module}': LoRA on a weight [{string.Join(", ", shape)}] is not supported");
        var (output, input) = factors.IsEmbedding || isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1]);
        if (factors.InFeatures != input || factors.OutFeatures != output) throw Error($"module '{module}': expected {input} in and {output} out, found {factors.InFeatures} and {factors.OutFeatures}");
        // PEFT takes away the transposed weight's there, which does not fit.
        if (isTransposed && settings.Start == LoraStart.Olora) throw Error($"module '{module}': init_lora_weights \"olora\" is not supported where the weight lies [in, out]");
        var (rank, scaling) = (settings.RankOf(module), settings.ScalingOf(module));
        if (settings.Start != LoraStart.Unchanged && rank > Math.Min(input, output)) throw Error($"module '{module}': rank {rank} is above {Math.Min(input, output)}, and its start is a part of the base's weight");
        Change(name, values => LoraFold.Apply(values, shape, factors, scaling, settings.Start, isTransposed), ofModule: true);
        if (factors.OutputBias is not { } bias) return;
        if (!_origins.ContainsKey(InFile($"{module}.bias"))) throw Error($"module '{module}': lora_bias gives it a bias, which it does not have in this base: that is not supported");
        Change(InFile($"{module}.bias"), values => [.. values.Zip(bias, (of, more) => (float)(of + scaling * more))], ofModule: true);
    }

    private void Change(string name, Func<float[], float[]> change, bool ofModule)
    {
        foreach (var changed in _config.TiedHead && !ofModule && (name == _embedding || name == _head) ? new[] { _embedding, _head } : [name])
        {
            if (!_changes.TryGetValue(changed, out var changes)) _changes.Add(changed, changes = []);
            changes.Add(change);
        }
        _isUntied |= _config.TiedHead && ofModule && (name == _embedding || name == _head);
    }

    private string Find(string tensor, string module) => _origins.ContainsKey(InFile(tensor)) ? InFile(tensor)
        : throw Error($"'{module}' is no module of this base that can be adapted{(NearestWord.Find(InFile(tensor), _origins.Keys) is { } nearest ? $"; did you mean '{nearest[..nearest.LastIndexOf('.')]}'?" : "")}");

    /// <summary>GPT-2's files are with or without the first part of its names.</summary>
    private string InFile(string tensor)
    {
        const string Optional = "transformer.";
        return !_origins.ContainsKey(tensor) && tensor.StartsWith(Optional, StringComparison.Ordinal) && _origins.ContainsKey(tensor[Optional.Length..]) ? tensor[Optional.Length..] : tensor;
    }

    private PbenchException Error(string message) => new($"{_source}: {message}");
}
