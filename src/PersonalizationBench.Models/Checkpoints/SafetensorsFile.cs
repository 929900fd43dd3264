using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// A safetensors file: eight bytes with the header's length, a JSON header, then the tensors' bytes without a gap
/// (https://huggingface.co/docs/safetensors). The header is read and checked when the file is opened, tensors when
/// asked for. Strict: whatever the format forbids is refused naming file and tensor.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The format's own limit on the header.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    private const string MetadataKey = "__metadata__";
    private readonly Stream _stream;
    private readonly string _source;
    private readonly Dictionary<string, TensorEntry> _byName;
    private ReadOnlyMemory<byte>? _memory;

    private SafetensorsFile(Stream stream, string source, IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        _stream = stream;
        _source = source;
        Tensors = tensors;
        Metadata = metadata;
        _byName = tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    /// <summary>All tensors, in the order of their bytes.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Free text that the writer added; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    public static SafetensorsFile Open(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be opened: {e.Message}", e);
        }
        return Open(stream, path);
    }

    /// <summary>Takes over a seekable stream that starts with the file; it is closed on failure too.</summary>
    /// <param name="source">What errors call it.</param>
    public static SafetensorsFile Open(Stream stream, string source)
    {
        try
        {
            var (header, dataStart) = ReadHeader(stream, source);
            return StrictJson.Read(header, $"{source}: header", root => Parse(stream, source, root, dataStart));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The same of a file that is in memory.</summary>
    public static SafetensorsFile Open(ReadOnlyMemory<byte> content, string source)
    {
        var stream = MemoryMarshal.TryGetArray(content, out var array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(content.ToArray(), writable: false);
        var file = Open(stream, source);
        file._memory = content;
        return file;
    }

    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>Throws, naming the nearest tensor, where there is none of that name.</summary>
    public TensorEntry Find(string name)
    {
        if (_byName.TryGetValue(name, out var entry)) return entry;
        var nearest = NearestWord.Find(name, _byName.Keys);
        throw new PbenchException($"{_source}: there is no tensor '{name}'{(nearest is null ? "" : $"; did you mean '{nearest}'?")}");
    }

    /// <summary>A tensor's bytes (at most 2 GiB; larger ones in parts with the other overload).</summary>
    public byte[] Read(string name)
    {
        var entry = Find(name);
        if (entry.Length > Array.MaxLength) throw new PbenchException($"{_source}: tensor '{name}': {entry.Length} bytes do not fit in one array");
        var bytes = new byte[entry.Length];
        Read(entry, 0, bytes);
        return bytes;
    }

    /// <summary>The same without a copy where the file is in memory: a part of that.</summary>
    public ReadOnlyMemory<byte> Bytes(string name) =>
        _memory is { } memory && Find(name) is var entry ? memory.Slice((int)entry.Offset, (int)entry.Length) : Read(name);

    /// <summary>Fills <paramref name="destination"/> from byte <paramref name="start"/> of the tensor on.</summary>
    public void Read(TensorEntry entry, long start, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + destination.Length, entry.Length);
        _stream.Position = entry.Offset + start;
        if (_stream.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false) < destination.Length)
            throw new PbenchException($"{_source}: tensor '{entry.Name}': the file became shorter while it was read");
    }

    /// <summary>A floating-point tensor as f32.</summary>
    public float[] ReadSingles(string name) => TensorDTypes.ToSingles(Find(name).DType, Read(name), $"{_source}: tensor '{name}'");

    /// <summary>Writes a file atomically. The same tensors and metadata give the same bytes, in whatever order they come.</summary>
    public static void Write(string path, IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = InFileOrder(tensors, path);
        AtomicFile.Write(path, stream => Write(stream, ordered, metadata));
    }

    /// <summary>The bytes of the file that <see cref="Write(string, IEnumerable{TensorData}, IReadOnlyDictionary{string, string}?)"/> writes.</summary>
    public static byte[] Serialize(IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var memory = new MemoryStream();
        Write(memory, InFileOrder(tensors, "safetensors"), metadata);
        return memory.ToArray();
    }

    public void Dispose() => _stream.Dispose();

    private static (byte[] Header, long DataStart) ReadHeader(Stream stream, string source)
    {
        var lengthBytes = new byte[8];
        if (stream.ReadAtLeast(lengthBytes, 8, throwOnEndOfStream: false) < 8) throw new PbenchException($"{source}: expected at least 8 bytes, found {stream.Length}; the file is truncated");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length > MaxHeaderBytes) throw new PbenchException($"{source}: the header's length {length} is over the limit of {MaxHeaderBytes} bytes; this is not a safetensors file");
        if ((long)length > stream.Length - 8) throw new PbenchException($"{source}: the header should have {length} bytes, the file has {stream.Length - 8} after its first 8; it is truncated");
        var header = new byte[length];
        stream.ReadExactly(header);
        if (length == 0 || header[0] != '{') throw new PbenchException($"{source}: the header should begin with '{{'; this is not a safetensors file");
        return (header, 8 + (long)length);
    }

    private static SafetensorsFile Parse(Stream stream, string source, JsonElement root, long dataStart)
    {
        var metadata = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var tensors = new List<TensorEntry>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == MetadataKey)
            {
                foreach (var item in StrictJson.Object(property.Value, source, MetadataKey).EnumerateObject())
                    metadata.Add(item.Name, StrictJson.String(item.Value, source, $"{MetadataKey}.{item.Name}"));
            }
            else
            {
                tensors.Add(ParseTensor(property, source, dataStart));
            }
        }
        tensors.Sort((a, b) => (a.Offset, a.Length).CompareTo((b.Offset, b.Length)));
        CheckContiguous(tensors, source, dataStart, stream.Length);
        return new SafetensorsFile(stream, source, tensors, metadata);
    }

    private static TensorEntry ParseTensor(JsonProperty property, string source, long dataStart)
    {
        var where = $"{source}: tensor '{property.Name}'";
        string? dtype = null;
        long[]? shape = null, offsets = null;
        foreach (var field in StrictJson.Object(property.Value, source, $"tensor '{property.Name}'").EnumerateObject())
        {
            switch (field.Name)
            {
                case "dtype": dtype = StrictJson.String(field.Value, where, "dtype"); break;
                case "shape": shape = Longs(field.Value, where, "shape"); break;
                case "data_offsets": offsets = Longs(field.Value, where, "data_offsets"); break;
                default: throw new PbenchException($"{where}: unknown key '{field.Name}'; expected dtype, shape and data_offsets");
            }
        }
        if (dtype is null || shape is null || offsets is null) throw new PbenchException($"{where}: expected dtype, shape and data_offsets");
        if (TensorDTypes.SizeOf(dtype) is not { } elementSize) throw new PbenchException($"{where}: unknown dtype '{dtype}'; expected one of {string.Join(", ", TensorDTypes.Known)}");
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0]) throw new PbenchException($"{where}: data_offsets: expected [begin, end] with 0 <= begin <= end, found [{string.Join(", ", offsets)}]");
        if (TensorDTypes.ByteLength(elementSize, shape) is not { } length) throw new PbenchException($"{where}: the shape [{string.Join(", ", shape)}] is negative or too large");
        if (length != offsets[1] - offsets[0]) throw new PbenchException($"{where}: the shape [{string.Join(", ", shape)}] of {dtype} takes {length} bytes, data_offsets hold {offsets[1] - offsets[0]}");
        if (offsets[1] > long.MaxValue - dataStart) throw new PbenchException($"{where}: data_offsets are beyond the end of the file");
        return new TensorEntry(property.Name, dtype, shape, dataStart + offsets[0], length);
    }

    private static long[] Longs(JsonElement value, string source, string key) =>
        [.. StrictJson.Array(value, source, key).EnumerateArray().Select(item => StrictJson.Long(item, source, key))];

    private static void CheckContiguous(List<TensorEntry> byOffset, string source, long dataStart, long fileLength)
    {
        var end = dataStart;
        foreach (var tensor in byOffset)
        {
            if (tensor.Offset != end) throw new PbenchException($"{source}: tensor '{tensor.Name}': begins at byte {tensor.Offset - dataStart} of the data where {end - dataStart} was expected: {(tensor.Offset < end ? "it overlaps another tensor" : "there is a gap before it")}");
            if (tensor.Length > fileLength - end) throw new PbenchException($"{source}: tensor '{tensor.Name}': ends at byte {tensor.Offset - dataStart + tensor.Length} of the data, of which the file has {fileLength - dataStart}; it is truncated");
            end += tensor.Length;
        }
        if (end != fileLength) throw new PbenchException($"{source}: expected {end} bytes by the header, found {fileLength}; the bytes after the last tensor belong to none");
    }

    /// <summary>Larger elements first, so that every tensor is aligned to its element size; then by name.</summary>
    private static List<TensorData> InFileOrder(IEnumerable<TensorData> tensors, string source)
    {
        var ordered = tensors.OrderByDescending(t => TensorDTypes.SizeOf(t.DType) ?? 0).ThenBy(t => t.Name, StringComparer.Ordinal).ToList();
        var names = new HashSet<string>(StringComparer.Ordinal) { MetadataKey };
        foreach (var tensor in ordered)
        {
            if (!names.Add(tensor.Name)) throw new PbenchException($"{source}: tensor '{tensor.Name}': the name is taken");
            if (TensorDTypes.SizeOf(tensor.DType) is not { } size || TensorDTypes.ByteLength(size, tensor.Shape) != tensor.Bytes.Length)
                throw new PbenchException($"{source}: tensor '{tensor.Name}': {tensor.Bytes.Length} bytes are no {tensor.DType} of shape [{string.Join(", ", tensor.Shape)}]");
        }
        return ordered;
    }

    private static void Write(Stream stream, List<TensorData> ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        var header = Header(ordered, metadata);
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var tensor in ordered) stream.Write(tensor.Bytes.Span);
    }

    private static byte[] Header(List<TensorData> ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var tensor in ordered)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType);
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces up to a multiple of eight: the data then begin aligned for every element type.
        memory.Write(Encoding.ASCII.GetBytes(new string(' ', (int)((8 - memory.Length % 8) % 8))));
        return memory.ToArray();
    }
}
