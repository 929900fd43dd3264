using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>The shape of a base as the metadata of its GGUF file tell it. Every key that changes the result is honored or refused by name.</summary>
internal static class GgufConfig
{
    public static readonly IReadOnlyList<string> Architectures = ["llama", "qwen2"];

    /// <exception cref="PbenchException">Names the file and what in it is not understood.</exception>
    public static DecoderConfig Read(GgufFile file)
    {
        var (source, general) = (file.Name, new GgufFields(file.Metadata, "general.", file.Name));
        if (general.Text("type") is { } type and not "model") throw new PbenchException($"{source}: general.type '{type}': expected 'model'");
        if (new GgufFields(file.Metadata, "split.", source).Int("count", 1) is > 1 and var parts) throw new PbenchException($"{source}: split.count: this is one of {parts} files of a model, which are not read; expected a whole one");
        var architecture = general.Text("architecture") ?? throw new PbenchException($"{source}: general.architecture is missing");
        if (!Architectures.Contains(architecture)) throw new PbenchException($"{source}: general.architecture '{architecture}' is not read; expected one of {string.Join(", ", Architectures)}");

        var fields = new GgufFields(file.Metadata, $"{architecture}.", source);
        var (dimension, heads) = (fields.Int("embedding_length"), fields.Int("attention.head_count"));
        var width = fields.Int("attention.key_length", heads > 0 ? dimension / heads : 0);
        Demand("attention.value_length", fields.Int("attention.value_length", width), width, "the width of a key");
        Demand("rope.dimension_count", fields.Int("rope.dimension_count", width), width, "the width of a key: every channel turns");
        var vocabulary = VocabularyOf(file);
        Demand("vocab_size", fields.Int("vocab_size", vocabulary), vocabulary, $"the rows of {GgufLayout.Embedding}");
        if (file.Tensors.FirstOrDefault(t => t.Name.StartsWith("rope_freqs", StringComparison.Ordinal)) is { } factors) throw new PbenchException($"{source}: tensor '{factors.Name}': frequencies changed one by one are not supported");
        var config = new DecoderConfig(
            vocabulary, dimension, fields.Int("block_count"), heads, fields.Int("attention.head_count_kv", heads), fields.Int("feed_forward_length"), fields.Int("context_length"),
            fields.Number("rope.freq_base", 10000), fields.Number("attention.layer_norm_rms_epsilon"), TiedHead: !file.Contains(GgufLayout.Head))
        {
            ModelType = architecture,
            HeadDimension = heads > 0 && width == dimension / heads ? 0 : width,
            RopeScaling = Scaling(fields, source),
            QueryKeyValueBias = file.Contains("blk.0.attn_q.bias"),
            OutputBias = file.Contains("blk.0.attn_output.bias"),
            MlpBias = file.Contains("blk.0.ffn_down.bias"),
        };
        fields.RequireNothingElse();
        return config.Validated(source);

        void Demand(string key, int found, int expected, string why)
        {
            if (found != expected) throw new PbenchException($"{source}: {architecture}.{key}: expected {expected}, {why}; found {found}");
        }
    }

    private static int VocabularyOf(GgufFile file) => file.Find(GgufLayout.Embedding).Shape is { Count: 2 } shape && shape[0] is > 0 and <= int.MaxValue ? (int)shape[0]
        : throw new PbenchException($"{file.Name}: tensor '{GgufLayout.Embedding}': expected a matrix of a row for each token");

    private static LinearRopeScaling? Scaling(GgufFields fields, string source)
    {
        fields.Flag("rope.scaling.finetuned");
        // What was written before there were kinds of scaling.
        var old = fields.Number("rope.scale_linear", 1);
        var (kind, factor) = (fields.Text("rope.scaling.type"), fields.Number("rope.scaling.factor", old));
        return kind switch
        {
            null or "linear" => factor is 0 or 1 ? null : new LinearRopeScaling(factor),
            "none" => null,
            _ => throw new PbenchException($"{source}: rope.scaling.type '{kind}' is not supported; expected 'none' or 'linear'"),
        };
    }
}
