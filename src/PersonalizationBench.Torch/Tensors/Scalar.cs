using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

/// <summary>A number given to an operator. It owns nothing native; disposing it is allowed and does nothing.</summary>
public sealed class Scalar : IDisposable
{
    internal readonly Tag Tag;
    internal readonly long Bits;

    private Scalar(Tag tag, long bits, torch.ScalarType type) => (Tag, Bits, Type) = (tag, bits, type);

    /// <summary>The type of the number that it was made of.</summary>
    public torch.ScalarType Type { get; }

    internal double Double => Tag == Tag.Double ? BitConverter.Int64BitsToDouble(Bits) : Bits;
    internal long Long => Tag == Tag.Double ? (long)Double : Bits;

    private static Scalar Int(long value, torch.ScalarType type) => new(Tag.Int, value, type);
    private static Scalar Real(double value, torch.ScalarType type) => new(Tag.Double, BitConverter.DoubleToInt64Bits(value), type);

    public static implicit operator Scalar(byte value) => Int(value, torch.ScalarType.Byte);
    public static implicit operator Scalar(sbyte value) => Int(value, torch.ScalarType.Int8);
    public static implicit operator Scalar(short value) => Int(value, torch.ScalarType.Int16);
    public static implicit operator Scalar(int value) => Int(value, torch.ScalarType.Int32);
    public static implicit operator Scalar(long value) => Int(value, torch.ScalarType.Int64);
    public static implicit operator Scalar(Half value) => Real((double)value, torch.ScalarType.Float16);
    public static implicit operator Scalar(BFloat16 value) => Real((double)value, torch.ScalarType.BFloat16);
    public static implicit operator Scalar(float value) => Real(value, torch.ScalarType.Float32);
    public static implicit operator Scalar(double value) => Real(value, torch.ScalarType.Float64);
    public static implicit operator Scalar(bool value) => new(Tag.Bool, value ? 1 : 0, torch.ScalarType.Bool);

    public void Dispose()
    {
    }
}

/// <summary>Conversions between numbers and <see cref="Scalar"/>.</summary>
public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this byte value) => value;
    public static Scalar ToScalar(this sbyte value) => value;
    public static Scalar ToScalar(this short value) => value;
    public static Scalar ToScalar(this int value) => value;
    public static Scalar ToScalar(this long value) => value;
    public static Scalar ToScalar(this float value) => value;
    public static Scalar ToScalar(this double value) => value;
    public static Scalar ToScalar(this bool value) => value;
    public static float ToSingle(this Scalar value) => (float)value.Double;
    public static double ToDouble(this Scalar value) => value.Double;
    public static int ToInt32(this Scalar value) => (int)value.Long;
    public static long ToInt64(this Scalar value) => value.Long;
    public static bool ToBoolean(this Scalar value) => value.Long != 0;
}

/// <summary>The upper 16 bits of a <see cref="float"/>: its range, with 8 bits of precision.</summary>
public readonly struct BFloat16(float value) : IEquatable<BFloat16>, IComparable<BFloat16>
{
    private readonly ushort _bits = Round(value);

    public static BFloat16 FromRawValue(ushort rawValue) => new(BitConverter.UInt32BitsToSingle((uint)rawValue << 16));

    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)_bits << 16);

    public static explicit operator float(BFloat16 value) => value.ToSingle();
    public static explicit operator double(BFloat16 value) => value.ToSingle();
    public static explicit operator BFloat16(float value) => new(value);
    public static explicit operator BFloat16(double value) => new((float)value);
    public static bool operator ==(BFloat16 left, BFloat16 right) => left.ToSingle() == right.ToSingle();
    public static bool operator !=(BFloat16 left, BFloat16 right) => !(left == right);

    public bool Equals(BFloat16 other) => this == other;
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);
    public override int GetHashCode() => ToSingle().GetHashCode();
    public int CompareTo(BFloat16 other) => ToSingle().CompareTo(other.ToSingle());
    public override string ToString() => ToSingle().ToString();

    // To nearest, ties to even, as the processor's own conversion does.
    private static ushort Round(float value)
    {
        if (float.IsNaN(value))
            return 0x7FC0;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
