using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor matmul(Tensor target) => Op.Call("aten::matmul", this, target);
        public Tensor mm(Tensor target) => Op.Call("aten::mm", this, target);
        public Tensor mv(Tensor target) => Op.Call("aten::mv", this, target);
        public Tensor dot(Tensor target) => Op.Call("aten::dot", this, target);
        public Tensor outer(Tensor vec2) => Op.Call("aten::outer", this, vec2);
        public Tensor bmm(Tensor batch2) => Op.Call("aten::bmm", this, batch2);
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => Op.Call("aten::addmm", this, mat1, mat2, (double)beta, (double)alpha);
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            Op.Call("aten::baddbmm", this, batch1, batch2, (double)beta, (double)alpha);

        public Tensor index_select(long dim, Tensor index) => Op.Call("aten::index_select", this, dim, index);
        public Tensor gather(long dim, Tensor index) => Op.Call("aten::gather", this, dim, index);
        public Tensor take(Tensor index) => Op.Call("aten::take", this, index);
        public Tensor take_along_dim(Tensor indices, long dim) => Op.Call("aten::take_along_dim", this, indices, dim);
        public Tensor masked_select(Tensor mask) => Op.Call("aten::masked_select", this, mask);
        public Tensor masked_scatter(Tensor mask, Tensor value) => Op.Call("aten::masked_scatter", this, mask, value);
        public Tensor masked_scatter_(Tensor mask, Tensor value) => Self("aten::masked_scatter_", mask, value);
        public Tensor nonzero() => Op.Call("aten::nonzero", this);

        public Tensor scatter(long dim, Tensor index, Tensor src) => Op.Call("aten::scatter.src", this, dim, index, src);
        public Tensor scatter_(long dim, Tensor index, Tensor src) => Self("aten::scatter_.src", dim, index, src);
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => Op.Call("aten::scatter_add", this, dim, index, src);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => Self("aten::scatter_add_", dim, index, src);
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) => Op.Call("aten::index_add", this, dim, index, source, alpha);

        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha)
        {
            Op.CallVoid("aten::index_add_", this, dim, index, source, alpha);
            return this;
        }

        public Tensor index_copy(long dim, Tensor index, Tensor source) => Op.Call("aten::index_copy", this, dim, index, source);
        public Tensor index_copy_(long dim, Tensor index, Tensor source) => Self("aten::index_copy_", dim, index, source);
        public Tensor index_fill(long dim, Tensor index, Scalar value) => Op.Call("aten::index_fill.int_Scalar", this, dim, index, value);
        public Tensor index_fill_(long dim, Tensor index, Scalar value) => Self("aten::index_fill_.int_Scalar", dim, index, value);

        // ---- random numbers ----

        public Tensor normal_(double mean = 0.0, double std = 1.0, Generator? generator = null) => Self("aten::normal_", mean, std, generator);
        public Tensor uniform_(double from, double to, Generator? generator = null) => Self("aten::uniform_", from, to, generator);
        public Tensor bernoulli(Generator? generator = null) => Op.Call("aten::bernoulli", this, generator);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => Self("aten::bernoulli_.float", p, generator);
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => Self("aten::bernoulli_.Tensor", p, generator);
        public Tensor exponential_(double lambda = 1.0, Generator? generator = null) => Self("aten::exponential_", lambda, generator);
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) =>
            Op.Call("aten::multinomial", this, num_samples, replacement, generator);

        // ---- of this shape ----

        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::zeros_like", this, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::ones_like", this, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::empty_like", this, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor rand_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::rand_like", this, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor randn_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::randn_like", this, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::full_like", this, value, dtype, Arg.None, device).with_requires_grad(requires_grad);

        public Tensor new_zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::new_zeros", this, size, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor new_ones(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::new_ones", this, size, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor new_empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::new_empty", this, size, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor new_full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Op.Call("aten::new_full", this, size, value, dtype, Arg.None, device).with_requires_grad(requires_grad);
    }
}
