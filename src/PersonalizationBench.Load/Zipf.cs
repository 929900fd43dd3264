using PersonalizationBench.Core;

namespace PersonalizationBench.Load;

/// <summary>
/// Draws 0 ... n - 1 with probability proportional to (i + 1)^-s, by the inverse of the cumulated weights. That is Zipf's law itself; the
/// generators of S-LoRA and Punica draw from other distributions of that name.
/// </summary>
public sealed class Zipf
{
    private readonly double[] _cumulated;

    public Zipf(int count, double exponent)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        _cumulated = new double[count];
        var sum = 0.0;
        for (var i = 0; i < count; i++) _cumulated[i] = sum += Math.Pow(i + 1, -exponent);
    }

    public double Probability(int index) => (_cumulated[index] - (index == 0 ? 0 : _cumulated[index - 1])) / _cumulated[^1];

    public int Draw(DeterministicRandom random)
    {
        var at = Array.BinarySearch(_cumulated, random.NextDouble() * _cumulated[^1]);
        // The first whose sum is above what was drawn.
        return Math.Min(at >= 0 ? at + 1 : ~at, _cumulated.Length - 1);
    }
}
