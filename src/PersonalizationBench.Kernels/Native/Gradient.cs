using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>From the gradient of an output, the gradients of the inputs, one for each; null where none is wanted.</summary>
/// <param name="saved">what was given to be kept, checked not to have been written since</param>
internal delegate Tensor?[] BackwardFunction(Tensor[] saved, Tensor gradient);

/// <summary>
/// Autograd functions over TorchSharp's native nodes. Its managed side (<c>torch.autograd.SingleTensorFunction</c>) makes an empty copy of
/// every output, keeps what was saved until the output dies, and leaves what the backward pass makes to the garbage collector, which may
/// free a gradient before libtorch has taken it over; here what was saved goes with the backward pass, as in libtorch's own nodes.
/// </summary>
internal static partial class Gradient
{
    /// <summary>Whether a result of these is to know where it came from.</summary>
    public static bool Wanted(Tensor a, Tensor? b = null, Tensor? c = null) =>
        is_grad_enabled() && (a.requires_grad || b?.requires_grad == true || c?.requires_grad == true);

    /// <summary>Says that a kernel wrote a tensor in place: a graph that holds its old values will refuse to go back.</summary>
    public static void Written(Tensor tensor) => BumpVersion(tensor.Handle);

    /// <summary>Makes a computed tensor the differentiable result of others.</summary>
    /// <param name="output">computed without a graph, and no other tensor's memory; taken over</param>
    /// <param name="inputs">what it was computed from</param>
    /// <param name="saved">kept for <paramref name="backward"/>; not the output itself, but a detached one</param>
    /// <param name="backward">called once</param>
    public static Tensor Attach(Tensor output, Tensor[] inputs, Tensor[] saved, BackwardFunction backward) =>
        GradientNode.Rent().Attach(output, inputs, saved, backward);

    // torch::autograd::impl::bump_version(at::Tensor const&); a handle is a pointer to a tensor.
    [LibraryImport("libtorch_cpu.so", EntryPoint = "_ZN5torch8autograd4impl12bump_versionERKN2at6TensorE")]
    private static partial void BumpVersion(nint tensor);
}

/// <summary>One node of a graph. They are used again: a delegate that native code can call costs more than the call.</summary>
internal sealed unsafe partial class GradientNode
{
    // Native code calls nodes that are in no managed hand: all that were ever made are held here.
    private static readonly List<GradientNode> s_all = [];
    private static readonly Stack<GradientNode> s_free = [];

    // libtorch copies returned gradients after the callback that returned them; they are let go with the thread's next callback.
    [ThreadStatic]
    private static List<Tensor>? t_returned;

    // Where the one output that is being wrapped goes.
    [ThreadStatic]
    private static nint* t_place;

    private readonly ApplyFunction _apply;
    private readonly DeleteFunction _delete;
    private NodePointers _node;
    private nint[] _saved = [];
    private nint* _results;
    private int _inputs, _capacity;
    private BackwardFunction? _backward;

    private GradientNode() => (_apply, _delete) = (Apply, Delete);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate TensorArray ApplyFunction(nint* gradients, int count);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void DeleteFunction();

    public static GradientNode Rent()
    {
        lock (s_free)
        {
            if (!s_free.TryPop(out var node)) s_all.Add(node = new GradientNode());
            return node;
        }
    }

    public Tensor Attach(Tensor output, Tensor[] inputs, Tensor[] saved, BackwardFunction backward)
    {
        _node = THSAutograd_CSharpNode_ctor(Marshal.GetFunctionPointerForDelegate(_apply), Marshal.GetFunctionPointerForDelegate(_delete));
        CheckForErrors();
        (_backward, _inputs) = (backward, inputs.Length);
        if (_capacity < _inputs)
        {
            _results = (nint*)NativeMemory.Realloc(_results, (nuint)(_inputs * sizeof(nint)));
            _capacity = _inputs;
        }
        var handles = stackalloc nint[inputs.Length + 1];
        for (var i = 0; i < inputs.Length; i++) handles[i] = inputs[i].Handle;
        handles[inputs.Length] = output.Handle;
        var sources = new TensorArray(handles, inputs.Length);
        THSAutograd_CSharpNode_setNextEdges(_node, sources, 1);
        CheckForErrors();
        nint wrapped;
        t_place = &wrapped;
        THSAutograd_Function_wrapOutputs(sources, default, default, new TensorArray(handles + inputs.Length, 1), _node, &PlaceOf);
        CheckForErrors();
        var result = Tensor.UnsafeCreateTensor(wrapped);
        _saved = new nint[saved.Length];
        for (var i = 0; i < saved.Length; i++)
        {
            _saved[i] = THSAutograd_SavedVariable_ctor(saved[i].Handle, _node, 0);
            CheckForErrors();
        }
        THSAutograd_CSharpNode_disposeSharedPtr(_node);
        CheckForErrors();
        GC.KeepAlive(inputs);
        GC.KeepAlive(saved);
        output.Dispose();
        return result;
    }

