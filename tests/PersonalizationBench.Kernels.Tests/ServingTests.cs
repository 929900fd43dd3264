using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Steps over rows of many sequences: the kernels of each level against managed code, and a row against itself in other company.</summary>
[Collection(nameof(Alone))]
public class ServingTests
{
    private const int Context = 96, Pages = 64, PagesEach = Context / ServingLlama.PageTokens, Slots = 3;

    // Neither the hidden width nor the vocabulary is a multiple of a vector or a tile; heads of 16 for bf16, of 6 for what is left over.
    private static readonly LlamaShape s_wide = new(2, 4, 2, 16, 72, 61, 1e-5), s_odd = new(2, 3, 1, 6, 21, 37, 1e-5);

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 8)]
    [InlineData(true, 18)]
    [InlineData(false, 5)]
    [InlineData(false, 6)]
    public void Logits_of_every_level_are_those_of_managed_code(bool isWide, int rank)
    {
        Workload work = new(isWide ? s_wide : s_odd, rank);
        float[]? expected = null;
        AtEachLevel(() =>
        {
            using ServingLlama model = work.Create();
            float[] logits = work.Run(model, cut: 1000);
            expected ??= logits;
            float scale = expected.Max(MathF.Abs);
            Assert.All(logits.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-5 * scale));
        });
    }

    [Theory]
    [InlineData(1, 72)]
    [InlineData(2, 40000)]
    [InlineData(5, 40000)]
    public void A_row_gets_the_same_bits_however_its_sequence_is_cut_and_on_any_number_of_threads(int threads, int hidden)
    {
        int before = Engine.Threads;
        try
        {
            // So wide that a step of four rows is worth several threads, which then share the columns; many rows they share out.
            Workload work = new(s_wide with { Hidden = hidden }, 5);
            AtEachLevel(() =>
            {
                using ServingLlama model = work.Create();
                Engine.Threads = 1;
                float[] whole = work.Run(model, cut: 1000);
                Engine.Threads = threads;
                foreach (int cut in new[] { 1, 3, 17, 1000 }) Assert.Equal(whole, work.Run(model, cut));
            });
        }
        finally
        {
            Engine.Threads = before;
        }
    }

    [Fact]
    public void Pages_that_held_what_is_no_number_leave_no_trace()
    {
        Workload work = new(s_wide, 5);
        AtEachLevel(() =>
        {
            using ServingLlama model = work.Create();
            work.FirstFactor = 0.1f;
            float[] clean = work.Run(model, cut: 7);
            work.FirstFactor = float.NaN;
            Assert.Contains(work.Run(model, cut: 7), float.IsNaN);
            work.FirstFactor = 0.1f;
            Assert.Equal(clean, work.Run(model, cut: 7));
        });
    }

    /// <summary>A model, adapters in f32 and sequences of different lengths, one with each adapter.</summary>
    private sealed class Workload
    {
        private readonly LlamaShape _shape;
        private readonly List<Tensor> _tensors = [];
        private readonly List<ServingSite> _sites = [];
        private readonly List<long> _places = [];
        private readonly int _rank;
        private readonly float[] _adapters;

        public Workload(LlamaShape shape, int rank)
        {
            (_shape, _rank) = (shape, rank);
            int d = shape.Heads * shape.HeadWidth, kv = shape.KeyHeads * shape.HeadWidth;
            Add(1, shape.Vocabulary, d);
            for (int layer = 0; layer < shape.Layers; layer++)
            {
                Add(1, d);
                Add(0.4, d + 2 * kv, d);
                Add(0.4, d, d);
                Add(1, d);
                Add(0.4, 2 * shape.Hidden, d);
                Add(0.4, d, shape.Hidden);
                _sites.AddRange([new(layer, 0, 0, d, d), new(layer, 0, d, kv, d), new(layer, 1, 0, d, d), new(layer, 2, shape.Hidden, shape.Hidden, d), new(layer, 3, 0, d, shape.Hidden)]);
            }
            Add(1, d);
            Add(0.4, shape.Vocabulary, d);
            using (Tensor angles = arange(Context, ScalarType.Float32).unsqueeze(1).mul(arange(1, 1 + shape.HeadWidth / 2, ScalarType.Float32).reciprocal()))
            {
                _tensors.Add(angles.cos());
                _tensors.Add(angles.sin());
            }
            long at = 0;
            foreach (ServingSite site in _sites)
            {
                _places.AddRange([at, at + (long)rank * site.Input]);
                at += (long)rank * (site.Input + site.Width);
            }
            using Tensor factors = Comparing.Random(7, Slots * at).mul(0.1);
            _adapters = factors.data<float>().ToArray();
        }

        /// <summary>The first value of every adapter.</summary>
        public float FirstFactor
        {
            set
            {
                for (int slot = 0; slot < Slots; slot++) _adapters[slot * (_adapters.Length / Slots)] = value;
            }
        }

        public ServingLlama Create() => ServingLlama.TryCreate(_shape, _tensors, Pages, bfloat16: false, _sites)!;

        /// <summary>All logits of all sequences, which take steps of at most so many tokens.</summary>
        public unsafe float[] Run(ServingLlama model, int cut)
        {
            int[] lengths = [5, 90, 33, 64], slots = [-1, 0, 1, 2];
            int[] tables = [.. Enumerable.Range(0, lengths.Length * PagesEach).Select(i => (i * 37 + 11) % Pages)];
            float[][] logits = [.. lengths.Select(length => new float[length * _shape.Vocabulary])];
            int[] done = new int[lengths.Length];
            while (done.Zip(lengths).Any(pair => pair.First < pair.Second))
            {
                List<(int Sequence, int Position)> rows = [];
                for (int i = 0; i < lengths.Length; i++)
                    for (int t = 0; t < cut && done[i] < lengths[i]; t++) rows.Add((i, done[i]++));
                float[] step = new float[rows.Count * _shape.Vocabulary];
                fixed (float* adapters = _adapters)
                {
                    model.Step(new ServingRows
                    {
                        Ids = [.. rows.Select(r => (r.Sequence * 13 + r.Position * 7) % _shape.Vocabulary)],
                        Positions = [.. rows.Select(r => r.Position)],
                        Sequences = [.. rows.Select(r => r.Sequence)],
                        Slots = [.. rows.Select(r => slots[r.Sequence])],
                        Tables = tables,
                        TableWidth = PagesEach,
                        Adapters = (nint)adapters,
                        SlotElements = _adapters.Length / Slots,
                        Ranks = [.. Enumerable.Repeat(_rank, Slots * _sites.Count)],
                        Places = [.. Enumerable.Range(0, Slots).SelectMany(_ => _places)],
                        Scales = [.. Enumerable.Repeat(0.5f, Slots * _sites.Count)],
                        Wanted = [.. Enumerable.Range(0, rows.Count)],
                        Logits = step,
                    });
                }
                for (int i = 0; i < rows.Count; i++)
                    step.AsSpan(i * _shape.Vocabulary, _shape.Vocabulary).CopyTo(logits[rows[i].Sequence].AsSpan(rows[i].Position * _shape.Vocabulary));
            }
            return [.. logits.SelectMany(of => of)];
        }

        private void Add(double scale, params long[] shape) => _tensors.Add(Comparing.Random((ulong)_tensors.Count + 1, shape).mul_(scale));
    }
}
