using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Settings of a low-rank adapter per user and of its training.</summary>
public abstract record AdapterSettings
{
    /// <summary>Rank of the update; at most the smallest dimension of every target module.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>The update is scaled by alpha / rank (alpha / sqrt(rank) with <see cref="RankStabilised"/>); null: twice the rank.</summary>
    public double? Alpha { get; init; }

    /// <summary>Projections that are adapted: <c>all</c>, <c>attention</c>, <c>mlp</c> or module names, joined by +, such as
    /// <c>q_proj+v_proj</c>. One word, so that a grid can sweep it.</summary>
    public string TargetModules { get; init; } = "all";

    /// <summary>Scale by alpha / sqrt(rank) (Kalajdzievski, 2023, arXiv:2312.03732).</summary>
    public bool RankStabilised { get; init; }

    /// <summary>Steps per user; null: as many as <see cref="Epochs"/> asks for.</summary>
    public int? Steps { get; init; }

    /// <summary>Times that each text is read, where <see cref="Steps"/> is null.</summary>
    public double Epochs { get; init; } = 20;

    /// <summary>Sequences of one user in one step.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Peak; warmed up and then lowered along a cosine. About ten times what full training takes.</summary>
    public double LearningRate { get; init; } = 3e-3;

    /// <summary>Decoupled weight decay of the factors.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Join documents, oldest first, into sequences as long as the context allows; else each document is a sequence.</summary>
    public bool Pack { get; init; }

    /// <summary>What is trained on.</summary>
    public StudyMaterial Study { get; init; } = new();

    /// <param name="model">Whose projections <c>all</c>, <c>attention</c> and <c>mlp</c> stand for.</param>
    internal LoraOptions ToLora(BaseInfo model) => new()
    {
        Rank = Rank,
        Alpha = Alpha ?? 2.0 * Rank,
        RankStabilised = RankStabilised,
        TargetModules = TargetModules.Split('+').SelectMany(name => Expand(name, model.SmallestDimension.Keys)).Distinct().ToList(),
    };

    /// <summary>What of these settings is wrong in itself or for this base.</summary>
    internal virtual IEnumerable<string> Problems(BaseInfo model)
    {
        foreach (var problem in ToLora(model).Problems(model.SmallestDimension)) yield return problem;
        foreach (var problem in TrainingProblems.Of(Steps, Epochs, Batch, LearningRate, WeightDecay)) yield return problem;
        foreach (var problem in Study.Problems()) yield return problem;
    }

    private static IEnumerable<string> Expand(string name, IEnumerable<string> projections) => name switch
    {
        "all" => projections,
        "attention" => projections.Where(p => p is "q_proj" or "k_proj" or "v_proj" or "o_proj"),
        "mlp" => projections.Where(p => p is "gate_proj" or "up_proj" or "down_proj"),
        _ => [name],
    };
}
