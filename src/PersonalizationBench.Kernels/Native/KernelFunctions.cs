using System.Runtime.InteropServices;

namespace PersonalizationBench.Kernels;

/// <summary>The kernels of one level of the instruction set.</summary>
internal sealed unsafe class KernelFunctions
{
    private readonly delegate* unmanaged<byte*> _lastError;

    private KernelFunctions(KernelLevel level, KernelSymbols symbols)
    {
        (Level, Symbols) = (level, symbols);
        _lastError = (delegate* unmanaged<byte*>)symbols["last_error"];
        Layers = new LayerKernels(symbols);
        Loss = new LossKernels(symbols);
        Optimizer = new OptimizerKernels(symbols);
        Attention = new AttentionKernels(symbols);
        Llama = new LlamaKernels(symbols);
        Serving = new ServingKernels(symbols);
        StateSpace = new StateSpaceKernels(symbols);
    }

    public KernelLevel Level { get; }

    public KernelSymbols Symbols { get; }

    public LayerKernels Layers { get; }

    public LossKernels Loss { get; }

    public OptimizerKernels Optimizer { get; }

    public AttentionKernels Attention { get; }

    public LlamaKernels Llama { get; }

    /// <summary>Whether the level multiplies bfloat16: attention in bf16 and a packed Llama are there.</summary>
    public bool MultipliesBFloat16 => Level >= KernelLevel.Avx512Bf16;

    public ServingKernels Serving { get; }

    public StateSpaceKernels StateSpace { get; }

    /// <returns>null where the library was built by a compiler that does not know the level</returns>
    public static KernelFunctions? TryOpen(nint library, KernelLevel level, nint threads)
    {
        var symbols = new KernelSymbols(library, level);
        if (symbols["start"] == 0) return null;
        ((delegate* unmanaged<nint, int>)symbols["start"])(threads);
        return new KernelFunctions(level, symbols);
    }

    /// <summary>Throws what a kernel reported.</summary>
    /// <param name="status">what it returned</param>
    /// <param name="operation">the name that the error begins with</param>
    public void Check(int status, string operation)
    {
        if (status != 0) throw new InvalidOperationException($"{operation}: {Marshal.PtrToStringUTF8((nint)_lastError())}");
    }
}

/// <summary>Finds the functions of one level by name; 0 where the level has none of that name.</summary>
internal readonly struct KernelSymbols(nint library, KernelLevel level)
{
    private readonly string _prefix = $"pb_{KernelLibrary.Name(level).Replace("-", "", StringComparison.Ordinal)}_";

    public nint this[string name] => NativeLibrary.TryGetExport(library, _prefix + name, out var address) ? address : 0;
}
