using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// A Llama's tensors as they lie in memory: query, key and value of a block are one matrix, gate and up another, so that
/// each is one product forward and one gradient back. By Hugging Face's names they are views of those.
/// </summary>
internal sealed class LlamaParameters : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = [];
    private readonly List<(string Name, Tensor Tensor)> _stored = [];

    /// <param name="make">Gives an owned tensor of the name and shape of one entry of the layout.</param>
    public LlamaParameters(LlamaConfig config, Func<string, long[], Tensor> make)
    {
        foreach (var (name, parts) in Layout(config))
        {
            var tensor = make(name, ShapeOf(config, parts)).DetachFromDisposeScope();
            _stored.Add((name, tensor));
            var row = 0L;
            foreach (var part in parts)
            {
                var rows = config.ShapeOf(part)[0];
                _views[part] = parts.Length == 1 ? tensor : tensor.narrow(0, row, rows).DetachFromDisposeScope();
                row += rows;
            }
        }
        Embedding = _views[LlamaNames.Embedding];
        FinalNorm = _views[LlamaNames.FinalNorm];
        Head = _views[config.TiedHead ? LlamaNames.Embedding : LlamaNames.Head];
        var at = _stored.ToDictionary(s => s.Name, s => s.Tensor);
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(layer => new LlamaBlock(
            at[LlamaNames.AttentionNorm(layer)], at[QueryKeyValueName(layer)], at[LlamaNames.Projection(layer, "o_proj")],
            at[LlamaNames.MlpNorm(layer)], at[GateUpName(layer)], at[LlamaNames.Projection(layer, "down_proj")]))];
    }

    /// <summary>What is in memory, each tensor once.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Stored => _stored;

    public Tensor Embedding { get; }

    public Tensor FinalNorm { get; }

    public Tensor Head { get; }

    public LlamaBlock[] Blocks { get; }

    /// <summary>By Hugging Face's name.</summary>
    public Tensor this[string name] => _views[name];

    public void Dispose()
    {
        foreach (var view in _views.Values) view.Dispose();
        foreach (var (_, tensor) in _stored) tensor.Dispose();
    }

    private static string QueryKeyValueName(int layer) => LlamaNames.Projection(layer, "qkv_proj");

    private static string GateUpName(int layer) => LlamaNames.Projection(layer, "gate_up_proj");

    /// <summary>Each stored tensor with Hugging Face's names of its rows, in order.</summary>
    private static IEnumerable<(string Name, string[] Parts)> Layout(LlamaConfig config)
    {
        yield return (LlamaNames.Embedding, [LlamaNames.Embedding]);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var at = layer;
            yield return Whole(LlamaNames.AttentionNorm(layer));
            yield return (QueryKeyValueName(layer), [Part("q_proj"), Part("k_proj"), Part("v_proj")]);
            yield return Whole(Part("o_proj"));
            yield return Whole(LlamaNames.MlpNorm(layer));
            yield return (GateUpName(layer), [Part("gate_proj"), Part("up_proj")]);
            yield return Whole(Part("down_proj"));

            string Part(string module) => LlamaNames.Projection(at, module);
        }
        yield return Whole(LlamaNames.FinalNorm);
        if (!config.TiedHead) yield return Whole(LlamaNames.Head);

        static (string, string[]) Whole(string name) => (name, [name]);
    }

    private static long[] ShapeOf(LlamaConfig config, string[] parts)
    {
        var shapes = parts.Select(config.ShapeOf).ToList();
        return [shapes.Sum(s => s[0]), .. shapes[0].Skip(1)];
    }
}

/// <summary>One block's tensors.</summary>
/// <param name="QueryKeyValue">[d + 2 kv, d]: rows of q_proj, k_proj, v_proj.</param>
/// <param name="GateUp">[2 f, d]: rows of gate_proj, up_proj.</param>
internal sealed record LlamaBlock(Tensor AttentionNorm, Tensor QueryKeyValue, Tensor Output, Tensor MlpNorm, Tensor GateUp, Tensor Down);
