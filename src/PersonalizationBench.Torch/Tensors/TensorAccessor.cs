using System.Collections;

namespace TorchSharp.Utils;

/// <summary>The elements of a CPU tensor in order, whatever its strides.</summary>
public sealed class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    private readonly torch.Tensor _tensor;
    private readonly long[] _shape;
    private readonly long[] _strides;
    private readonly bool _contiguous;
    private readonly nint _data;

    internal TensorAccessor(torch.Tensor tensor)
    {
        _tensor = tensor;
        _shape = tensor.shape;
        _strides = tensor.stride();
        _contiguous = tensor.is_contiguous();
        _data = tensor.DataPointer;
        Count = tensor.numel();
    }

    public long Count { get; }

    public unsafe T[] ToArray()
    {
        var array = new T[Count];
        if (_contiguous)
            new ReadOnlySpan<T>((void*)_data, array.Length).CopyTo(array);
        else
            for (long i = 0; i < array.Length; i++)
                array[i] = At(i);
        GC.KeepAlive(_tensor);
        return array;
    }

    public unsafe T this[params long[] indices]
    {
        get => ((T*)_data)[Offset(indices)];
        set => ((T*)_data)[Offset(indices)] = value;
    }

    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        for (long i = tensorIndex; i < Count; i++)
            array[arrayIndex++] = At(i);
    }

    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

    public unsafe void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        for (long i = tensorIndex; i < Count && arrayIndex < array.Length; i++)
            ((T*)_data)[Place(i)] = array[arrayIndex++];
    }

    public IEnumerator<T> GetEnumerator()
    {
        for (long i = 0; i < Count; i++)
            yield return At(i);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose()
    {
    }

    private unsafe T At(long index)
    {
        T value = ((T*)_data)[Place(index)];
        GC.KeepAlive(_tensor);
        return value;
    }

    // Element number `index` in row-major order, as a place in the memory.
    private long Place(long index)
    {
        if (_contiguous)
            return index;
        long place = 0;
        for (int d = _shape.Length - 1; d >= 0; d--)
        {
            place += index % _shape[d] * _strides[d];
            index /= _shape[d];
        }
        return place;
    }

    private long Offset(long[] indices)
    {
        if (indices.Length == 1 && _shape.Length != 1)
            return Place(indices[0] >= 0 && indices[0] < Count ? indices[0] : throw new ArgumentOutOfRangeException(nameof(indices), $"element {indices[0]} of {Count}"));
        if (indices.Length != _shape.Length)
            throw new ArgumentException($"{indices.Length} indices into a tensor of {_shape.Length} dimensions");
        long place = 0;
        for (int d = 0; d < indices.Length; d++)
            place += (indices[d] >= 0 && indices[d] < _shape[d]
                ? indices[d]
                : throw new ArgumentOutOfRangeException(nameof(indices), $"index {indices[d]} into dimension {d} of size {_shape[d]}")) * _strides[d];
        return place;
    }
}
