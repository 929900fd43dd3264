using System.Runtime.InteropServices;
using TorchSharp;

namespace PersonalizationBench.Torch.Interop;

/// <summary>What an argument or a result is; the same numbers stand in <c>native/bridge.h</c>.</summary>
internal enum Tag : long
{
    None, Tensor, Int, Double, Bool, IntList, TensorList, String, Device, Generator, DoubleList, OptionalTensorList, BoolList,
}

/// <summary>The record that crosses to the bridge.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeArg
{
    public Tag Tag;
    public long A;
    public long B;
}

/// <summary>One argument of an operator, made by implicit conversion so that calls read like the operator's schema.</summary>
internal readonly struct Arg
{
    internal readonly object? Ref;
    internal readonly long Bits;
    internal readonly Tag Tag;

    private Arg(Tag tag, long bits, object? reference = null) => (Tag, Bits, Ref) = (tag, bits, reference);

    internal static Arg None => default;

    public static implicit operator Arg(torch.Tensor? value) => value is null ? None : new(Tag.Tensor, 0, value);
    public static implicit operator Arg(long value) => new(Tag.Int, value);
    public static implicit operator Arg(int value) => new(Tag.Int, value);
    public static implicit operator Arg(long? value) => value is { } v ? new(Tag.Int, v) : None;
    public static implicit operator Arg(double value) => new(Tag.Double, BitConverter.DoubleToInt64Bits(value));
    public static implicit operator Arg(double? value) => value is { } v ? (Arg)v : None;
    public static implicit operator Arg(bool value) => new(Tag.Bool, value ? 1 : 0);
    public static implicit operator Arg(string? value) => value is null ? None : new(Tag.String, 0, value);
    public static implicit operator Arg(long[]? value) => value is null ? None : new(Tag.IntList, 0, value);
    public static implicit operator Arg(double[]? value) => value is null ? None : new(Tag.DoubleList, 0, value);
    public static implicit operator Arg(Scalar? value) => value is null ? None : new(value.Tag, value.Bits);
    public static implicit operator Arg(torch.ScalarType value) => new(Tag.Int, (long)value);
    public static implicit operator Arg(torch.ScalarType? value) => value is { } v ? new(Tag.Int, (long)v) : None;
    public static implicit operator Arg(torch.Device? value) => value is null ? None : new(Tag.Device, (long)value.type, value);
    public static implicit operator Arg(torch.Generator? value) => value is null ? None : new(Tag.Generator, 0, value);
    public static implicit operator Arg(torch.Tensor?[] value) => new(Tag.TensorList, 0, value);

    /// <summary>A list in which null stands for "no tensor here", as indexing takes it.</summary>
    internal static Arg Optional(torch.Tensor?[] value) => new(Tag.OptionalTensorList, 0, value);
}
