using System.Buffers.Binary;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>A tensor to be written.</summary>
/// <param name="Shape">Row-major, as everywhere here; the file has it the other way round.</param>
/// <param name="Bytes">As they are to be stored, little-endian.</param>
public sealed record GgufTensor(string Name, GgufElement Element, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Bytes);

/// <summary>Writes what <see cref="GgufFile"/> reads, version 3: each tensor's bytes from a multiple of 32 on.</summary>
public static class GgufWriter
{
    private const uint Version = 3;
    private const int Alignment = 32;

    /// <param name="metadata">Values: bool, uint, float, string, or an array of int, float or string.</param>
    public static void Write(string path, IReadOnlyList<(string Key, object Value)> metadata, IReadOnlyList<GgufTensor> tensors) => AtomicFile.Write(path, stream => Write(stream, metadata, tensors));

    /// <inheritdoc cref="Write(string, IReadOnlyList{ValueTuple{string, object}}, IReadOnlyList{GgufTensor})"/>
    public static void Write(Stream stream, IReadOnlyList<(string Key, object Value)> metadata, IReadOnlyList<GgufTensor> tensors)
    {
        var header = new MemoryStream();
        header.Write("GGUF"u8);
        UInt32(header, Version);
        UInt64(header, tensors.Count);
        UInt64(header, metadata.Count);
        foreach (var (key, value) in metadata)
        {
            Text(header, key);
            Value(header, value);
        }
        long offset = 0;
        foreach (var tensor in tensors)
        {
            Text(header, tensor.Name);
            UInt32(header, (uint)tensor.Shape.Count);
            foreach (var size in tensor.Shape.Reverse()) UInt64(header, size);
            UInt32(header, (uint)tensor.Element);
            UInt64(header, offset);
            offset += Padded(tensor.Bytes.Length);
        }
        header.WriteTo(stream);
        Pad(stream, header.Length);
        foreach (var tensor in tensors)
        {
            stream.Write(tensor.Bytes.Span);
            Pad(stream, tensor.Bytes.Length);
        }
    }

    private static void Value(Stream stream, object value)
    {
        switch (value)
        {
            case bool flag: UInt32(stream, (uint)GgufKind.Bool); stream.WriteByte(flag ? (byte)1 : (byte)0); break;
            case uint number: UInt32(stream, (uint)GgufKind.UInt32); UInt32(stream, number); break;
            case float number: UInt32(stream, (uint)GgufKind.Float32); UInt32(stream, BitConverter.SingleToUInt32Bits(number)); break;
            case string text: UInt32(stream, (uint)GgufKind.String); Text(stream, text); break;
            case string[] texts: Array(stream, GgufKind.String, texts, t => Text(stream, t)); break;
            case float[] numbers: Array(stream, GgufKind.Float32, numbers, n => UInt32(stream, BitConverter.SingleToUInt32Bits(n))); break;
            case int[] numbers: Array(stream, GgufKind.Int32, numbers, n => UInt32(stream, unchecked((uint)n))); break;
            default: throw new ArgumentException($"no kind of value for a {value.GetType().Name}", nameof(value));
        }
    }

    private static void Array<T>(Stream stream, GgufKind kind, T[] values, Action<T> write)
    {
        UInt32(stream, (uint)GgufKind.Array);
        UInt32(stream, (uint)kind);
        UInt64(stream, values.Length);
        foreach (var value in values) write(value);
    }

    private static void Text(Stream stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        UInt64(stream, bytes.Length);
        stream.Write(bytes);
    }

    private static void UInt32(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    private static void UInt64(Stream stream, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)value);
        stream.Write(bytes);
    }

    private static long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private static void Pad(Stream stream, long length) => stream.Write(new byte[Padded(length) - length]);
}
