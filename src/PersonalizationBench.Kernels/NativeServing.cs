using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>The steps by the kernels of one level (native/serving.cpp), on as many threads as operators use.</summary>
internal sealed unsafe class NativeServing : IServingStep
{
    private readonly KernelFunctions _kernels;
    private readonly nint _model;

    private NativeServing(KernelFunctions kernels, nint model) => (_kernels, _model) = (kernels, model);

    /// <returns>null where products in bf16 are wanted and the level or the shape does not allow them</returns>
    /// <inheritdoc cref="ServingLlama.TryCreate"/>
    public static NativeServing? TryCreate(KernelFunctions kernels, LlamaShape shape, IReadOnlyList<Tensor> tensors, int pages, bool bfloat16, IReadOnlyList<ServingSite> sites)
    {
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> plain = [.. tensors.Select(t => (t.dtype is ScalarType.Float32 or ScalarType.BFloat16 ? t : t.to(ScalarType.Float32)).contiguous())];
        TensorView[] views = [.. plain.Select(TensorView.Of)];
        long context = tensors[^1].numel() / (shape.HeadWidth / 2);
        long* numbers = stackalloc long[] { shape.Layers, shape.Heads, shape.KeyHeads, shape.HeadWidth, shape.Hidden, shape.Vocabulary, context, pages };
        long[] places = [.. sites.SelectMany(s => new long[] { s.Layer, s.Product, s.Offset, s.Width, s.Input })];
        nint model;
        fixed (TensorView* at = views)
        fixed (long* of = places)
            kernels.Check(kernels.Serving.Create(at, numbers, shape.Epsilon, bfloat16 ? 1 : 0, of, sites.Count, &model), nameof(ServingLlama));
        GC.KeepAlive(plain);
        return model == 0 ? null : new NativeServing(kernels, model);
    }

    public void Step(in ServingRows rows)
    {
        long* numbers = stackalloc long[] { rows.Ids.Length, rows.TableWidth, rows.SlotElements, rows.Wanted.Length };
        fixed (int* ids = rows.Ids, positions = rows.Positions, sequences = rows.Sequences, slots = rows.Slots, tables = rows.Tables, ranks = rows.Ranks, wanted = rows.Wanted)
        fixed (float* scales = rows.Scales, logits = rows.Logits)
        fixed (long* places = rows.Places)
        {
            void** arrays = stackalloc void*[] { ids, positions, sequences, slots, tables, (void*)rows.Adapters, ranks, places, scales, wanted, logits };
            _kernels.Check(_kernels.Serving.Step(_model, numbers, arrays), nameof(ServingLlama));
        }
    }

    // Called once, by its owner.
    public void Dispose() => _kernels.Serving.Free(_model);
}
