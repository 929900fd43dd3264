namespace PersonalizationBench.Models;

/// <summary>Arrays of exact lengths that were given back, at most so many bytes of them. Thread-safe.</summary>
internal sealed class BufferPool(long mostBytes)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Stack<byte[]>> _byLength = [];
    private long _bytes;

    /// <summary>An array of zeros.</summary>
    public byte[] Take(int length)
    {
        byte[]? kept;
        lock (_lock)
        {
            if (!_byLength.TryGetValue(length, out var stack) || !stack.TryPop(out kept)) return new byte[length];
            _bytes -= length;
        }
        kept.AsSpan().Clear();
        return kept;
    }

    public void Give(byte[] array)
    {
        lock (_lock)
        {
            if (_bytes + array.Length > mostBytes) return;
            _bytes += array.Length;
            if (!_byLength.TryGetValue(array.Length, out var stack)) _byLength.Add(array.Length, stack = new Stack<byte[]>());
            stack.Push(array);
        }
    }
}
