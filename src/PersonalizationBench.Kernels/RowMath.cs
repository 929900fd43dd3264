using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PersonalizationBench.Kernels;

/// <summary>What is done to one row of f32, in one order whatever is beside it.</summary>
internal static unsafe class RowMath
{
    private static int Lanes => Vector<float>.Count;

    /// <summary>y = x / sqrt(mean(x²) + epsilon) * weight</summary>
    public static void Norm(float* x, float* weight, int n, double epsilon, float* y)
    {
        float inverse = 1 / MathF.Sqrt(Dot(x, x, n) / n + (float)epsilon);
        int i = 0;
        for (; i + Lanes <= n; i += Lanes)
            Vector.Store(Vector.Load(x + i) * inverse * Vector.Load(weight + i), y + i);
        for (; i < n; i++)
            y[i] = x[i] * inverse * weight[i];
    }

    /// <summary>Channel i turns with channel i + <paramref name="half"/>.</summary>
    public static void Rotate(float* x, float* cosine, float* sine, int half)
    {
        for (int i = 0; i < half; i++)
            (x[i], x[i + half]) = (x[i] * cosine[i] - x[i + half] * sine[i], x[i + half] * cosine[i] + x[i] * sine[i]);
    }

    /// <summary>y = silu(gate) * up</summary>
    /// <param name="both">gate and up, [2 n]</param>
    public static void SwiGlu(float* both, int n, float* y)
    {
        int i = 0;
        for (; i + Lanes <= n; i += Lanes)
        {
            Vector<float> gate = Vector.Load(both + i);
            Vector.Store(gate / (Vector<float>.One + Vector.Exp(-gate)) * Vector.Load(both + n + i), y + i);
        }
        for (; i < n; i++)
            y[i] = both[i] / (1 + MathF.Exp(-both[i])) * both[n + i];
    }

    /// <param name="x">scores, then shares; there is room for whole vectors</param>
    public static void Softmax(float* x, int n)
    {
        float top = x[0], total = 0;
        for (int i = 1; i < n; i++)
            top = MathF.Max(top, x[i]);
        for (int i = 0; i < n; i += Lanes)
            Vector.Store(Vector.Exp(Vector.Load(x + i) - new Vector<float>(top)), x + i);
        for (int i = 0; i < n; i++)
            total += x[i];
        for (int i = 0; i < n; i++)
            x[i] /= total;
    }

    public static float Dot(float* x, float* y, int n)
    {
        Vector<float> first = Vector<float>.Zero, second = Vector<float>.Zero;
        int i = 0;
        for (; i + 2 * Lanes <= n; i += 2 * Lanes)
        {
            first = Vector.FusedMultiplyAdd(Vector.Load(x + i), Vector.Load(y + i), first);
            second = Vector.FusedMultiplyAdd(Vector.Load(x + i + Lanes), Vector.Load(y + i + Lanes), second);
        }
        float sum = Vector.Sum(first + second);
        for (; i < n; i++)
            sum += x[i] * y[i];
        return sum;
    }

    /// <summary>y += by x</summary>
    public static void AddScaled(float by, float* x, int n, float* y)
    {
        Vector<float> factor = new(by);
        int i = 0;
        for (; i + Lanes <= n; i += Lanes)
            Vector.Store(Vector.FusedMultiplyAdd(factor, Vector.Load(x + i), Vector.Load(y + i)), y + i);
        for (; i < n; i++)
            y[i] += by * x[i];
    }
}

