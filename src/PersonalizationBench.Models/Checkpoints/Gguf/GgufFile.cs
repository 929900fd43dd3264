using System.Globalization;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>One tensor of a GGUF file.</summary>
/// <param name="Shape">Row-major, as everywhere here; the file has it the other way round.</param>
/// <param name="Offset">First byte, counted from the file's start.</param>
/// <param name="Length">Bytes.</param>
public sealed record GgufEntry(string Name, GgufElement Element, IReadOnlyList<long> Shape, long Offset, long Length);

/// <summary>
/// llama.cpp's file of weights, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): numbers of tensors and of
/// keys, the keys with their values, the tensors' names, shapes and places, then their bytes. All but the tensors' bytes is read and checked
/// when the file is opened; whatever cannot be is refused naming the file and the key or tensor.
/// </summary>
public sealed class GgufFile : ITensorSource, IDisposable
{
    private const int DefaultAlignment = 32, LargestAlignment = 1 << 16, MostDimensions = 4;

    private readonly Stream _stream;
    private readonly Dictionary<string, GgufEntry> _byName;

    private GgufFile(Stream stream, string source, IReadOnlyDictionary<string, object> metadata, IReadOnlyList<GgufEntry> tensors) =>
        (_stream, Name, Metadata, Tensors, _byName) = (stream, source, metadata, tensors, tensors.ToDictionary(t => t.Name, StringComparer.Ordinal));

    /// <summary>What errors call it.</summary>
    public string Name { get; }

    /// <summary>By key: bool, long (any whole number), double, string, or an array of one of these.</summary>
    public IReadOnlyDictionary<string, object> Metadata { get; }

    /// <summary>In the order of their bytes.</summary>
    public IReadOnlyList<GgufEntry> Tensors { get; }

    public static GgufFile Open(string path) =>
        Open(InputFile.Read(path, p => new FileStream(p, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16)), path);

