using System.Buffers.Binary;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>How GGUF numbers the kinds of values.</summary>
internal enum GgufKind : uint
{
    UInt8,
    Int8,
    UInt16,
    Int16,
    UInt32,
    Int32,
    Float32,
    Bool,
    String,
    Array,
    UInt64,
    Int64,
    Float64,
}

/// <summary>The parts of a GGUF file's head, one after another. What says how much follows is held against what is left of the file before
/// anything is allocated for it.</summary>
internal sealed class GgufReader(Stream stream, string source)
{
    /// <summary>Bytes that a tensor's entry takes at least: a name's length, dimensions, one size, type, offset.</summary>
    public const int LeastTensor = 8 + 4 + 8 + 4 + 8;

    /// <summary>Bytes that a key takes at least: its length, its value's kind, a value of one byte.</summary>
    public const int LeastKey = 8 + 4 + 1;

    private const int MostNested = 4;

    private byte[] _buffer = new byte[256];

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    private long Left => stream.Length - Position;

    /// <summary>The first bytes and the version.</summary>
    public void Begin()
    {
        stream.Position = 0;
        if (Left < 4 || !Bytes(4, "the head").SequenceEqual("GGUF"u8)) throw new PbenchException($"{source}: expected a file that begins with 'GGUF'");
        var version = UInt32("the version");
        if (version is 2 or 3) return;
        throw new PbenchException(BinaryPrimitives.ReverseEndianness(version) is 2 or 3
            ? $"{source}: this file is for machines that write the highest byte first; expected one that has the lowest first"
            : $"{source}: version {version} of GGUF is not read; expected 2 or 3");
    }

    /// <summary>How many of something follow.</summary>
    /// <param name="what">For errors.</param>
    /// <param name="least">Bytes that one takes at least.</param>
    public long Count(string what, int least)
    {
        var count = UInt64(what);
        return count <= (ulong)(Left / least) ? (long)count : throw new PbenchException($"{source}: {what}: {count} do not fit in the {Left} bytes that are left; the file is truncated or damaged");
    }

    public string Text(string what)
    {
        var length = (int)Math.Min(int.MaxValue, Count($"{what}: its text's bytes", 1));
        return Encoding.UTF8.GetString(Bytes(length, what));
    }

    public object Value(string what) => Value(KindOf(what), what, 0);

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(sizeof(uint), what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(sizeof(ulong), what));

    private object Value(GgufKind kind, string what, int depth) => kind switch
    {
        GgufKind.Bool => Flag(what),
        GgufKind.String => Text(what),
        GgufKind.Array => Elements(what, depth),
        GgufKind.Float32 or GgufKind.Float64 => Number(kind, what),
        _ => Whole(kind, what),
    };

    private object Elements(string what, int depth)
    {
        if (depth == MostNested) throw new PbenchException($"{source}: {what}: arrays are nested more than {MostNested} deep");
        var kind = KindOf(what);
        var count = Count($"{what}: its elements", SizeOf(kind));
        return kind switch
        {
            GgufKind.Bool => All(() => Flag(what)),
            GgufKind.String => All(() => Text(what)),
            GgufKind.Array => All(() => Elements(what, depth + 1)),
            GgufKind.Float32 or GgufKind.Float64 => All(() => Number(kind, what)),
            _ => All(() => Whole(kind, what)),
        };

        T[] All<T>(Func<T> read)
        {
            var values = new T[count];
            for (var i = 0L; i < count; i++) values[i] = read();
            return values;
        }
    }

    private GgufKind KindOf(string what)
    {
        var kind = UInt32(what);
        return kind <= (uint)GgufKind.Float64 ? (GgufKind)kind : throw new PbenchException($"{source}: {what}: expected a kind of value from 0 to {(uint)GgufKind.Float64}, found {kind}");
    }

    /// <summary>Bytes of one value, at least.</summary>
    private static int SizeOf(GgufKind kind) => kind switch
    {
        GgufKind.UInt8 or GgufKind.Int8 or GgufKind.Bool => 1,
        GgufKind.UInt16 or GgufKind.Int16 => 2,
        GgufKind.UInt32 or GgufKind.Int32 or GgufKind.Float32 => 4,
        GgufKind.Array => 12,
        _ => 8,
    };

    private bool Flag(string what) => Bytes(1, what)[0] switch
    {
        0 => false,
        1 => true,
        var other => throw new PbenchException($"{source}: {what}: expected 0 or 1, found {other}"),
    };

    private double Number(GgufKind kind, string what) => kind == GgufKind.Float32 ? BinaryPrimitives.ReadSingleLittleEndian(Bytes(4, what)) : BinaryPrimitives.ReadDoubleLittleEndian(Bytes(8, what));

    private long Whole(GgufKind kind, string what)
    {
        var bytes = Bytes(SizeOf(kind), what);
        return kind switch
        {
            GgufKind.UInt8 => bytes[0],
            GgufKind.Int8 => (sbyte)bytes[0],
            GgufKind.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            GgufKind.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            GgufKind.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            GgufKind.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            GgufKind.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(bytes) is var value && value <= long.MaxValue ? (long)value : throw new PbenchException($"{source}: {what}: {value} is too large"),
        };
    }

    /// <summary>Valid until the next call.</summary>
    private ReadOnlySpan<byte> Bytes(int count, string what)
    {
        if (count > Left) throw new PbenchException($"{source}: {what}: expected {count} bytes, {Left} are left; the file is truncated");
        if (count > _buffer.Length) _buffer = new byte[Math.Max(count, (int)Math.Min(Array.MaxLength, 2L * _buffer.Length))];
        stream.ReadExactly(_buffer, 0, count);
        Position += count;
        return _buffer.AsSpan(0, count);
    }
}