/// <summary>A matrix W [out, in] as columns of two vectors: [out / wide, in, wide], zero where W ends.</summary>
internal readonly unsafe struct ColumnMatrix
{
    private readonly float* _columns;

    /// <param name="values">[rows, width]</param>
    public ColumnMatrix(int rows, int width, ReadOnlySpan<float> values, SinglesArena memory)
    {
        (Out, In) = ((rows + Wide - 1) / Wide * Wide, width);
        _columns = memory.Take((long)Out * In);
        for (int o = 0; o < rows; o++)
        {
            ReadOnlySpan<float> row = values.Slice(o * width, width);
            float* to = _columns + (long)(o / Wide) * Wide * width + o % Wide;
            for (int i = 0; i < width; i++)
                to[(long)i * Wide] = row[i];
        }
    }

    private static int Wide => 2 * Vector<float>.Count;

    /// <summary>Rows of W, rounded up to whole columns.</summary>
    public int Out { get; }

    public int In { get; }

    /// <summary>y [rows, out] = x [rows, in] W^T; an element's sum runs along its own operands in one order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Multiply(float* x, int rows, float* y)
    {
        int i = 0;
        for (; i + 4 <= rows; i += 4)
            Four(x + (long)i * In, y + (long)i * Out);
        for (; i < rows; i++)
            One(x + (long)i * In, y + (long)i * Out);
    }

    // Sums of four rows and two vectors stay in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Four(float* x, float* y)
    {
        int lanes = Vector<float>.Count, wide = 2 * lanes, width = In;
        for (int j = 0; j < Out; j += wide)
        {
            float* columns = _columns + (long)j * width;
            Vector<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
            for (int k = 0; k < width; k++, columns += wide)
            {
                Vector<float> low = Vector.Load(columns), high = Vector.Load(columns + lanes);
                Vector<float> a = new(x[k]), b = new(x[width + k]), c = new(x[2 * width + k]), d = new(x[3 * width + k]);
                (a0, a1) = (Vector.FusedMultiplyAdd(a, low, a0), Vector.FusedMultiplyAdd(a, high, a1));
                (b0, b1) = (Vector.FusedMultiplyAdd(b, low, b0), Vector.FusedMultiplyAdd(b, high, b1));
                (c0, c1) = (Vector.FusedMultiplyAdd(c, low, c0), Vector.FusedMultiplyAdd(c, high, c1));
                (d0, d1) = (Vector.FusedMultiplyAdd(d, low, d0), Vector.FusedMultiplyAdd(d, high, d1));
            }
            Put(a0, a1, y + j);
            Put(b0, b1, y + Out + j);
            Put(c0, c1, y + 2 * Out + j);
            Put(d0, d1, y + 3 * Out + j);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void One(float* x, float* y)
    {
        int lanes = Vector<float>.Count, wide = 2 * lanes;
        for (int j = 0; j < Out; j += wide)
        {
            float* columns = _columns + (long)j * In;
            Vector<float> low = default, high = default;
            for (int k = 0; k < In; k++, columns += wide)
            {
                Vector<float> own = new(x[k]);
                (low, high) = (Vector.FusedMultiplyAdd(own, Vector.Load(columns), low), Vector.FusedMultiplyAdd(own, Vector.Load(columns + lanes), high));
            }
            Put(low, high, y + j);
        }
    }

    private static void Put(Vector<float> low, Vector<float> high, float* to)
    {
        Vector.Store(low, to);
        Vector.Store(high, to + Vector<float>.Count);
    }
}

/// <summary>f32 memory outside the collector's reach, freed together.</summary>
internal sealed unsafe class SinglesArena : IDisposable
{
    private readonly List<nint> _blocks = [];

    /// <summary>Zeros.</summary>
    public float* Take(long count)
    {
        float* block = TakeUntouched(count);
        NativeMemory.Clear(block, (nuint)count * sizeof(float));
        return block;
    }

    /// <summary>Anything; what is never written to takes no memory.</summary>
    public float* TakeUntouched(long count)
    {
        void* block = NativeMemory.AlignedAlloc(Math.Max((nuint)count * sizeof(float), 64), 64);
        _blocks.Add((nint)block);
        return (float*)block;
    }

    public void Dispose()
    {
        foreach (nint block in _blocks)
            NativeMemory.AlignedFree((void*)block);
        _blocks.Clear();
    }
}
