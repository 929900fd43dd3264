using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Pretraining.Tests;

/// <summary>What the files of bases and ladders mean.</summary>
public sealed class SpecTests : IDisposable
{
    private const string Base = """
        base: small
        model: { dimension: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 32, context: 512 }
        precision: float32
        device: cpu
        corpus: { max_documents: 2, questions: 2, statement_forms: 1 }
        stages:
          - { name: narrow, steps: 2, batch: 1, learning_rate: 1e-3 }
          - { name: wide, steps: 1, batch_tokens: 100, learning_rate: 1e-3, corpus: { statement_forms: 2 } }
          - { name: same, steps: 1, batch: 1, learning_rate: 1e-3 }
        """;

    private const string Ladder = """
        ladder: small
        device: cpu
        corpus: { max_documents: 2, questions: 2 }
        stages:
          - { name: first, steps: 3, batch: 1, learning_rate: 1e-3, final_learning_rate: 5e-4, schedule: linear }
          - { name: second, steps: 1, batch: 1, learning_rate: 1e-3 }
        rungs:
          - { base: a, model: { dimension: 8, layers: 1, heads: 1, hidden: 16, context: 512 } }
          - { base: b, learning_rate_scale: 2, model: { architecture: mamba2, dimension: 16, layers: 1, heads: 4, state: 8, context: 512 } }
        """;

    private readonly ScratchFolder _folder = new("pretraining-test");

    private DataFiles Files => new(_folder.Path, [_folder.Path], _folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stage_inherits_the_corpus_of_the_stage_before_it()
    {
        var corpora = PretrainSpec.Read(Write(Base)).Corpora(Files);
        Assert.Equal([("2", "1"), ("2", "2"), ("2", "2")], corpora.Select(c => (c.Settings["max_documents"], c.Settings["statement_forms"])));
    }

    [Fact]
    public void A_rung_has_what_is_shared_and_its_own()
    {
        var ladder = LadderSpec.Read(Write(Ladder));
        Assert.Equal([8, 16], ladder.Rungs.Select(r => r.Model.Dimension));
        Assert.All(ladder.Rungs, r => Assert.Equal(["first", "second"], r.Stages.Select(s => s.Name)));
        var place = new PretrainPlace(Files, _folder.Path, _folder.Path, TextWriter.Null, TimeProvider.System);
        var doubled = new PretrainJob(place, ladder.Rung("b")).Config.Stages[0];
        Assert.Equal((2e-3, 1e-3), (doubled.LearningRate, doubled.FinalLearningRate));
    }

    private string Write(string text)
    {
        var path = Path.Combine(_folder.Path, "small.yaml");
        File.WriteAllText(path, text);
        return path;
    }
}
