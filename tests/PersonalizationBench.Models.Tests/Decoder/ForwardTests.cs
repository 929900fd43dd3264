using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests;

public sealed class ForwardTests
{
    public static TheoryData<DecoderConfig> Shapes => new()
    {
        TinyModels.Grouped,
        TinyModels.Grouped with { KeyValueHeads = 4 },
        TinyModels.Grouped with { KeyValueHeads = 1, TiedHead = false },
        TinyModels.Grouped with { Dimension = 24, Heads = 3, KeyValueHeads = 3, HiddenDimension = 20, RopeTheta = 500, NormEpsilon = 1e-3 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Logits_are_those_of_the_equations_in_double_precision(DecoderConfig config)
    {
        using var loaded = TinyModels.Load(config);
        var tokens = TinyModels.Tokens(config, 23, new DeterministicRandom(3));
        var expected = NaiveLlama.Of(loaded.Weights).Logits(tokens);
        var actual = Logits(loaded, [tokens]);
        var worst = expected.SelectMany(r => r).Zip(actual, (e, a) => Math.Abs(e - a)).Max();
        Assert.True(worst <= 1e-4, $"largest difference {worst}");
        Assert.True(expected.SelectMany(r => r).Max(Math.Abs) > 1, "the model says something");
    }

    [Fact]
    public void Composed_operators_give_what_the_fused_ones_give()
    {
        using var loaded = TinyModels.Load();
        var tokens = TinyModels.Tokens(loaded.Config, 17, new DeterministicRandom(5));
        var fused = Logits(loaded, [tokens]);
        Kernels.TorchExtras.UseFused = false;
        try
        {
            Assert.All(fused.Zip(Logits(loaded, [tokens])), p => Assert.Equal(p.First, p.Second, 1e-4));
        }
        finally
        {
            Kernels.TorchExtras.UseFused = true;
        }
    }

    [Fact]
    public void Padding_changes_nothing_of_a_row()
    {
        using var loaded = TinyModels.Load();
        var random = new DeterministicRandom(11);
        var (longer, shorter) = (TinyModels.Tokens(loaded.Config, 30, random), TinyModels.Tokens(loaded.Config, 9, random));
        var together = Logits(loaded, [longer, shorter]).Skip(30 * loaded.Config.VocabularySize).Take(9 * loaded.Config.VocabularySize);
        Assert.All(together.Zip(Logits(loaded, [shorter])), p => Assert.Equal(p.Second, p.First, 1e-4));
    }

    [Fact]
    public void Products_in_bf16_are_near_those_in_f32_whatever_the_padding()
    {
        var config = TinyModels.Grouped with { Dimension = 64, Heads = 4, KeyValueHeads = 2 }; // wide enough for the fused attention
        using var narrow = TinyModels.Load(config, Precision.BFloat16, gain: 4);
        using var wide = TinyModels.Load(config, gain: 4);
        var random = new DeterministicRandom(13);
        int[][] rows = [TinyModels.Tokens(config, 33, random), TinyModels.Tokens(config, 7, random)];
        foreach (var row in rows)
        {
            var (expected, actual) = (Logits(wide, [row]), Logits(narrow, [row]));
            var scale = Math.Sqrt(expected.Average(e => e * e));
            var error = Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Average());
            Assert.True(error <= 0.02 * scale, $"error {error} of {scale}");
        }
        var together = Logits(narrow, rows).Skip(33 * config.VocabularySize).Take(7 * config.VocabularySize);
        Assert.All(together.Zip(Logits(narrow, [rows[1]])), p => Assert.Equal(p.Second, p.First, 0.05));
    }

    [Fact]
    public void The_gradient_is_the_slope_of_the_loss()
    {
        using var loaded = TinyModels.Load(gain: 3);
        var rows = TinyModels.Texts(loaded.Config.VocabularySize, 4, 1).SelectMany(t => TextEncoding.Sequences(loaded.Tokenizer, t, 40)).ToList();
        var batch = new TrainingBatch(rows, 1);
        using var scope = NewDisposeScope();
        using var model = new WholeModel(loaded.Weights);
        batch.Losses(loaded.Weights, loaded.Rotary, null).Total.backward();
        foreach (var trained in model.Tensors)
        {
            // Along a random direction, by central differences.
            var values = new float[trained.Master.numel()];
            Gaussian.Fill(values, 1, DeterministicRandom.For(1, trained.Name));
            var direction = tensor(values).view(trained.Master.shape);
            var expected = trained.Master.grad!.mul(direction).sum().item<float>();
            var step = 1e-2 / direction.norm().item<float>();
            var slope = (At(step) - At(-step)) / (2 * step);
            Assert.True(Math.Abs(expected - slope) <= 0.02 * Math.Max(0.02, Math.Abs(slope)), $"{trained.Name}: gradient {expected}, slope {slope}");

            double At(double distance)
            {
                using var off = no_grad();
                trained.Master.add_(direction, distance);
                var loss = batch.Losses(loaded.Weights, loaded.Rotary, null).Total.item<float>();
                trained.Master.sub_(direction.mul(distance));
                return loss;
            }
        }
    }

    [Fact]
    public void Positions_without_weight_do_not_count_whether_or_not_they_are_left_out()
    {
        using var loaded = TinyModels.Load();
        using var scope = NewDisposeScope();
        var random = new DeterministicRandom(2);
        var tokens = TinyModels.Tokens(loaded.Config, 20, random);
        foreach (var weighted in new[] { 4, 17 }) // below and above the share at which positions are selected
        {
            var weights = tokens.Select((_, t) => t >= tokens.Length - weighted ? 0.5f : 0f).ToArray();
            var loss = new TrainingBatch([new TokenSequence(tokens, weights)], 1).Losses(loaded.Weights, loaded.Rotary, null).Total.item<float>();
            var score = loaded.Score([new ScoreRequest(tokens[..^weighted], tokens[^weighted..])], CostMeter.Unread(), default)[0];
            Assert.Equal(-score / weighted, loss, 1e-4);
        }
    }

    internal static float[] Logits(LoadedBase loaded, IReadOnlyList<int[]> rows)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var ids = Batches.Padded(rows, rows.Max(r => r.Length), "cpu");
        var weights = loaded.Weights;
        var hidden = DecoderNetwork.Forward(loaded.Config, weights.Compute, weights.Compute.Embedding, loaded.Rotary, new TokenRows(ids, Batches.Lengths(rows.Select(r => r.Length))), null);
        return DecoderNetwork.Head(weights.Config, weights.Compute, hidden).to(ScalarType.Float32).data<float>().ToArray();
    }
}
