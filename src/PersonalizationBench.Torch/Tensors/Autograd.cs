using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class autograd
    {
        /// <summary>Gradients of the outputs with respect to the inputs; .grad of nothing is touched.</summary>
        /// <returns>one per input; null where the output does not depend on it and that is allowed</returns>
        public static unsafe IList<Tensor> grad(
            IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null,
            bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            long[] from = Handles(outputs), to = Handles(inputs), seeds = Handles(grad_outputs), found = new long[to.Length];
            fixed (long* a = from, b = to, c = seeds, r = found)
                Bridge.Check(
                    Bridge.pb_grad(a, from.Length, b, to.Length, c, seeds.Length, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, r),
                    "autograd.grad");
            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return Array.ConvertAll(found, handle => handle == 0 ? null! : new Tensor((nint)handle));
        }

        /// <summary>Adds the gradients of the tensors to .grad of the leaves.</summary>
        public static unsafe void backward(
            IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
            bool create_graph = false, IList<Tensor>? inputs = null)
        {
            long[] from = Handles(tensors), seeds = Handles(grad_tensors), to = Handles(inputs);
            fixed (long* a = from, b = seeds, c = to)
                Bridge.Check(
                    Bridge.pb_backward(a, from.Length, b, seeds.Length, c, to.Length, retain_graph ?? create_graph ? 1 : 0, create_graph ? 1 : 0),
                    "autograd.backward");
            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        public static void backward(Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null) =>
            backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null) =>
            backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        private static long[] Handles(IList<Tensor>? tensors)
        {
            if (tensors is null)
                return [];
            var handles = new long[tensors.Count];
            for (int i = 0; i < handles.Length; i++)
                handles[i] = tensors[i].Handle;
            return handles;
        }
    }

    /// <summary>Nothing made under it needs a gradient.</summary>
    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    /// <summary>Takes effect at once; disposing the result undoes it.</summary>
    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    public static bool is_grad_enabled() => Bridge.pb_grad_mode() != 0;

    /// <summary>Like <see cref="no_grad"/> and cheaper: its tensors can never take part in autograd.</summary>
    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    public static bool is_inference_mode_enabled() => Bridge.pb_inference_mode() != 0;

    private sealed class GradMode : IDisposable
    {
        private readonly long _before = Bridge.pb_grad_mode();

        internal GradMode(bool enabled) => Bridge.pb_set_grad_mode(enabled ? 1 : 0);

        public void Dispose() => Bridge.pb_set_grad_mode(_before);
    }

    private sealed class InferenceMode(bool enabled) : IDisposable
    {
        private nint _guard = Bridge.pb_inference_begin(enabled ? 1 : 0);

        public void Dispose()
        {
            nint guard = Interlocked.Exchange(ref _guard, 0);
            if (guard != 0)
                Bridge.pb_inference_end(guard);
        }
    }
}
