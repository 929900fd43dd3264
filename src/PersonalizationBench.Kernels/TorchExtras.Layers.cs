using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary><c>x / sqrt(mean(x²) + epsilon) * weight</c> over the last dimension, computed in f32.</summary>
    /// <param name="x">[..., d]; the result has its type</param>
    /// <param name="weight">[d], f32 or bf16</param>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
        if (x.dim() == 0 || weight.dim() != 1 || weight.size(0) != x.size(-1))
            throw new ArgumentException($"RmsNorm: a weight of {Shape(weight)} for x of {Shape(x)}");
        using DisposeScope scope = NewDisposeScope();
        if (Chosen(Operation.RmsNorm, x) is { } kernels) return scope.MoveToOuter(RmsNorm(kernels, x, weight, epsilon));
        Tensor wide = x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32);
        Tensor inverse = wide.square().mean([-1], keepdim: true).add(epsilon).rsqrt();
        return scope.MoveToOuter(wide.mul(inverse).mul(weight).to(x.dtype));
    }

    /// <summary>Rotary positions: channel i turns with channel i + d/2.</summary>
    /// <param name="x">[B, T, H, d], of any strides but the last</param>
    /// <param name="cos">[B or 1, T, 1, d/2], f32</param>
    /// <param name="sin">as <paramref name="cos"/></param>
    /// <returns>[B, T, H, d], contiguous</returns>
    public static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        if (x.dim() != 4 || x.size(3) % 2 != 0) throw new ArgumentException($"Rotate: x must be [B, T, H, d] with d even, not {Shape(x)}");
        if (cos.dtype != ScalarType.Float32 || sin.dtype != ScalarType.Float32 || !IsShape(cos) || !IsShape(sin) || cos.size(0) != sin.size(0))
            throw new ArgumentException($"Rotate: cos and sin must be float [B or 1, T, 1, d/2], not {Shape(cos)} and {Shape(sin)}, for x of {Shape(x)}");
        using DisposeScope scope = NewDisposeScope();
        if (Chosen(Operation.Rotate, x) is { } kernels) return scope.MoveToOuter(Rotate(kernels, x, cos, sin));
        long half = x.size(-1) / 2;
        Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
        return scope.MoveToOuter(cat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1).to(x.dtype));

        bool IsShape(Tensor angles) => angles.dim() == 4 && (angles.size(0) == 1 || angles.size(0) == x.size(0)) && angles.size(1) == x.size(1) &&
            angles.size(2) == 1 && angles.size(3) == x.size(3) / 2;
    }

    /// <summary><c>silu(gate) * up</c>.</summary>
    /// <param name="gate">[..., f]</param>
    /// <param name="up">[..., f]</param>
    public static Tensor SwiGlu(Tensor gate, Tensor up)
    {
        if (gate.dtype != up.dtype || !gate.shape.SequenceEqual(up.shape))
            throw new ArgumentException($"SwiGlu: gate and up must be alike, not {gate.dtype} {Shape(gate)} and {up.dtype} {Shape(up)}");
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(Chosen(Operation.SwiGlu, gate) is { } kernels ? SwiGlu(kernels, gate, up) : gate.silu().mul(up));
    }

    /// <summary><see cref="SwiGlu(Tensor, Tensor)"/> of the halves of one projection's output: one product for both, one gradient back.</summary>
    /// <param name="gateAndUp">[..., 2 f]</param>
    /// <returns>[..., f]</returns>
    public static Tensor SwiGlu(Tensor gateAndUp)
    {
        if (gateAndUp.dim() == 0 || gateAndUp.size(-1) % 2 != 0)
            throw new ArgumentException($"SwiGlu: gate and up in one must be even in the last dimension, not {Shape(gateAndUp)}");
        using DisposeScope scope = NewDisposeScope();
        if (Chosen(Operation.SwiGlu, gateAndUp) is { } kernels) return scope.MoveToOuter(SwiGlu(kernels, gateAndUp));
        long half = gateAndUp.size(-1) / 2;
        return scope.MoveToOuter(gateAndUp.narrow(-1, 0, half).silu().mul(gateAndUp.narrow(-1, half, half)));
    }

    // Everything below is called within a scope, and its temporaries are the scope's.

    private static unsafe Tensor RmsNorm(KernelFunctions kernels, Tensor x, Tensor weight, double epsilon)
    {
        Tensor rows = Contiguous(x), w = Contiguous(weight, ScalarType.Float32);
        long width = rows.size(-1);
        bool learns = Gradient.Wanted(x, weight);
        Tensor y = empty(rows.shape, rows.dtype, rows.device);
        Tensor? inverses = learns ? empty([width == 0 ? 0 : rows.numel() / width], ScalarType.Float32, x.device) : null;
        TensorView from = TensorView.OfRows(rows, width), by = TensorView.Of(w), to = TensorView.OfRows(y, width), kept = TensorView.Of(inverses);
        kernels.Check(kernels.Layers.NormForward(&from, &by, &to, &kept, epsilon), nameof(RmsNorm));
        GC.KeepAlive((rows, w, y, inverses));
        if (!learns) return y;
        bool weightLearns = weight.requires_grad;
        return Gradient.Attach(y, [x, weight], [rows, w, inverses!], (saved, gradient) =>
        {
            Tensor g = Contiguous(gradient), dx = empty_like(saved[0]);
            Tensor parts = zeros([NormShares(saved[2].size(0)), width], ScalarType.Float32, g.device);
            TensorView x = TensorView.OfRows(saved[0], width), w = TensorView.Of(saved[1]), at = TensorView.OfRows(g, width);
            TensorView inverses = TensorView.Of(saved[2]), into = TensorView.OfRows(dx, width), sums = TensorView.Of(parts);
            kernels.Check(kernels.Layers.NormBackward(&x, &w, &at, &inverses, &into, &sums), nameof(RmsNorm));
            GC.KeepAlive((saved, g, dx, parts));
            return [dx, weightLearns ? parts.sum(0L).to(weight.dtype) : null];
        });
    }

    /// <summary>Sums of a weight's gradient that are made apart, so that several threads can.</summary>
    private static long NormShares(long rows) => Math.Clamp(rows / 64, 1, 16);

    private static Tensor Rotate(KernelFunctions kernels, Tensor x, Tensor cos, Tensor sin)
    {
        Tensor c = Contiguous(cos), s = Contiguous(sin), y = Turned(kernels, x, c, s, 1);
        return Gradient.Wanted(x) ? Gradient.Attach(y, [x], [c, s], (saved, gradient) => [Turned(kernels, gradient, saved[0], saved[1], -1)]) : y;
    }

    private static unsafe Tensor Turned(KernelFunctions kernels, Tensor x, Tensor cos, Tensor sin, double sign)
    {
        Tensor y = empty(x.shape, x.dtype, x.device);
        TensorView from = TensorView.Of(x), c = TensorView.Of(cos), s = TensorView.Of(sin), to = TensorView.Of(y);
        Tensor? straight = null;
        if (!from.RowsWithoutGaps) from = TensorView.Of(straight = Contiguous(x));
        kernels.Check(kernels.Layers.Rotate(&from, &c, &s, &to, sign), nameof(Rotate));
        GC.KeepAlive((x, straight, cos, sin, y));
        return y;
    }

    private static unsafe Tensor SwiGlu(KernelFunctions kernels, Tensor gate, Tensor up)
    {
        Tensor a = Contiguous(gate), b = Contiguous(up), y = empty(a.shape, a.dtype, a.device);
        long width = a.dim() == 0 ? 1 : a.size(-1);
        TensorView left = TensorView.OfRows(a, width), right = TensorView.OfRows(b, width), to = TensorView.OfRows(y, width);
        kernels.Check(kernels.Layers.SwiGluForward(&left, &right, &to), nameof(SwiGlu));
        GC.KeepAlive((a, b, y));
        return !Gradient.Wanted(gate, up) ? y : Gradient.Attach(y, [gate, up], [a, b], (saved, gradient) =>
        {
            Tensor g = Contiguous(gradient), da = empty_like(saved[0]), db = empty_like(saved[1]);
            TensorView left = TensorView.OfRows(saved[0], width), right = TensorView.OfRows(saved[1], width), at = TensorView.OfRows(g, width);
            TensorView toLeft = TensorView.OfRows(da, width), toRight = TensorView.OfRows(db, width);
            kernels.Check(kernels.Layers.SwiGluBackward(&left, &right, &at, &toLeft, &toRight), nameof(SwiGlu));
            GC.KeepAlive((saved, g, da, db));
            return [da, db];
        });
    }

    // The gradient of both halves is written whole, with no concatenation.
    private static unsafe Tensor SwiGlu(KernelFunctions kernels, Tensor gateAndUp)
    {
        Tensor both = Contiguous(gateAndUp);
        long half = both.size(-1) / 2;
        Tensor y = empty([.. both.shape[..^1], half], both.dtype, both.device);
        TensorView packed = TensorView.OfRows(both, 2 * half), left = packed.Narrow(0, half), right = packed.Narrow(half, half), to = TensorView.OfRows(y, half);
        kernels.Check(kernels.Layers.SwiGluForward(&left, &right, &to), nameof(SwiGlu));
        GC.KeepAlive((both, y));
        return !Gradient.Wanted(gateAndUp) ? y : Gradient.Attach(y, [gateAndUp], [both], (saved, gradient) =>
        {
            Tensor g = Contiguous(gradient), result = empty_like(saved[0]);
            TensorView packed = TensorView.OfRows(saved[0], 2 * half), left = packed.Narrow(0, half), right = packed.Narrow(half, half);
            TensorView at = TensorView.OfRows(g, half), into = TensorView.OfRows(result, 2 * half), toLeft = into.Narrow(0, half), toRight = into.Narrow(half, half);
            kernels.Check(kernels.Layers.SwiGluBackward(&left, &right, &at, &toLeft, &toRight), nameof(SwiGlu));
            GC.KeepAlive((saved, g, result));
            return [result];
        });
    }
}
