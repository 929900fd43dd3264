using System.Numerics;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>One way to take the steps of a <see cref="ServingLlama"/>.</summary>
internal interface IServingStep : IDisposable
{
    /// <param name="rows">checked: every index is in range</param>
    void Step(in ServingRows rows);
}

/// <summary>
/// The steps where there is no kernel: f32, one thread. Neither products nor sums are libtorch's, which promises no bits: what it gives
/// for a row may depend on how many are beside it. Here every number of a row is a sum over the row's own operands in one order.
/// </summary>
internal sealed unsafe class ManagedServing : IServingStep
{
    // Rows in hand at once: a matrix streams by once for them.
    private const int Together = 64;

    private const int Page = ServingLlama.PageTokens;

    private enum Product { QueryKeyValue, Output, GateUp, Down }

    private readonly LlamaShape _shape;
    private readonly IReadOnlyList<ServingSite> _sites;
    private readonly List<int>[] _sitesOf;
    private readonly SinglesArena _kept = new();
    private readonly float* _embedding, _finalNorm, _cosine, _sine, _pages;
    private readonly float*[] _attentionNorms, _mlpNorms;
    private readonly ColumnMatrix[] _products;
    private readonly ColumnMatrix _head;
    private readonly long _pageStep, _layerStep;

    /// <param name="tensors">as <see cref="ServingLlama.TryCreate"/> takes them</param>
    public ManagedServing(LlamaShape shape, IReadOnlyList<Tensor> tensors, int pages, IReadOnlyList<ServingSite> sites)
    {
        (_shape, _sites) = (shape, sites);
        _pageStep = (long)shape.KeyHeads * 2 * Page * shape.HeadWidth;
        _layerStep = pages * _pageStep;
        _embedding = Copy(tensors[0]);
        (_attentionNorms, _mlpNorms, _products) = (new float*[shape.Layers], new float*[shape.Layers], new ColumnMatrix[4 * shape.Layers]);
        for (int layer = 0, at = 1; layer < shape.Layers; layer++)
        {
            _attentionNorms[layer] = Copy(tensors[at++]);
            _products[4 * layer] = Packed(tensors[at++]);
            _products[4 * layer + 1] = Packed(tensors[at++]);
            _mlpNorms[layer] = Copy(tensors[at++]);
            _products[4 * layer + 2] = Packed(tensors[at++]);
            _products[4 * layer + 3] = Packed(tensors[at++]);
        }
        _finalNorm = Copy(tensors[^4]);
        _head = Packed(tensors[^3]);
        _cosine = Copy(tensors[^2]);
        _sine = Copy(tensors[^1]);
        _pages = _kept.TakeUntouched(shape.Layers * _layerStep);
        _sitesOf = [.. Enumerable.Range(0, _products.Length).Select(_ => new List<int>())];
        for (int i = 0; i < sites.Count; i++)
            _sitesOf[4 * sites[i].Layer + sites[i].Product].Add(i);
    }

    private int Width => _shape.Heads * _shape.HeadWidth;

    private int KeyWidth => _shape.KeyHeads * _shape.HeadWidth;

