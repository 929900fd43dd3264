using PersonalizationBench.Torch.Interop;
using TorchSharp.Modules;

namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>x W' + b, with W of (out, in).</summary>
        public sealed class Linear : torch.nn.Module<torch.Tensor, torch.Tensor>
        {
            internal Linear(Parameter weight, Parameter? bias)
                : base(nameof(Linear))
            {
                this.weight = weight;
                this.bias = bias;
                RegisterComponents();
            }

            public Parameter weight { get; set; }
            public Parameter? bias { get; set; }
            public long in_features => weight.size(1);
            public long out_features => weight.size(0);

            public override torch.Tensor forward(torch.Tensor tensor) => torch.nn.functional.linear(tensor, weight, bias);
        }

        /// <summary>Rows of a table.</summary>
        public sealed class Embedding : torch.nn.Module<torch.Tensor, torch.Tensor>
        {
            private readonly long _padding;

            internal Embedding(Parameter weight, long? padding_idx)
                : base(nameof(Embedding))
            {
                this.weight = weight;
                _padding = padding_idx ?? -1;
                RegisterComponents();
            }

            public Parameter weight { get; set; }

            public override torch.Tensor forward(torch.Tensor input) => Op.Call("aten::embedding", weight, input, _padding);
        }

        public sealed class LayerNorm : torch.nn.Module<torch.Tensor, torch.Tensor>
        {
            internal LayerNorm(long[] normalized_shape, double eps, Parameter? weight, Parameter? bias)
                : base(nameof(LayerNorm))
            {
                this.normalized_shape = normalized_shape;
                this.eps = eps;
                this.weight = weight;
                this.bias = bias;
                RegisterComponents();
            }

            public Parameter? weight { get; set; }
            public Parameter? bias { get; set; }
            public long[] normalized_shape { get; }
            public double eps { get; }

            public override torch.Tensor forward(torch.Tensor tensor) => torch.nn.functional.layer_norm(tensor, normalized_shape, weight, bias, eps);
        }

        public sealed class Dropout : torch.nn.Module<torch.Tensor, torch.Tensor>
        {
            private readonly double _p;

            internal Dropout(double p)
                : base(nameof(Dropout)) => _p = p;

            public override torch.Tensor forward(torch.Tensor tensor) => torch.nn.functional.dropout(tensor, _p, training);
        }

        /// <summary>Names of the ways to compute GELU.</summary>
        public sealed class GELU
        {
            private GELU()
            {
            }

            public enum Approximate
            {
                none,
                tanh,
            }
        }
    }

    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>Weights and bias uniform in ±1/sqrt(in), as PyTorch draws them.</summary>
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null)
            {
                Parameter weight = Made([outputSize, inputSize], dtype, device);
                double bound = 1 / Math.Sqrt(inputSize);
                init.uniform_(weight, -bound, bound);
                Parameter? bias = hasBias ? Made([outputSize], dtype, device) : null;
                if (bias is not null)
                    init.uniform_(bias, -bound, bound);
                return new Linear(weight, bias);
            }

            public static Linear Linear(Parameter weight, Parameter? bias = null) => new(weight, bias);

            /// <summary>N(0, 1), as PyTorch draws them; a transformer wants 0.02.</summary>
            public static Embedding Embedding(
                long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null, double norm_type = 2.0,
                bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                if (max_norm is not null || scale_grad_by_freq || sparse)
                    throw new NotSupportedException("Embedding: max_norm, scale_grad_by_freq and sparse");
                Parameter weight = Made([num_embeddings, embedding_dims], dtype, device);
                init.normal_(weight);
                return new Embedding(weight, padding_idx);
            }

            public static LayerNorm LayerNorm(
                long[] normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null)
            {
                Parameter? weight = elementwise_affine ? Made(normalized_shape, dtype, device) : null;
                Parameter? shift = elementwise_affine && bias ? Made(normalized_shape, dtype, device) : null;
                if (weight is not null)
                    init.ones_(weight);
                if (shift is not null)
                    init.zeros_(shift);
                return new LayerNorm(normalized_shape, eps, weight, shift);
            }

            public static LayerNorm LayerNorm(
                long normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                LayerNorm([normalized_shape], eps, elementwise_affine, bias, device, dtype);

            public static Dropout Dropout(double p = 0.5, bool inplace = false) => new(p);

            public static ModuleList<Module> ModuleList(params Module[] modules) => new(modules);

            public static ModuleList<T> ModuleList<T>(params T[] modules) where T : Module => new(modules);

            // A module's own tensors live as long as the module, whatever scope it is made in.
            private static Parameter Made(long[] shape, ScalarType? dtype, Device? device) =>
                (Parameter)new Parameter(empty(shape, dtype, device)).DetachFromDisposeScope();
        }
    }
}
