using System.Text;

namespace PersonalizationBench.Benchmarks.Tests;

/// <summary>Reads what <see cref="GgufFile"/> writes, by the format's description and not by the writer.</summary>
internal sealed class GgufReader
{
    private readonly Dictionary<string, (GgufElement Element, long[] Sizes, long Offset)> _tensors = [];
    private readonly byte[] _bytes;
    private readonly long _data;

    public GgufReader(string path)
    {
        _bytes = File.ReadAllBytes(path);
        using var reader = new BinaryReader(new MemoryStream(_bytes));
        Assert.Equal("GGUF", Encoding.ASCII.GetString(reader.ReadBytes(4)));
        Assert.Equal(3u, reader.ReadUInt32());
        var (tensors, keys) = (reader.ReadInt64(), reader.ReadInt64());
        for (var i = 0; i < keys; i++) Metadata.Add(Text(reader), Value(reader, reader.ReadUInt32()));
        for (var i = 0; i < tensors; i++)
        {
            var name = Text(reader);
            long[] sizes = [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ => reader.ReadInt64())];
            _tensors.Add(name, ((GgufElement)reader.ReadUInt32(), sizes, reader.ReadInt64()));
        }
        _data = (reader.BaseStream.Position + 31) / 32 * 32;
    }

    public Dictionary<string, object> Metadata { get; } = [];

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public GgufElement ElementOf(string name) => _tensors[name].Element;

    /// <summary>As the file has them: the fastest first.</summary>
    public long[] SizesOf(string name) => _tensors[name].Sizes;

    public float[] Read(string name)
    {
        var (element, sizes, offset) = _tensors[name];
        Assert.Equal(0, offset % 32);
        using var reader = new BinaryReader(new MemoryStream(_bytes));
        reader.BaseStream.Position = _data + offset;
        return [.. Enumerable.Range(0, (int)sizes.Aggregate((a, b) => a * b)).Select(_ => element switch
        {
            GgufElement.F32 => reader.ReadSingle(),
            GgufElement.F16 => (float)reader.ReadHalf(),
            _ => BitConverter.UInt32BitsToSingle((uint)reader.ReadUInt16() << 16),
        })];
    }

    private static string Text(BinaryReader reader) => Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadInt64()));

    private static object Value(BinaryReader reader, uint kind)
    {
        switch (kind)
        {
            case 4: return reader.ReadUInt32();
            case 5: return reader.ReadInt32();
            case 6: return reader.ReadSingle();
            case 8: return Text(reader);
            case 9:
                var (inner, count) = (reader.ReadUInt32(), reader.ReadInt64());
                return Enumerable.Range(0, (int)count).Select(_ => Value(reader, inner)).ToArray();
            default: throw new InvalidDataException($"kind {kind}");
        }
    }
}