    /// <summary>Takes over a seekable stream that starts with the file; it is closed on failure too.</summary>
    /// <param name="source">What errors call it.</param>
    public static GgufFile Open(Stream stream, string source)
    {
        try
        {
            return Parse(stream, source);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public IReadOnlyCollection<string> TensorNames => _byName.Keys;

    public (string DType, long[] Shape) Describe(string name) => (Find(name).Element.ToString(), [.. Find(name).Shape]);

    public bool Contains(string name) => _byName.ContainsKey(name);

    public GgufEntry Find(string name)
    {
        if (_byName.TryGetValue(name, out var entry)) return entry;
        var nearest = NearestWord.Find(name, _byName.Keys);
        throw new PbenchException($"{Name}: there is no tensor '{name}'{(nearest is null ? "" : $"; did you mean '{nearest}'?")}");
    }

    /// <summary>A tensor's bytes as they are stored.</summary>
    public byte[] Read(string name)
    {
        var entry = Find(name);
        if (entry.Length > Array.MaxLength) throw new PbenchException($"{Name}: tensor '{name}': {entry.Length} bytes do not fit in one array");
        var bytes = new byte[entry.Length];
        _stream.Position = entry.Offset;
        if (_stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw new PbenchException($"{Name}: tensor '{name}': the file became shorter while it was read");
        return bytes;
    }

    /// <summary>A tensor's elements as f32.</summary>
    public float[] ReadSingles(string name)
    {
        var entry = Find(name);
        if (entry.Shape.Aggregate((Int128)1, (a, b) => a * b) > Array.MaxLength) throw new PbenchException($"{Name}: tensor '{name}': its elements do not fit in one array");
        return GgufBlocks.ToSingles(entry.Element, Read(name));
    }

    public void Dispose() => _stream.Dispose();

    private static GgufFile Parse(Stream stream, string source)
    {
        var reader = new GgufReader(stream, source);
        reader.Begin();
        var (tensorCount, keyCount) = (reader.Count("the number of tensors", GgufReader.LeastTensor), reader.Count("the number of keys", GgufReader.LeastKey));
        var metadata = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var i = 0L; i < keyCount; i++)
        {
            var key = reader.Text($"key {i}");
            if (!metadata.TryAdd(key, reader.Value($"key '{key}'"))) throw new PbenchException($"{source}: key '{key}' is there twice");
        }
        var alignment = AlignmentOf(metadata, source);
        var tensors = new List<GgufEntry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0L; i < tensorCount; i++)
        {
            var tensor = Entry(reader, source, i, alignment);
            if (!names.Add(tensor.Name)) throw new PbenchException($"{source}: tensor '{tensor.Name}' is there twice");
            tensors.Add(tensor);
        }
        return new GgufFile(stream, source, metadata, Placed(tensors, source, (reader.Position + alignment - 1) / alignment * alignment, stream.Length));
    }

    private static long AlignmentOf(Dictionary<string, object> metadata, string source)
    {
        const string Key = "general.alignment";
        if (!metadata.TryGetValue(Key, out var value)) return DefaultAlignment;
        return value is long alignment and > 0 and <= LargestAlignment && alignment % 8 == 0 ? alignment
            : throw new PbenchException(string.Create(CultureInfo.InvariantCulture, $"{source}: {Key}: expected a multiple of 8 up to {LargestAlignment}, found {value}"));
    }

    /// <summary>One tensor, its place counted from where the tensors' bytes begin.</summary>
    private static GgufEntry Entry(GgufReader reader, string source, long index, long alignment)
    {
        var name = reader.Text($"tensor {index}");
        var where = $"{source}: tensor '{name}'";
        var dimensions = reader.UInt32($"tensor '{name}'");
        if (dimensions is 0 or > MostDimensions) throw new PbenchException($"{where}: expected 1 to {MostDimensions} dimensions, found {dimensions}");
        var sizes = new long[dimensions];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = unchecked((long)reader.UInt64($"tensor '{name}'"));
        var element = GgufElements.Of(reader.UInt32($"tensor '{name}'"), where);
        var offset = reader.UInt64($"tensor '{name}'");
        var (elements, bytes) = GgufElements.BlockOf(element);
        var shown = string.Join(", ", sizes.Reverse());
        if (TensorDTypes.ByteLength(1, sizes) is not { } count) throw new PbenchException($"{where}: the shape [{shown}] is negative or too large");
        if (sizes[0] % elements != 0) throw new PbenchException($"{where}: the shape [{shown}]: rows of {element} hold a multiple of {elements}");
        var length = (Int128)count / elements * bytes;
        if (length > long.MaxValue || offset > long.MaxValue) throw new PbenchException($"{where}: its bytes are beyond the end of the file");
        if (offset % (ulong)alignment != 0) throw new PbenchException($"{where}: begins at byte {offset} of the data; expected a multiple of {alignment}");
        return new GgufEntry(name, element, [.. sizes.Reverse()], (long)offset, (long)length);
    }

    private static IReadOnlyList<GgufEntry> Placed(List<GgufEntry> tensors, string source, long start, long fileLength)
    {
        var end = 0L;
        List<GgufEntry> ordered = [.. tensors.OrderBy(t => t.Offset).ThenBy(t => t.Length)];
        foreach (var tensor in ordered)
        {
            if (tensor.Offset < end) throw new PbenchException($"{source}: tensor '{tensor.Name}': begins at byte {tensor.Offset} of the data, which is another tensor's");
            if ((Int128)start + tensor.Offset + tensor.Length > fileLength)
                throw new PbenchException($"{source}: tensor '{tensor.Name}': ends at byte {(Int128)tensor.Offset + tensor.Length} of the data, of which the file has {Math.Max(0, fileLength - start)}; it is truncated");
            end = tensor.Offset + tensor.Length;
        }
        return [.. ordered.Select(t => t with { Offset = start + t.Offset })];
    }
}
