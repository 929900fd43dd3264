using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor alias() => Op.Call("aten::alias", this);
        public Tensor detach() => Op.Call("aten::detach", this);
        public Tensor clone() => Op.Call("aten::clone", this);
        public Tensor contiguous() => Op.Call("aten::contiguous", this);
        public Tensor view(params long[] shape) => Op.Call("aten::view", this, shape);
        public Tensor view_as(Tensor other) => view(other.shape);
        public Tensor reshape(params long[] shape) => Op.Call("aten::reshape", this, shape);
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Op.Call("aten::flatten.using_ints", this, start_dim, end_dim);
        public Tensor unflatten(long dim, params long[] sizes) => Op.Call("aten::unflatten.int", this, dim, sizes);
        public Tensor transpose(long dim0, long dim1) => Op.Call("aten::transpose.int", this, dim0, dim1);
        public Tensor swapaxes(long dim0, long dim1) => transpose(dim0, dim1);
        public Tensor swapdims(long dim0, long dim1) => transpose(dim0, dim1);
        public Tensor t() => Op.Call("aten::t", this);
        public Tensor T => Op.Call("aten::numpy_T", this);
        public Tensor mT => transpose(-2, -1);
        public Tensor permute(params long[] permutation) => Op.Call("aten::permute", this, permutation);
        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());
        public Tensor movedim(long[] source, long[] destination) => Op.Call("aten::movedim.intlist", this, source, destination);
        public Tensor unsqueeze(long dim) => Op.Call("aten::unsqueeze", this, dim);
        public Tensor unsqueeze_(long dim) => Self("aten::unsqueeze_", dim);
        public Tensor squeeze(long? dim = null) => dim is { } d ? Op.Call("aten::squeeze.dim", this, d) : Op.Call("aten::squeeze", this);
        public Tensor expand(params long[] sizes) => Op.Call("aten::expand", this, sizes, false);
        public Tensor expand(long[] sizes, bool isImplicit = false) => Op.Call("aten::expand", this, sizes, isImplicit);
        public Tensor expand_as(Tensor other) => expand(other.shape);
        public Tensor broadcast_to(params long[] shape) => Op.Call("aten::broadcast_to", this, shape);
        public Tensor repeat(params long[] sizes) => Op.Call("aten::repeat", this, sizes);
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) =>
            Op.Call("aten::repeat_interleave.self_int", this, repeats, dim, output_size);
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
            Op.Call("aten::repeat_interleave.self_Tensor", this, repeats, dim, output_size);
        public Tensor tile(params long[] reps) => Op.Call("aten::tile", this, reps);
        public Tensor flip(params long[] dims) => Op.Call("aten::flip", this, dims);
        public Tensor roll(long shifts, long? dims = null) => Op.Call("aten::roll", this, new long[] { shifts }, dims is { } d ? new long[] { d } : Array.Empty<long>());
        public Tensor roll(long[] shifts, long[] dims) => Op.Call("aten::roll", this, shifts, dims);
        public Tensor unfold(long dimension, long size, long step) => Op.Call("aten::unfold", this, dimension, size, step);

        public Tensor narrow(long dim, long start, long length) => Op.Call("aten::narrow", this, dim, start, length);
        public Tensor select(long dim, long index) => Op.Call("aten::select.int", this, dim, index);
        public Tensor slice(long dim, long start, long finish, long step) => Op.Call("aten::slice.Tensor", this, dim, start, finish, step);
        public Tensor[] split(long size, int dim = 0) => Op.CallList("aten::split.Tensor", this, size, dim);
        public Tensor[] split(long[] sizes, long dim = 0) => Op.CallList("aten::split_with_sizes", this, sizes, dim);
        public Tensor[] split(params long[] sizes) => split(sizes, 0L);
        public Tensor[] chunk(long chunks, long dim = 0L) => Op.CallList("aten::chunk", this, chunks, dim);
        public Tensor[] tensor_split(long size, long dim = 0L) => Op.CallList("aten::tensor_split.sections", this, size, dim);
        public Tensor[] tensor_split(long[] sizes, long dim = 0L) => Op.CallList("aten::tensor_split.indices", this, sizes, dim);
        public Tensor[] unbind(long dimension = 0L) => Op.CallList("aten::unbind.int", this, dimension);

        public Tensor tril(long diagonal = 0) => Op.Call("aten::tril", this, diagonal);
        public Tensor triu(long diagonal = 0) => Op.Call("aten::triu", this, diagonal);
        public Tensor tril_(long diagonal = 0) => Self("aten::tril_", diagonal);
        public Tensor triu_(long diagonal = 0) => Self("aten::triu_", diagonal);
        public Tensor diag(long diagonal = 0) => Op.Call("aten::diag", this, diagonal);
        public Tensor diagonal(long offset = 0L, long dim1 = 0L, long dim2 = 1L) => Op.Call("aten::diagonal", this, offset, dim1, dim2);

        public Tensor set_(Tensor source) => Self("aten::set_.source_Tensor", source);

        // ---- other types, other devices ----

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Done(Op.Call("aten::to.dtype", this, type, non_blocking, copy), disposeAfter);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(dtype, device, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Done(Op.Call("aten::to.device", this, device, type, non_blocking, copy), disposeAfter);

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(device), copy, disposeAfter, non_blocking);

        public Tensor to(Tensor other, bool non_blocking = false) => to(other.dtype, other.device, non_blocking: non_blocking);
        public Tensor type(ScalarType dtype) => to(dtype);
        public Tensor cpu() => to(CPU);
        public Tensor cuda(Device? device = null, bool non_blocking = false) => to(device ?? CUDA, non_blocking: non_blocking);
        public Tensor @float() => to(ScalarType.Float32);
        public Tensor @double() => to(ScalarType.Float64);
        public Tensor @long() => to(ScalarType.Int64);
        public Tensor @int() => to(ScalarType.Int32);
        public Tensor @bool() => to(ScalarType.Bool);
        public Tensor half() => to(ScalarType.Float16);
        public Tensor bfloat16() => to(ScalarType.BFloat16);

        private Tensor Done(Tensor result, bool disposeAfter)
        {
            if (disposeAfter)
                Dispose();
            return result;
        }
    }
}
