using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>Over sequences, what is composed of operators over rows; zeros for positions in no sequence.</summary>
    /// <param name="inputs">[B, T, ...] each</param>
    /// <param name="lengths">as <see cref="CausalAttention"/> takes them</param>
    /// <param name="composed">from inputs that have a sequence in each row, and the tokens of each row (null: all), to [B, T, out]</param>
    /// <returns>[B, T, out]</returns>
    private static Tensor OverSequences(Tensor[] inputs, Tensor? lengths, Func<Tensor[], long[]?, Tensor> composed)
    {
        using DisposeScope scope = NewDisposeScope();
        (long length, Device device) = (inputs[0].size(1), inputs[0].device);
        if (lengths?.dim() == 2)
        {
            SpanRows rows = new(lengths, length, device);
            return scope.MoveToOuter(rows.FromRows(composed([.. inputs.Select(x => rows.ToRows(x.squeeze(0)))], rows.Lengths)).unsqueeze(0));
        }
        long[]? counts = lengths?.data<long>().ToArray();
        Tensor result = composed(inputs, counts);
        return scope.MoveToOuter(Behind(counts, length, device) is { } over ? result.masked_fill(over, 0) : result);
    }

    /// <summary>Refuses lengths that are neither [B] nor, with B = 1, spans [S, 2] within the row.</summary>
    private static void CheckSequences(string operation, Tensor? lengths, long batch, long length)
    {
        if (lengths is null) return;
        bool spans = lengths.dim() == 2;
        if (lengths.dtype != ScalarType.Int64 || lengths.device_type != DeviceType.CPU || !(spans ? batch == 1 && lengths.size(1) == 2 : lengths.dim() == 1 && lengths.size(0) == batch))
            throw new ArgumentException($"{operation}: lengths must be int64 on the CPU: [B], or with B = 1 spans [S, 2], not {lengths.dtype} {Shape(lengths)} for B = {batch}");
        if (!spans) return;
        using Tensor packed = lengths.contiguous();
        ReadOnlySpan<long> at = MemoryMarshal.Cast<byte, long>(packed.bytes);
        for (int i = 0; i < at.Length; i += 2)
            if (at[i] < 0 || at[i + 1] < 0 || at[i] + at[i + 1] > length) throw new ArgumentException($"{operation}: span {i / 2} is outside 0 .. {length}");
    }

    /// <summary>[S, 2], int64 on the CPU: start and count of each sequence of a batch whose rows lie one after another.</summary>
    private static Tensor SpansOf(Tensor? lengths, long batch, long length)
    {
        if (lengths?.dim() == 2) return Contiguous(lengths);
        Tensor starts = arange(batch, ScalarType.Int64, CPU) * length;
        return stack([starts, lengths?.clamp(0, length) ?? full_like(starts, length)], 1);
    }

    /// <summary>[B, T, 1], true behind each row's last token; null where no row ends before the others.</summary>
    internal static Tensor? Behind(long[]? lengths, long length, Device device) => lengths is null || lengths.All(l => l == length)
        ? null : arange(length, device: device).view(1, -1, 1) >= tensor(lengths).to(device).view(-1, 1, 1);
}
