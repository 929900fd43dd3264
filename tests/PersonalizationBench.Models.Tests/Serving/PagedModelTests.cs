using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests;

/// <summary>Steps over pages against whole sequences by operators, and against themselves in other company.</summary>
public sealed class PagedModelTests
{
    private const int Slots = 4;

    // Heads of 16: wide enough for bf16 products; neither hidden width nor vocabulary is a multiple of a tile's.
    private static readonly DecoderConfig Shape = new(61, 64, 2, 4, 2, 72, 200);

    [Theory]
    [InlineData(Precision.Float32, 1e-4, 5, null)]
    [InlineData(Precision.BFloat16, 0.06, 2, null)]
    [InlineData(Precision.BFloat16, 0.06, 3, null)]
    [InlineData(Precision.BFloat16, 0.06, 5, null)]
    [InlineData(Precision.BFloat16, 0.06, 12, null)]
    [InlineData(Precision.BFloat16, 0.06, 16, null)]
    [InlineData(Precision.BFloat16, 0.06, 20, null)]
    [InlineData(Precision.BFloat16, 0.06, 40, "o_proj down_proj")]
    public void Logits_are_those_of_the_operators(Precision precision, double tolerance, int rank, string? modules)
    {
        using var exact = TinyModels.Load(Shape, gain: 3);
        using var loaded = TinyModels.Load(Shape, precision, gain: 3);
        using var bank = AdapterBankTests.Filled(Shape, Slots, Lora(rank, modules));
        using var model = Served(loaded, bank);
        var sequences = Sequences(6, 7);

        var actual = Run(model, sequences, whole: true, new DeterministicRandom(1));

        foreach (var (sequence, logits) in sequences.Zip(actual))
        {
            var expected = ByOperators(exact, bank, sequence);
            var scale = expected.Max(Math.Abs);
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], logits[i], tolerance * scale);
        }
    }

    [Theory]
    [InlineData(Precision.Float32, 1, 8, null)]
    [InlineData(Precision.Float32, 2, 8, null)]
    [InlineData(Precision.BFloat16, 1, 8, null)]
    [InlineData(Precision.BFloat16, 2, 8, null)]
    [InlineData(Precision.BFloat16, 2, 40, "o_proj down_proj")]
    public void A_sequence_gets_the_same_bits_in_any_company_and_however_it_is_cut(Precision precision, int threads, int rank, string? modules)
    {
        var before = get_num_threads();
        set_num_threads(threads);
        try
        {
            using var loaded = TinyModels.Load(Shape, precision, gain: 3);
            using var bank = AdapterBankTests.Filled(Shape, Slots, Lora(rank, modules));
            using var model = Served(loaded, bank);
            var sequences = Sequences(24, 3);
            var alone = sequences.Select(s => Run(model, [s], whole: true, new DeterministicRandom(1))[0]).ToList();
            for (var seed = 0; seed < 8; seed++)
                Assert.Equal(alone, Run(model, sequences, whole: false, new DeterministicRandom(seed)));
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void A_slot_keeps_nothing_of_a_larger_adapter_and_a_neighbour_of_NaNs_is_not_felt(Precision precision)
    {
        using var loaded = TinyModels.Load(Shape, precision, gain: 3);
        using var small = AdapterBankTests.Filled(Shape, 1, new LoraOptions { Rank = 3, Alpha = 6, TargetModules = ["q_proj", "down_proj"] });
        using var large = AdapterBankTests.Filled(Shape, 1, new LoraOptions { Rank = 32, Alpha = 6 });
        using var model = PagedModel.Create(loaded, new PagedOptions(64, 3, new AdapterLayout(Shape, isBFloat16: false).BytesOf(64)));
        AdapterImage Image(AdapterBank bank) => model.Layout.Pack(bank.Export(0, loaded.Info), "test");
        var sequence = new Sequence(0, TinyModels.Tokens(Shape, 40, new DeterministicRandom(2)));

        model.Put(0, Image(small));
        var alone = Run(model, [sequence], whole: true, new DeterministicRandom(1))[0];
        model.Put(0, Image(large));
        var other = Run(model, [sequence], whole: true, new DeterministicRandom(1))[0];
        model.Put(0, Image(small));
        var poison = Image(small);
        Array.Fill(poison.Bytes, (byte)0xFF);
        model.Put(1, poison);
        model.Clear(2);
        var together = Run(model, [sequence with { Slot = 1 }, sequence, sequence with { Slot = 2 }, sequence with { Slot = -1 }], whole: true, new DeterministicRandom(1));

        Assert.NotEqual(alone, other);
        Assert.Equal(alone, together[1]);
        Assert.All(together[0], v => Assert.True(float.IsNaN(v)));
        Assert.Equal(together[3], together[2]);
    }

    [Fact]
    public void An_image_in_memory_that_was_used_before_is_the_same()
    {
        using var loaded = TinyModels.Load(Shape, Precision.BFloat16, gain: 3);
        var layout = new AdapterLayout(Shape, isBFloat16: true);
        // Ranks 5 and 6 take the same room; what the former filled with values the latter has to be zero.
        var (first, second) = (Adapter(6), Adapter(5));
        var expected = layout.Pack(second, "test").Bytes;
        var before = layout.Pack(first, "test");
        layout.Recycle(before);

        var again = layout.Pack(second, "test").Bytes;

        Assert.Same(before.Bytes, again);
        Assert.Equal(expected, again);
        Assert.NotSame(again, layout.Pack(second, "test").Bytes);

        PeftAdapter Adapter(int rank)
        {
            using var bank = AdapterBankTests.Filled(Shape, 1, Lora(rank, null));
            return bank.Export(0, loaded.Info);
        }
    }

    private static LoraOptions Lora(int rank, string? modules) => new() { Rank = rank, Alpha = 1.5 * rank, TargetModules = modules?.Split(' ') };

    private static PagedModel Served(LoadedBase loaded, AdapterBank bank)
    {
        var model = PagedModel.Create(loaded, new PagedOptions(400, Slots, new AdapterLayout(Shape, isBFloat16: false).BytesOf(bank.Options.Rank)));
        for (var slot = 0; slot < Slots; slot++) model.Put(slot, model.Layout.Pack(bank.Export(slot, loaded.Info), "test"));
        return model;
    }

    private static List<Sequence> Sequences(int count, long seed)
    {
        var random = new DeterministicRandom(seed);
        return [.. Enumerable.Range(0, count).Select(i => new Sequence(i % (Slots + 1) - 1, TinyModels.Tokens(Shape, random.Next(1, 130), random)))];
    }

    /// <summary>The logits of each sequence's last token, the sequences all at once or cut into pieces at random, which meet at random.</summary>
    private static List<float[]> Run(PagedModel model, IReadOnlyList<Sequence> sequences, bool whole, DeterministicRandom random)
    {
        const int Width = 13;
        var tables = new int[sequences.Count * Width];
        var pages = Enumerable.Range(0, model.Options.Pages).ToArray();
        random.Shuffle(pages);
        for (var i = 0; i < tables.Length; i++) tables[i] = pages[i];
        var done = new int[sequences.Count];
        var results = new float[sequences.Count][];
        while (results.Any(r => r is null))
        {
            var (ids, positions, owners, slots, wanted) = (new List<int>(), new List<int>(), new List<int>(), new List<int>(), new List<int>());
            var ends = new List<int>();
            var order = Enumerable.Range(0, sequences.Count).ToArray();
            random.Shuffle(order);
            foreach (var i in order)
            {
                var tokens = sequences[i].Tokens;
                var take = whole ? tokens.Length : random.Next(0, 4) == 0 ? Math.Min(tokens.Length - done[i], random.Next(1, 60)) : Math.Min(tokens.Length - done[i], random.Next(0, 3));
                for (var t = 0; t < take; t++, done[i]++)
                {
                    ids.Add(tokens[done[i]]);
                    positions.Add(done[i]);
                    owners.Add(i);
                    slots.Add(sequences[i].Slot);
                    if (done[i] != tokens.Length - 1) continue;
                    wanted.Add(ids.Count - 1);
                    ends.Add(i);
                }
            }
            var logits = new float[wanted.Count * Shape.VocabularySize];
            model.Step([.. ids], [.. positions], [.. owners], [.. slots], tables, Width, [.. wanted], logits);
            for (var w = 0; w < ends.Count; w++) results[ends[w]] = logits[(w * Shape.VocabularySize)..((w + 1) * Shape.VocabularySize)];
        }
        return [.. results];
    }

    private static float[] ByOperators(LoadedBase loaded, AdapterBank bank, Sequence sequence)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var adapters = bank.Rows([sequence.Slot], loaded.Weights.ComputeType);
        var ids = tensor(sequence.Tokens.Select(t => (long)t).ToArray()).view(1, -1);
        var hidden = DecoderNetwork.Forward(Shape, loaded.Weights.Compute, loaded.Weights.Compute.Embedding, loaded.Rotary, new TokenRows(ids, null), adapters);
        return DecoderNetwork.Head(loaded.Config, loaded.Weights.Compute, hidden.narrow(0, sequence.Tokens.Length - 1, 1)).data<float>().ToArray();
    }

    private sealed record Sequence(int Slot, int[] Tokens);
}
