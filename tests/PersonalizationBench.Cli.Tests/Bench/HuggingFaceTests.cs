using PersonalizationBench.Benchmarks;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Tests.Bench;

/// <summary>The comparison with transformers and peft where they are, and what is said where they are not.</summary>
public sealed class HuggingFaceTests : IDisposable
{
    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [SkippableFact]
    public async Task Transformers_and_peft_train_and_answer_alike()
    {
        string python;
        try
        {
            python = PeerProcess.FindPython(null, "numpy, torch, transformers, peft, safetensors");
        }
        catch (PbenchException e)
        {
            throw new SkipException($"not measured: {e.Message}");
        }
        var bench = Workbench.OfThisMachine() with { Output = _desk.Bench.Output, Error = _desk.Bench.Error };

        var code = await HuggingFaceCommand.Create(bench).Parse(["ladder-300k", "--device", "cpu", "--precision", "float32", "--users", "8", "--steps", "2", "--pairs", "1", "--prompt", "16", "--tokens", "8", "--python", python, "--output", Path.Combine(_desk.Folder, "hf")]).InvokeAsync();

        Assert.True(code == 0, _desk.Error);
        var records = RecordCsv.ReadFile<HuggingFaceRecord>(Path.Combine(_desk.Folder, "hf", "hugging-face.csv"));
        Assert.Equal([("train", 1), ("train", 8), ("generate", 0), ("generate", 1), ("generate", 8)], records.Select(r => (r.Work, r.Adapters)));
        Assert.All(records, r => Assert.True(r.Agrees() && r is { Ratio: > 0, OursTokensPerSecond: > 0, TheirsTokensPerSecond: > 0 }));
    }

    [Fact]
    public async Task A_base_that_transformers_cannot_read_is_said()
    {
        Assert.NotEqual(0, await _desk.Run("bench", "hugging-face", "nowhere"));
        Assert.Contains("nowhere: expected a folder with config.json", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_python_without_them_is_said()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        Assert.NotEqual(0, await PbenchApp.RunAsync(["bench", "hugging-face", Path.Combine(bench.BasesFolder, SmallBase.Name), "--python", "/nowhere/python"], bench, CancellationToken.None));
        Assert.Contains("no Python with numpy, torch, transformers, peft, safetensors found (tried /nowhere/python)", _desk.Error, StringComparison.Ordinal);
    }
}
