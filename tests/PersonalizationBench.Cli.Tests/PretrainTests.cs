using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;

namespace PersonalizationBench.Cli.Tests;

public sealed class PretrainTests : IDisposable
{
    private const string Small = """
        base: small
        model: { dimension: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 32, context: 512 }
        precision: float32
        device: cpu
        evaluate: { every: 2, questions: 1, log_every: 1 }
        corpus: { max_documents: 2, questions: 2, statement_forms: 1 }
        stages:
          - { name: narrow, steps: 2, batch: 1, learning_rate: 1e-3, until: { exam: facts in prompt, accuracy: 1 } }
          - { name: wide, steps: 1, batch_tokens: 100, learning_rate: 1e-3, schedule: cosine, corpus: { statement_forms: 2 } }
        """;

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task A_mamba2_is_trained_and_answers()
    {
        var file = _desk.Write("small.yaml", Small.Replace("heads: 2, kv_heads: 1, hidden: 32,", "architecture: mamba2, heads: 4, state: 8,", StringComparison.Ordinal));
        Assert.Equal(0, await _desk.Run("pretrain", file));
        using var loaded = new Models.BaseCatalog(_desk.Bench.BasesFolder, null).Load("small", Precision.Float32, "cpu");
        Assert.Equal("mamba2", loaded.Info.Architecture);
        Assert.Single(loaded.Generate([new GenerationRequest(loaded.Tokenizer.Begun([]), 3)], CostMeter.Unread(), CancellationToken.None));
    }

    [Theory]
    [InlineData("hidden: 32,", "", "model.hidden: hidden is missing")]
    [InlineData("hidden: 32,", "hidden: 32, state: 4,", "model.state: state: a transformer has none")]
    [InlineData("heads: 2, kv_heads: 1, hidden: 32,", "architecture: mamba2, heads: 5, state: 8,", "expected a divisor of expand x dimension = 32, not 5")]
    [InlineData("heads: 2,", "architecture: mamba, heads: 2,", "expected transformer or mamba2")]
    public async Task A_shape_that_cannot_be_is_refused(string right, string wrong, string message)
    {
        Assert.Equal(2, await _desk.Run("pretrain", _desk.Write("small.yaml", Small.Replace(right, wrong, StringComparison.Ordinal))));
        Assert.Contains(message, _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base: small", "base: smal", "small.yaml:1: base: the base is called 'smal' and the file 'small'; expected one name")]
    [InlineData("statement_forms: 2", "statment_forms: 2", "small.yaml:9: unknown key 'statment_forms' in stages[1].corpus; did you mean 'statement_forms'?")]
    [InlineData("heads: 2,", "heads: two,", "small.yaml:2: model.heads: expected a whole number, found 'two'")]
    [InlineData("schedule: cosine", "schedule: cosin", "small.yaml:9: stages[1].schedule: unknown value 'cosin'; did you mean 'cosine'?")]
    public async Task What_is_wrong_is_told_with_its_place(string right, string wrong, string message)
    {
        Assert.Equal(2, await _desk.Run("pretrain", _desk.Write("small.yaml", Small.Replace(right, wrong, StringComparison.Ordinal))));
        Assert.Equal($"pbench: {message}\n", _desk.Error);
    }

    [Fact]
    public async Task An_exam_that_does_not_exist_is_refused()
    {
        Assert.Equal(2, await _desk.Run("pretrain", _desk.Write("small.yaml", Small.Replace("facts in prompt", "facts", StringComparison.Ordinal))));
        Assert.StartsWith("pbench: stage narrow: until: unknown exam 'facts'; expected one of as in this stage, facts in prompt,", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_base_is_trained_examined_and_written()
    {
        Assert.Equal(0, await _desk.Run("pretrain", _desk.Write("small.yaml", Small)));
        Assert.Contains("narrow, step 2: as in this stage ", _desk.Output, StringComparison.Ordinal);
        foreach (var name in (string[])["config.json", "model.safetensors", "tokenizer.json", "provenance.json"])
            Assert.True(File.Exists(Path.Combine(_desk.Folder, "datasets", "bases", "small", name)), name);
        Assert.Equal("small", new Models.BaseCatalog(_desk.Bench.BasesFolder, null).Describe("small").Name);
    }
}
