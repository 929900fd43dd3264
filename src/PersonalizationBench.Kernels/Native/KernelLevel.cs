namespace PersonalizationBench.Kernels;

/// <summary>How much of the instruction set kernels use; each level has what those before it have.</summary>
public enum KernelLevel
{
    /// <summary>No kernels: everything by libtorch's operators.</summary>
    None,

    /// <summary>AVX2 and FMA: vectors of 32 bytes.</summary>
    Avx2,

    /// <summary>AVX-512 (F, BW, DQ, VL): vectors of 64 bytes.</summary>
    Avx512,

    /// <summary>AVX512-BF16: dot products of bfloat16.</summary>
    Avx512Bf16,

    /// <summary>AMX: tiles of bfloat16.</summary>
    Amx,
}
