namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Fills tensors in place, outside autograd.</summary>
        public static class init
        {
            public enum NonlinearityType
            {
                Linear = 0,
                Conv1D,
                Conv2D,
                Conv3D,
                ConvTranspose1D,
                ConvTranspose2D,
                ConvTranspose3D,
                Sigmoid,
                Tanh,
                ReLU,
                LeakyReLU,
            }

            public enum FanInOut
            {
                FanIn,
                FanOut,
            }

            public static double calculate_gain(NonlinearityType nonlinearity, double param = 0.0) => nonlinearity switch
            {
                NonlinearityType.Tanh => 5.0 / 3.0,
                NonlinearityType.ReLU => Math.Sqrt(2.0),
                NonlinearityType.LeakyReLU => Math.Sqrt(2.0 / (1 + param * param)),
                _ => 1.0,
            };

            public static Tensor ones_(Tensor tensor) => constant_(tensor, 1);

            public static Tensor zeros_(Tensor tensor) => constant_(tensor, 0);

            public static Tensor constant_(Tensor tensor, Scalar val)
            {
                using IDisposable _ = no_grad();
                return tensor.fill_(val);
            }

            public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null)
            {
                using IDisposable _ = no_grad();
                return tensor.uniform_(low, high, generator);
            }

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null)
            {
                using IDisposable _ = no_grad();
                return tensor.normal_(mean, std, generator);
            }

            public static Tensor trunc_normal_(Tensor tensor, double mean = 0.0, double std = 1.0, double a = -2.0, double b = 2.0, Generator? generator = null)
            {
                using IDisposable _ = no_grad();
                using DisposeScope scope = NewDisposeScope();
                // What falls outside is drawn again; few rounds are needed, for the bounds are far out in every use.
                tensor.normal_(mean, std, generator);
                for (Tensor outside = Outside(); outside.any().item<bool>(); outside = Outside())
                {
                    using Tensor again = tensor.empty_like().normal_(mean, std, generator);
                    tensor.copy_(again.where(outside, tensor));
                }
                return tensor;

                Tensor Outside() => tensor.lt(a).logical_or(tensor.gt(b));
            }

            public static Tensor kaiming_uniform_(
                Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU)
            {
                (long fanIn, long fanOut) = CalculateFanInAndFanOut(tensor);
                double bound = Math.Sqrt(3.0) * calculate_gain(nonlinearity, a) / Math.Sqrt(mode == FanInOut.FanIn ? fanIn : fanOut);
                return uniform_(tensor, -bound, bound);
            }

            public static Tensor kaiming_normal_(
                Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU)
            {
                (long fanIn, long fanOut) = CalculateFanInAndFanOut(tensor);
                return normal_(tensor, 0, calculate_gain(nonlinearity, a) / Math.Sqrt(mode == FanInOut.FanIn ? fanIn : fanOut));
            }

            public static Tensor xavier_uniform_(Tensor tensor, double gain = 1.0)
            {
                (long fanIn, long fanOut) = CalculateFanInAndFanOut(tensor);
                double bound = gain * Math.Sqrt(6.0 / (fanIn + fanOut));
                return uniform_(tensor, -bound, bound);
            }

            public static (long fanIn, long fanOut) CalculateFanInAndFanOut(Tensor tensor)
            {
                long[] shape = tensor.shape;
                if (shape.Length < 2)
                    throw new ArgumentException($"fan in and fan out need two dimensions or more, not {tensor}");
                long field = 1;
                for (int i = 2; i < shape.Length; i++)
                    field *= shape[i];
                return (shape[1] * field, shape[0] * field);
            }
        }

        public static partial class utils
        {
            /// <summary>Scales the gradients together so that their norm is at most <paramref name="max_norm"/>.</summary>
            /// <returns>the norm before</returns>
            public static double clip_grad_norm_(IEnumerable<Modules.Parameter> tensors, double max_norm, double norm_type = 2.0)
            {
                using IDisposable _ = no_grad();
                using DisposeScope scope = NewDisposeScope();
                List<Tensor> grads = [];
                foreach (Modules.Parameter parameter in tensors)
                    if (parameter.grad is { } grad)
                        grads.Add(grad);
                if (grads.Count == 0)
                    return 0;
                Tensor norms = stack(grads.Select(grad => grad.norm((float)norm_type).to(ScalarType.Float32)));
                double total = norms.norm((float)norm_type).item<float>();
                double scale = max_norm / (total + 1e-6);
                if (scale < 1)
                    foreach (Tensor grad in grads)
                        grad.mul_(scale);
                return total;
            }

            public static void clip_grad_value_(IEnumerable<Modules.Parameter> tensors, double clip_value)
            {
                using IDisposable _ = no_grad();
                foreach (Modules.Parameter parameter in tensors)
                {
                    using Tensor? grad = parameter.grad;
                    grad?.clamp_((Scalar)(-clip_value), clip_value);
                }
            }

            public static Tensor parameters_to_vector(IEnumerable<Modules.Parameter> tensors) =>
                cat(tensors.Select(tensor => tensor.reshape(-1)).ToArray());
        }
    }
}
