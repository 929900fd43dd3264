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

    /// <summary>[B, T, 1], true behind each row's last token; null where no row ends before the others.</summary>
    internal static Tensor? Behind(long[]? lengths, long length, Device device) => lengths is null || lengths.All(l => l == length)
        ? null : arange(length, device: device).view(1, -1, 1) >= tensor(lengths).to(device).view(-1, 1, 1);
}