    public void Step(in ServingRows rows)
    {
        using SinglesArena arena = new();
        int count = rows.Ids.Length, together = Math.Min(Together, count);
        float* stream = arena.Take((long)count * Width);
        float* queries = arena.Take((long)count * Width);
        int widest = Math.Max(_head.Out, _products.Max(p => Math.Max(p.In, p.Out)));
        Room room = new(arena.Take((long)together * widest), arena.Take((long)together * widest), arena.Take((long)rows.TableWidth * Page));
        for (int i = 0; i < count; i++)
            new ReadOnlySpan<float>(_embedding + (long)rows.Ids[i] * Width, Width).CopyTo(new Span<float>(stream + (long)i * Width, Width));
        int[] all = [.. Enumerable.Range(0, count)];
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            for (int at = 0; at < count; at += together)
                ProjectIn(rows, layer, all.AsSpan(at, Math.Min(together, count - at)), stream, queries, room);
            // Beyond the last layer's keys and values nobody asks for the other rows.
            ReadOnlySpan<int> read = layer + 1 < _shape.Layers ? all : rows.Wanted;
            for (int at = 0; at < read.Length; at += together)
                Mix(rows, layer, read.Slice(at, Math.Min(together, read.Length - at)), stream, queries, room);
        }
        for (int at = 0; at < rows.Wanted.Length; at += together)
            Head(rows, at, Math.Min(together, rows.Wanted.Length - at), stream, room);
    }

    // Queries of the rows; keys and values into their pages.
    private void ProjectIn(in ServingRows rows, int layer, ReadOnlySpan<int> own, float* stream, float* queries, Room room)
    {
        int d = Width, width = _shape.HeadWidth, half = width / 2, wide = _products[4 * layer].Out;
        for (int i = 0; i < own.Length; i++)
            RowMath.Norm(stream + (long)own[i] * d, _attentionNorms[layer], d, _shape.Epsilon, room.X + (long)i * d);
        Multiply(rows, layer, Product.QueryKeyValue, own, room);
        for (int i = 0; i < own.Length; i++)
        {
            int row = own[i], position = rows.Positions[row];
            float* y = room.Y + (long)i * wide;
            for (int head = 0; head < _shape.Heads + _shape.KeyHeads; head++)
                RowMath.Rotate(y + head * width, _cosine + (long)position * half, _sine + (long)position * half, half);
            new ReadOnlySpan<float>(y, d).CopyTo(new Span<float>(queries + (long)row * d, d));
            int page = rows.Tables[rows.Sequences[row] * rows.TableWidth + position / Page], place = position % Page;
            for (int head = 0; head < _shape.KeyHeads; head++)
            {
                // Keys [width, Page], values [Page, width].
                float* keys = _pages + layer * _layerStep + page * _pageStep + head * 2 * Page * width;
                float* key = y + d + head * width;
                for (int c = 0; c < width; c++)
                    keys[c * Page + place] = key[c];
                new ReadOnlySpan<float>(key + KeyWidth, width).CopyTo(new Span<float>(keys + Page * width + place * width, width));
            }
        }
    }

    // Attention and the block's second half, onto the residual stream.
    private void Mix(in ServingRows rows, int layer, ReadOnlySpan<int> own, float* stream, float* queries, Room room)
    {
        int d = Width, width = _shape.HeadWidth, hidden = _shape.Hidden, per = _shape.Heads / _shape.KeyHeads;
        for (int i = 0; i < own.Length; i++)
        {
            int row = own[i];
            ReadOnlySpan<int> table = rows.Tables.Slice(rows.Sequences[row] * rows.TableWidth, rows.TableWidth);
            for (int head = 0; head < _shape.Heads; head++)
            {
                float* pages = _pages + layer * _layerStep + head / per * 2 * Page * width;
                Attend(queries + (long)row * d + head * width, rows.Positions[row], table, pages, room.Scores, room.X + (long)i * d + head * width);
            }
        }
        Multiply(rows, layer, Product.Output, own, room);
        for (int i = 0; i < own.Length; i++)
        {
            RowMath.AddScaled(1, room.Y + (long)i * _products[4 * layer + 1].Out, d, stream + (long)own[i] * d);
            RowMath.Norm(stream + (long)own[i] * d, _mlpNorms[layer], d, _shape.Epsilon, room.X + (long)i * d);
        }
        Multiply(rows, layer, Product.GateUp, own, room);
        for (int i = 0; i < own.Length; i++)
            RowMath.SwiGlu(room.Y + (long)i * _products[4 * layer + 2].Out, hidden, room.X + (long)i * hidden);
        Multiply(rows, layer, Product.Down, own, room);
        for (int i = 0; i < own.Length; i++)
            RowMath.AddScaled(1, room.Y + (long)i * _products[4 * layer + 3].Out, d, stream + (long)own[i] * d);
    }

    private void Head(in ServingRows rows, int from, int count, float* stream, Room room)
    {
        for (int i = 0; i < count; i++)
            RowMath.Norm(stream + (long)rows.Wanted[from + i] * Width, _finalNorm, Width, _shape.Epsilon, room.X + (long)i * Width);
        _head.Multiply(room.X, count, room.Y);
        for (int i = 0; i < count; i++)
            new ReadOnlySpan<float>(room.Y + (long)i * _head.Out, _shape.Vocabulary).CopyTo(rows.Logits[((from + i) * _shape.Vocabulary)..]);
    }

    // y = x W^T, and each row's own adapter: += scale B (A x).
    private void Multiply(in ServingRows rows, int layer, Product which, ReadOnlySpan<int> own, Room room)
    {
        ref readonly ColumnMatrix matrix = ref _products[4 * layer + (int)which];
        matrix.Multiply(room.X, own.Length, room.Y);
        for (int i = 0; i < own.Length; i++)
        {
            int slot = rows.Slots[own[i]];
            if (slot < 0)
                continue;
            float* adapter = (float*)rows.Adapters + slot * rows.SlotElements;
            foreach (int at in _sitesOf[4 * layer + (int)which])
            {
                int entry = slot * _sites.Count + at, rank = rows.Ranks[entry];
                ServingSite site = _sites[at];
                float* x = room.X + (long)i * matrix.In, y = room.Y + (long)i * matrix.Out + site.Offset;
                float* a = adapter + rows.Places[2 * entry], b = adapter + rows.Places[2 * entry + 1];
                for (int k = 0; k < rank; k++, a += site.Input, b += site.Width)
                    RowMath.AddScaled(rows.Scales[entry] * RowMath.Dot(x, a, site.Input), b, site.Width, y);
            }
        }
    }

    private void Attend(float* query, int position, ReadOnlySpan<int> table, float* pages, float* scores, float* y)
    {
        int width = _shape.HeadWidth, seen = position + 1;
        float scale = 1 / MathF.Sqrt(width);
        for (int p = 0; p <= position / Page; p++)
        {
            float* keys = pages + table[p] * _pageStep;
            for (int t = 0; t < Page; t += Vector<float>.Count)
            {
                Vector<float> sum = Vector<float>.Zero;
                for (int c = 0; c < width; c++)
                    sum = Vector.FusedMultiplyAdd(new Vector<float>(query[c]), Vector.Load(keys + c * Page + t), sum);
                Vector.Store(sum * scale, scores + p * Page + t);
            }
        }
        RowMath.Softmax(scores, seen);
        new Span<float>(y, width).Clear();
        for (int t = 0; t < seen; t++)
            RowMath.AddScaled(scores[t], pages + table[t / Page] * _pageStep + Page * width + t % Page * width, width, y);
    }

    public void Dispose() => _kept.Dispose();

    private float* Copy(Tensor tensor)
    {
        using Tensor plain = Plain(tensor);
        float* to = _kept.Take(plain.numel());
        MemoryMarshal.Cast<byte, float>(plain.bytes).CopyTo(new Span<float>(to, (int)plain.numel()));
        return to;
    }

    private ColumnMatrix Packed(Tensor tensor)
    {
        using Tensor plain = Plain(tensor);
        return new ColumnMatrix((int)plain.size(0), (int)plain.size(1), MemoryMarshal.Cast<byte, float>(plain.bytes), _kept);
    }

    private static Tensor Plain(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float32).contiguous().alias().MoveToOuterDisposeScope();
    }

    /// <param name="X">[rows, widest]</param>
    /// <param name="Y">[rows, widest]</param>
    /// <param name="Scores">of one query</param>
    private readonly struct Room(float* x, float* y, float* scores)
    {
        public float* X { get; } = x;

        public float* Y { get; } = y;

        public float* Scores { get; } = scores;
    }
}
