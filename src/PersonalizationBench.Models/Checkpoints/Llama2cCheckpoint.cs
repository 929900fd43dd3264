using System.Buffers.Binary;
using System.Runtime.InteropServices;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>The header of a llama2.c checkpoint.</summary>
/// <param name="Dim">Width of the residual stream.</param>
/// <param name="HiddenDim">Width of the feed-forward layer.</param>
/// <param name="KvHeads">Heads of keys and values; divides <paramref name="Heads"/>.</param>
/// <param name="ContextLength">Longest sequence in tokens.</param>
/// <param name="TiedHead">The output projection is the embedding.</param>
public sealed record Llama2cConfig(int Dim, int HiddenDim, int Layers, int Heads, int KvHeads, int VocabularySize, int ContextLength, bool TiedHead)
{
    public int HeadSize => Dim / Heads;

    public int KvDim => KvHeads * HeadSize;

    /// <summary>Epsilon of every RMSNorm and base of the rotary frequencies: constants of llama2.c, not in the file.</summary>
    public const float NormEpsilon = 1e-5f, RotaryBase = 10000f;
}

/// <summary>
/// A version 0 checkpoint of llama2.c (karpathy/llama2.c, <c>export.py --version 0</c>): seven little-endian int32, then f32
/// weights without names. A negative vocabulary size says that the head is not tied.
/// </summary>
/// <param name="Weights">By Hugging Face's names, <c>model.layers.N.self_attn.q_proj.weight</c> and so on, F32, [out, in].
/// Query and key rows are in Hugging Face's half-rotation order (<see cref="RotaryLayout"/>), as the names promise.</param>
/// <param name="Digest">SHA-256 of the file.</param>
public sealed record Llama2cCheckpoint(Llama2cConfig Config, IReadOnlyList<TensorData> Weights, string Digest)
{
    private const int HeaderBytes = 28;
    private const uint VersionedMagic = 0x616b3432; // "ak42": versions 1 and 2

    public static Llama2cCheckpoint Load(string path) => Parse(ReadAll(path), path);

    /// <summary>The header alone, checked against the file's size; the weights are not read.</summary>
    public static Llama2cConfig LoadConfig(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            var header = new byte[(int)Math.Min(HeaderBytes, stream.Length)];
            stream.ReadExactly(header);
            return ParseConfig(header, stream.Length, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }

    /// <param name="source">What errors call the file.</param>
    public static Llama2cCheckpoint Parse(byte[] bytes, string source)
    {
        var config = ParseConfig(bytes, bytes.Length, source);
        var reader = new Reader(MemoryMarshal.Cast<byte, float>(bytes.AsSpan(HeaderBytes)));
        var (dim, hidden, kv, head) = (config.Dim, config.HiddenDim, config.KvDim, config.HeadSize);
        var weights = new List<TensorData>();

        // The file holds each kind of weight for all layers together; the order is export.py's.
        Add("model.embed_tokens.weight", ref reader, config.VocabularySize, dim);
        EachLayer("input_layernorm", ref reader, dim);
        EachLayer("self_attn.q_proj", ref reader, dim, dim);
        EachLayer("self_attn.k_proj", ref reader, kv, dim);
        EachLayer("self_attn.v_proj", ref reader, kv, dim);
        EachLayer("self_attn.o_proj", ref reader, dim, dim);
        EachLayer("post_attention_layernorm", ref reader, dim);
        EachLayer("mlp.gate_proj", ref reader, hidden, dim);
        EachLayer("mlp.down_proj", ref reader, dim, hidden);
        EachLayer("mlp.up_proj", ref reader, hidden, dim);
        Add("model.norm.weight", ref reader, dim);
        reader.Take(RotaryTableValues(config)); // cosines and sines, which follow from the configuration
        if (!config.TiedHead) Add("lm_head.weight", ref reader, config.VocabularySize, dim);
        return new Llama2cCheckpoint(config, weights, Core.Digest.Of(bytes));

        void EachLayer(string module, ref Reader from, params long[] shape)
        {
            for (var layer = 0; layer < config.Layers; layer++) Add($"model.layers.{layer}.{module}.weight", ref from, shape);
        }

        void Add(string name, ref Reader from, params long[] shape)
        {
            var values = from.Take((int)shape.Aggregate((a, b) => a * b));
            var stored = name.EndsWith("q_proj.weight", StringComparison.Ordinal) || name.EndsWith("k_proj.weight", StringComparison.Ordinal)
                ? RotaryLayout.InterleavedToHalf(values, (int)shape[0] / head, head, dim)
                : values.ToArray();
            weights.Add(TensorData.FromSingles(name, stored, shape));
        }
    }

    private static byte[] ReadAll(string path)
    {
        try
        {
            // The size is checked against the header first: a wrong file of many gigabytes is not read to find that out.
            LoadConfig(path);
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }

    private static Llama2cConfig ParseConfig(ReadOnlySpan<byte> bytes, long fileLength, string source)
    {
        if (bytes.Length < HeaderBytes) throw new PbenchException($"{source}: expected a header of {HeaderBytes} bytes, found {bytes.Length}; the file is truncated");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) == VersionedMagic)
            throw new PbenchException($"{source}: this is a llama2.c checkpoint of version {BinaryPrimitives.ReadInt32LittleEndian(bytes[4..])}; only version 0 (export.py --version 0) is read");
        var header = MemoryMarshal.Cast<byte, int>(bytes[..HeaderBytes]);
        var vocabulary = header[5];
        foreach (var (name, value) in new[] { ("dim", header[0]), ("hidden_dim", header[1]), ("n_layers", header[2]), ("n_heads", header[3]), ("n_kv_heads", header[4]), ("vocab_size", vocabulary == int.MinValue ? 0 : Math.Abs(vocabulary)), ("seq_len", header[6]) })
            if (value <= 0) throw new PbenchException($"{source}: {name}: expected a positive number, found {value}; this is not a llama2.c checkpoint of version 0");

        var config = new Llama2cConfig(header[0], header[1], header[2], header[3], header[4], Math.Abs(vocabulary), header[6], vocabulary > 0);
        if (config.Dim % config.Heads != 0 || config.HeadSize % 2 != 0) throw new PbenchException($"{source}: dim {config.Dim} does not give {config.Heads} heads of an even size");
        if (config.Heads % config.KvHeads != 0) throw new PbenchException($"{source}: n_kv_heads {config.KvHeads} does not divide n_heads {config.Heads}");
        var expected = HeaderBytes + 4 * ValueCount(config);
        if (fileLength != expected)
            throw new PbenchException($"{source}: the header ({config.Layers} layers of {config.Dim}, vocabulary {config.VocabularySize}) asks for {expected} bytes, found {fileLength}; the file is {(fileLength < expected ? "truncated" : "too long")} or its header is corrupted");
        return config;
    }

    private static Int128 ValueCount(Llama2cConfig c)
    {
        Int128 dim = c.Dim;
        var layer = 2 * dim + 2 * dim * dim + 2 * dim * c.KvDim + 3 * dim * c.HiddenDim;
        return (c.TiedHead ? 1 : 2) * dim * c.VocabularySize + c.Layers * layer + dim + (Int128)c.ContextLength * c.HeadSize;
    }

    private static int RotaryTableValues(Llama2cConfig c) => c.ContextLength * c.HeadSize;

    private ref struct Reader(ReadOnlySpan<float> rest)
    {
        private ReadOnlySpan<float> _rest = rest;

        public ReadOnlySpan<float> Take(int count)
        {
            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}
