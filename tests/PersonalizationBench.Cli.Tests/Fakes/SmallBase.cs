using PersonalizationBench.Models;

namespace PersonalizationBench.Cli.Tests.Fakes;

/// <summary>A base of one layer with real weights, trained for one step by the command.</summary>
internal static class SmallBase
{
    public const string Name = "small";

    private const string Spec = """
        base: small
        model: { dimension: 16, layers: 1, heads: 2, hidden: 32, context: 64 }
        precision: float32
        device: cpu
        corpus: { max_documents: 2, questions: 2, statement_forms: 1 }
        stages:
          - { name: only, steps: 1, batch: 1, learning_rate: 1e-3 }
        """;

    /// <summary>The desk's workbench with the base in its catalogue.</summary>
    public static async Task<Workbench> TrainAsync(Desk desk)
    {
        Assert.Equal(0, await desk.Run("pretrain", desk.Write("small.yaml", Spec)));
        return desk.Bench with { Bases = new BaseCatalog(desk.Bench.BasesFolder, null) };
    }
}
