using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace PersonalizationBench.Torch.Interop;

/// <summary>The functions of <c>native/bridge.cpp</c>. Those that return an <c>int</c> answer 0, or 1 and leave a text.</summary>
internal static unsafe partial class Bridge
{
    private const string Library = "pbtorch";

    static Bridge() => Loader.Prepare();

    [LibraryImport(Library)] internal static partial byte* pb_last_error();
    [LibraryImport(Library)] internal static partial byte* pb_version();
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_live_tensors();
    [LibraryImport(Library)] internal static partial void pb_free_list(long* list);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint pb_find_op(string name, string overload);
    [LibraryImport(Library)] internal static partial int pb_call(nint op, NativeArg* args, long count, NativeArg* results, long* resultCount);

    [LibraryImport(Library)] internal static partial void pb_free(nint tensor);
    [LibraryImport(Library)] internal static partial nint pb_share(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_dim(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_numel(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_dtype(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_element_size(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_is_contiguous(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_storage_offset(nint tensor);
    [LibraryImport(Library)] internal static partial nint pb_data(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial void pb_shape(nint tensor, long* sizes, long* strides);
    [LibraryImport(Library), SuppressGCTransition] internal static partial void pb_device(nint tensor, long* type, long* index);

    [LibraryImport(Library)] internal static partial long pb_requires_grad(nint tensor);
    [LibraryImport(Library)] internal static partial long pb_is_leaf(nint tensor);
    [LibraryImport(Library)] internal static partial int pb_set_requires_grad(nint tensor, long value);
    [LibraryImport(Library)] internal static partial int pb_grad_of(nint tensor, long* grad);
    [LibraryImport(Library)] internal static partial int pb_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)]
    internal static partial int pb_backward(
        long* tensors, long count, long* grads, long gradCount, long* inputs, long inputCount, long retainGraph, long createGraph);
    [LibraryImport(Library)]
    internal static partial int pb_grad(
        long* outputs, long count, long* inputs, long inputCount, long* grads, long gradCount,
        long retainGraph, long createGraph, long allowUnused, long* results);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_grad_mode();
    [LibraryImport(Library), SuppressGCTransition] internal static partial void pb_set_grad_mode(long enabled);
    [LibraryImport(Library)] internal static partial nint pb_inference_begin(long enabled);
    [LibraryImport(Library)] internal static partial void pb_inference_end(nint guard);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long pb_inference_mode();

    [LibraryImport(Library)] internal static partial int pb_generator_new(ulong seed, long type, long index, long* handle);
    [LibraryImport(Library)] internal static partial nint pb_generator_default();
    [LibraryImport(Library)] internal static partial void pb_generator_free(nint generator);
    [LibraryImport(Library)] internal static partial void pb_generator_seed(nint generator, ulong seed);
    [LibraryImport(Library)] internal static partial ulong pb_generator_seed_of(nint generator);
    [LibraryImport(Library)] internal static partial int pb_generator_state(nint generator, long* state);
    [LibraryImport(Library)] internal static partial int pb_generator_set_state(nint generator, nint state);
    [LibraryImport(Library)] internal static partial void pb_manual_seed(ulong seed);

    [LibraryImport(Library)] internal static partial long pb_threads();
    [LibraryImport(Library)] internal static partial void pb_set_threads(long count);
    [LibraryImport(Library)] internal static partial long pb_cuda_count();
    [LibraryImport(Library)] internal static partial int pb_cuda_synchronize(long device);
    [LibraryImport(Library)] internal static partial int pb_cuda_memory(long device, long* figures);
    [LibraryImport(Library)] internal static partial int pb_cuda_reset_peak(long device);
    [LibraryImport(Library)] internal static partial int pb_cuda_empty_cache();
    [LibraryImport(Library)] internal static partial void pb_allow_tf32(long on);

    [LibraryImport(Library)]
    internal static partial int pb_adamw(
        long* masters, long* copies, long* gradients, long* means, long* variances, long count, long step, double* numbers);
    [LibraryImport(Library)] internal static partial int pb_norm(long* tensors, long count, double* norm);
    [LibraryImport(Library)] internal static partial int pb_cross_entropy(nint logits, nint targets, nint weights, long overwrite, long* total, long* losses);
    [LibraryImport(Library)] internal static partial int pb_rms_norm(nint input, nint weight, double epsilon, long* result);
    [LibraryImport(Library)] internal static partial int pb_rotary(nint input, nint cosine, nint sine, long* result);
    [LibraryImport(Library)] internal static partial int pb_swiglu(nint gate, nint up, long* result);
    [LibraryImport(Library)] internal static partial int pb_attention(nint query, nint key, nint value, nint lengths, long* result);
    [LibraryImport(Library)]
    internal static partial int pb_state_space(nint projected, nint lengths, long* weights, long* shape, double* limits, long* memory, long* result);
    [LibraryImport(Library)] internal static partial int pb_state_space_next(nint projected, long* weights, long* shape, double* limits, long* memory, long* result);
    [LibraryImport(Library)] internal static partial int pb_low_rank_add(nint output, nint input, nint a, nint b, double scaling, long* result);
    [LibraryImport(Library)] internal static partial int pb_llama_pack(long* tensors, long* shape, double epsilon, long* result);
    [LibraryImport(Library)] internal static partial int pb_llama_repack(nint model, long* tensors);
    [LibraryImport(Library)] internal static partial void pb_llama_free(nint model);

    [LibraryImport(Library)]
    internal static partial int pb_llama_adapters(
        nint model, long* inputs, long groups, double scaling, long* adapters, long count, long* total, long* losses);
    [LibraryImport(Library)] internal static partial int pb_llama_weights(nint model, long* inputs, long tied, long* gradients, long* total, long* losses);

    [LibraryImport(Library)]
    internal static partial int pb_serving_create(long* tensors, long* shape, double epsilon, long bf16, long* sites, long count, long* result);
    [LibraryImport(Library)] internal static partial int pb_serving_step(nint model, long* numbers, void** arrays);
    [LibraryImport(Library)] internal static partial void pb_serving_free(nint model);
    [LibraryImport(Library)] internal static partial void pb_keep_memory();
    [LibraryImport(Library)] internal static partial void pb_release_memory();

    /// <summary>Throws what the bridge's last call left, naming the operator.</summary>
    internal static void Check(int failed, string operation)
    {
        if (failed != 0)
            throw Failure(operation);
    }

    internal static ExternalException Failure(string operation) =>
        new($"{operation}: {Marshal.PtrToStringUTF8((nint)pb_last_error())}");
}
