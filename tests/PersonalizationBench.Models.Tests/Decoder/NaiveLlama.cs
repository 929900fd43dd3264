using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models.Tests;

/// <summary>A Llama written down from its equations in double precision, one token after the other: what the fast one is held against.</summary>
internal sealed class NaiveLlama(DecoderConfig config, IReadOnlyDictionary<string, double[]> weights)
{
    public static NaiveLlama Of(DecoderWeights weights) => new(
        weights.Config,
        weights.Export().ToDictionary(t => t.Name, t => TensorDTypes.ToSingles(t.DType, t.Bytes.Span, t.Name).Select(v => (double)v).ToArray()));

    /// <summary>Logits of every position, [T][V].</summary>
    public double[][] Logits(int[] tokens)
    {
        var x = tokens.Select(t => weights[WeightNames.Embedding].AsSpan(t * config.Dimension, config.Dimension).ToArray()).ToArray();
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var normed = x.Select(v => Norm(v, weights[WeightNames.AttentionNorm(layer)])).ToArray();
            var attended = Attend(layer, normed);
            for (var t = 0; t < x.Length; t++) x[t] = Sum(x[t], Project(layer, "o_proj", attended[t]));
            for (var t = 0; t < x.Length; t++)
            {
                var input = Norm(x[t], weights[WeightNames.MlpNorm(layer)]);
                var (gate, up) = (Project(layer, "gate_proj", input), Project(layer, "up_proj", input));
                x[t] = Sum(x[t], Project(layer, "down_proj", [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]));
            }
        }
        var head = weights[config.TiedHead ? WeightNames.Embedding : WeightNames.Head];
        return [.. x.Select(v => Times(head, config.VocabularySize, Norm(v, weights[WeightNames.FinalNorm])))];
    }

    private double[][] Attend(int layer, double[][] inputs)
    {
        var width = config.HeadDimension;
        var q = inputs.Select((v, t) => Rotate(Project(layer, "q_proj", v), t)).ToArray();
        var k = inputs.Select((v, t) => Rotate(Project(layer, "k_proj", v), t)).ToArray();
        var v = inputs.Select(i => Project(layer, "v_proj", i)).ToArray();
        var result = new double[inputs.Length][];
        for (var t = 0; t < inputs.Length; t++)
        {
            result[t] = new double[config.Dimension];
            for (var head = 0; head < config.Heads; head++)
            {
                var shared = head / (config.Heads / config.KeyValueHeads);
                var scores = Enumerable.Range(0, t + 1).Select(s =>
                    Enumerable.Range(0, width).Sum(i => q[t][head * width + i] * k[s][shared * width + i]) / Math.Sqrt(width)).ToArray();
                var largest = scores.Max();
                var total = scores.Sum(s => Math.Exp(s - largest));
                for (var s = 0; s <= t; s++)
                    for (var i = 0; i < width; i++)
                        result[t][head * width + i] += Math.Exp(scores[s] - largest) / total * v[s][shared * width + i];
            }
        }
        return result;
    }

    private double[] Rotate(double[] heads, int position)
    {
        var (width, half) = (config.HeadDimension, config.HeadDimension / 2);
        var result = new double[heads.Length];
        for (var start = 0; start < heads.Length; start += width)
        {
            for (var i = 0; i < half; i++)
            {
                var angle = position / Math.Pow(config.RopeTheta, 2.0 * i / width);
                var (a, b) = (heads[start + i], heads[start + half + i]);
                result[start + i] = a * Math.Cos(angle) - b * Math.Sin(angle);
                result[start + half + i] = b * Math.Cos(angle) + a * Math.Sin(angle);
            }
        }
        return result;
    }

    private double[] Norm(double[] v, double[] weight)
    {
        var inverse = 1 / Math.Sqrt(v.Average(a => a * a) + config.NormEpsilon);
        return [.. v.Zip(weight, (a, w) => a * inverse * w)];
    }

    private double[] Project(int layer, string module, double[] v) =>
        Times(weights[WeightNames.Projection(layer, module)], config.ProjectionShape(module).Output, v);

    private static double[] Times(double[] matrix, int rows, double[] v) =>
        [.. Enumerable.Range(0, rows).Select(r => Enumerable.Range(0, v.Length).Sum(c => matrix[r * v.Length + c] * v[c]))];

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
