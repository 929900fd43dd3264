using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

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

    [Theory]
    [InlineData("cuda", 9.0, 1e-4, false)]
    [InlineData("cuda", 11.0, 1e-4, true)]
    [InlineData("cpu", 9.0, 1e-4, true)]
    [InlineData("cuda", 11.0, 1e-2, false)]
    public void The_exit_status_asks_for_the_same_work_and_on_a_gpu_for_speed(string device, double ratio, double lossDifference, bool holds) =>
        Assert.Equal(holds, Record(device, ratio, lossDifference).Holds());

    [Fact]
    public void The_page_says_what_was_compared()
    {
        var page = HuggingFaceCommand.Page("small", new HuggingFaceOptions(64, 16, 3, 128, 64, 8), [Record("cuda", 12.5, 1e-5)]);
        Assert.Contains("`./bench bench hugging-face small --device cuda`", page, StringComparison.Ordinal);
        Assert.Contains("| train | 64 | 1000 | 80 | 12.50 [12.50, 12.50] | 10 | losses within 1.0e-5 |", page, StringComparison.Ordinal);
    }

    private static HuggingFaceRecord Record(string device, double ratio, double lossDifference) => new()
    {
        Work = "train",
        Device = device,
        Base = "small",
        Parameters = 1000,
        Precision = "float32",
        Rank = 8,
        Adapters = 64,
        Rows = 4,
        Tokens = 1000,
        Pairs = 3,
        OursTokensPerSecond = 1000,
        TheirsTokensPerSecond = 80,
        Ratio = ratio,
        RatioMin = ratio,
        RatioMax = ratio,
        LossDifference = lossDifference,
        Goal = 10,
        Libtorch = "2.11",
        TheirsTorch = "2.11",
        Theirs = "transformers, peft",
    };
}
