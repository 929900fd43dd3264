using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor sum(ScalarType? type = null) => Op.Call("aten::sum", this, type);
        public Tensor mean() => Op.Call("aten::mean", this);
        public Tensor prod(ScalarType? type = null) => Op.Call("aten::prod", this, type);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => Op.Call("aten::mean.dim", this, dimensions, keepdim, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Op.Call("aten::sum.dim_IntList", this, dim, keepdim, type);
        public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) => Op.Call("aten::prod.dim_int", this, dim, keepdim, type);
        public Tensor max() => Op.Call("aten::max", this);
        public Tensor min() => Op.Call("aten::min", this);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Op.Call2("aten::max.dim", this, dim, keepdim);
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Op.Call2("aten::min.dim", this, dim, keepdim);
        public Tensor amax(params long[] dims) => Op.Call("aten::amax", this, dims, false);
        public Tensor amin(params long[] dims) => Op.Call("aten::amin", this, dims, false);
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) => Into("aten::amax", dims, keepdim, @out);
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) => Into("aten::amin", dims, keepdim, @out);

        private Tensor Into(string op, long[] dims, bool keepdim, Tensor? result)
        {
            if (result is null)
                return Op.Call(op, this, dims, keepdim);
            Op.CallVoid(op + ".out", this, dims, keepdim, result);
            return result;
        }

        public Tensor argmax() => Op.Call("aten::argmax", this, Arg.None, false);
        public Tensor argmax(long dim, bool keepdim = false) => Op.Call("aten::argmax", this, dim, keepdim);
        public Tensor argmin() => Op.Call("aten::argmin", this, Arg.None, false);
        public Tensor argmin(long dim, bool keepdim = false) => Op.Call("aten::argmin", this, dim, keepdim);
        public Tensor median() => Op.Call("aten::median", this);
        public Tensor quantile(Tensor q, long dim = -1, bool keepdim = false) => Op.Call("aten::quantile", this, q, dim, keepdim);

        public Tensor var(bool unbiased = true) => Op.Call("aten::var", this, unbiased);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var([dim], unbiased, keepdim, type);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            Op.Call("aten::var.dim", this, dimensions, unbiased, keepdim);
        public Tensor std(bool unbiased = true) => Op.Call("aten::std", this, unbiased);
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std([dim], unbiased, keepdim, type);
        public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            Op.Call("aten::std.dim", this, dimensions, unbiased, keepdim);
        public Tensor norm(float p = 2.0f) => Op.Call("aten::norm.Scalar", this, (double)p);
        public Tensor norm(int dim, bool keepdim = false, float p = 2.0f) => Op.Call("aten::norm.ScalarOpt_dim", this, (double)p, new long[] { dim }, keepdim);
        public Tensor any() => Op.Call("aten::any", this);
        public Tensor any(long dim, bool keepdim = false) => Op.Call("aten::any.dim", this, dim, keepdim);
        public Tensor all() => Op.Call("aten::all", this);
        public Tensor all(long dim, bool keepdim = false) => Op.Call("aten::all.dim", this, dim, keepdim);
        public Tensor count_nonzero(long[]? dims = null) =>
            dims is null ? Op.Call("aten::count_nonzero", this) : Op.Call("aten::count_nonzero.dim_IntList", this, dims);

        public Tensor cumsum(long dim, ScalarType? type = null) => Op.Call("aten::cumsum", this, dim, type);
        public Tensor cumprod(long dim, ScalarType? type = null) => Op.Call("aten::cumprod", this, dim, type);
        public Tensor logsumexp(long dim, bool keepdim = false) => Op.Call("aten::logsumexp", this, new long[] { dim }, keepdim);
        public Tensor softmax(long dim, ScalarType? dtype = null) => Op.Call("aten::softmax.int", this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Op.Call("aten::log_softmax.int", this, dim, dtype);

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
            Op.Call2("aten::topk", this, k, dim, largest, sorted);
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) =>
            Op.Call2("aten::sort.stable", this, stable, dim, descending);
        public Tensor argsort(long dim = -1, bool descending = false) => Op.Call("aten::argsort", this, dim, descending);
        public Tensor bincount(Tensor? weights, long minlength = 0) => Op.Call("aten::bincount", this, weights, minlength);

        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique(
            bool sorted = true, bool return_inverse = false, bool return_counts = false, int? dim = null)
        {
            (Tensor output, Tensor inverse, Tensor counts) = dim is { } along
                ? Op.Call3("aten::unique_dim", this, along, sorted, return_inverse, return_counts)
                : Op.Call3("aten::_unique2", this, sorted, return_inverse, return_counts);
            if (!return_inverse)
                inverse.Dispose();
            if (!return_counts)
                counts.Dispose();
            return (output, return_inverse ? inverse : null, return_counts ? counts : null);
        }
    }
}
