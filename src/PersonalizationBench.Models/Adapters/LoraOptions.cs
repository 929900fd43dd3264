using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>
/// Low-rank adaptation: <c>W x + s B A x</c> with A <c>[r, in]</c>, B <c>[out, r]</c> (Hu et al., 2021, arXiv:2106.09685).
/// </summary>
public sealed record LoraOptions
{
    /// <summary>r; at most the smallest dimension of every target module.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>alpha; the scale s is alpha / r, or alpha / sqrt(r) with <see cref="RankStabilised"/>.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>Which projections of every layer are adapted, by <see cref="DecoderConfig.Projections"/>; null: all of them.</summary>
    public IReadOnlyList<string>? TargetModules { get; init; }

    /// <summary>rsLoRA: s = alpha / sqrt(r) (Kalajdzievski, 2023, arXiv:2312.03732).</summary>
    public bool RankStabilised { get; init; }

    public double Scaling => RankStabilised ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>What of these options this base cannot do; empty if all is well.</summary>
    public IEnumerable<string> Problems(IReadOnlyDictionary<string, int> smallestDimension)
    {
        if (Rank < 1) yield return $"rank must be at least 1, not {Rank}";
        if (!(Alpha > 0)) yield return FormattableString.Invariant($"alpha must be positive, not {Alpha}");
        if (TargetModules is { Count: 0 }) yield return "target_modules must name at least one projection";
        var modules = TargetModules ?? [.. smallestDimension.Keys];
        foreach (var module in modules)
        {
            if (!smallestDimension.TryGetValue(module, out var smallest))
            {
                var nearest = NearestWord.Find(module, smallestDimension.Keys);
                yield return $"target module '{module}' is unknown{(nearest is null ? "" : $"; did you mean '{nearest}'?")} Expected some of {string.Join(", ", smallestDimension.Keys)}";
            }
            else if (Rank > smallest)
            {
                yield return $"rank {Rank} is above the smallest dimension of {module}, {smallest}";
            }
        }
        if (modules.Distinct().Count() != modules.Count) yield return "target_modules names a projection twice";
    }
}