    private static void LetGo()
    {
        if (t_returned is not { Count: > 0 } returned) return;
        foreach (var tensor in returned) tensor.Dispose();
        returned.Clear();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint* PlaceOf(nuint length) => t_place;

    private TensorArray Apply(nint* gradients, int count)
    {
        // No exception may pass through native code: libtorch says what is wrong when the number of gradients is.
        try
        {
            LetGo();
            using DisposeScope scope = NewDisposeScope();
            var incoming = new Tensor?[count];
            for (var i = 0; i < count; i++) incoming[i] = gradients[i] == 0 ? null : Tensor.UnsafeCreateTensor(gradients[i]);
            for (var i = 0; i < _inputs; i++) _results[i] = 0;
            if (incoming[0] is { } gradient)
            {
                var backward = _backward ?? throw new InvalidOperationException("backward through the same graph a second time: what it needs is gone");
                var found = backward(Unpack(), gradient);
                for (var i = 0; i < found.Length; i++)
                {
                    if (found[i] is not { } tensor) continue;
                    // An incoming gradient may go on as it is.
                    if (ReferenceEquals(tensor, gradient)) tensor = tensor.alias();
                    (t_returned ??= []).Add(tensor.DetachFromDisposeScope());
                    _results[i] = tensor.Handle;
                }
                Forget();
            }
            return new TensorArray(_results, _inputs);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"backward: {e.Message}");
            return default;
        }
    }

    private Tensor[] Unpack()
    {
        var tensors = new Tensor[_saved.Length];
        for (var i = 0; i < tensors.Length; i++)
        {
            var handle = THSAutograd_SavedVariable_unpack(_saved[i], _node);
            CheckForErrors();
            tensors[i] = Tensor.UnsafeCreateTensor(handle);
        }
        return tensors;
    }

    private void Forget()
    {
        foreach (var saved in _saved) THSAutograd_SavedVariable_dispose(saved);
        (_saved, _backward) = ([], null);
    }

    private void Delete()
    {
        LetGo();
        Forget();
        THSAutograd_CSharpNode_disposeWeakPtr(_node);
        _node = default;
        lock (s_free) s_free.Push(this);
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct NodePointers(nint Shared, nint Weak);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TensorArray(nint* tensors, long count)
    {
        private readonly nint* _tensors = tensors;
        private readonly long _count = count;
    }

    // As TorchSharp declares them (src/Native/LibTorchSharp/THSAutograd.h, 0.107.0).
    [LibraryImport("LibTorchSharp")]
    private static partial NodePointers THSAutograd_CSharpNode_ctor(nint apply, nint delete);

    [LibraryImport("LibTorchSharp")]
    private static partial void THSAutograd_CSharpNode_disposeSharedPtr(NodePointers node);

    [LibraryImport("LibTorchSharp")]
    private static partial void THSAutograd_CSharpNode_disposeWeakPtr(NodePointers node);

    [LibraryImport("LibTorchSharp")]
    private static partial void THSAutograd_CSharpNode_setNextEdges(NodePointers node, TensorArray inputs, byte executable);

    [LibraryImport("LibTorchSharp")]
    private static partial void THSAutograd_Function_wrapOutputs(
        TensorArray inputs, TensorArray notDifferentiable, TensorArray dirty, TensorArray outputs, NodePointers node,
        delegate* unmanaged[Cdecl]<nuint, nint*> allocate);

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSAutograd_SavedVariable_ctor(nint tensor, NodePointers node, byte inPlaceOnView);

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSAutograd_SavedVariable_unpack(nint saved, NodePointers node);

    [LibraryImport("LibTorchSharp")]
    private static partial void THSAutograd_SavedVariable_dispose(nint saved);
}
