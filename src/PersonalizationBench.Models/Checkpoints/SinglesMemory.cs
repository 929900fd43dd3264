using System.Buffers;
using System.Runtime.InteropServices;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>Bytes seen as the little-endian f32 values that they are.</summary>
internal sealed class SinglesMemory : MemoryManager<float>
{
    private readonly Memory<byte> _bytes;

    private SinglesMemory(ReadOnlyMemory<byte> bytes) => _bytes = MemoryMarshal.AsMemory(bytes);

    public static ReadOnlyMemory<float> Of(ReadOnlyMemory<byte> bytes) => new SinglesMemory(bytes).Memory;

    public override Span<float> GetSpan() => MemoryMarshal.Cast<byte, float>(_bytes.Span);

    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException("the bytes are pinned by whoever has them");

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
