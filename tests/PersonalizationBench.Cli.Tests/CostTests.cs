using System.Text.Json;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Runner.Execution;

namespace PersonalizationBench.Cli.Tests;

/// <summary>Choosing settings, and what is measured of an arm.</summary>
public sealed class CostTests : IDisposable
{
    private const string Tuned = """
        study: colours
        hypothesis: Colours are remembered.
        dataset: { name: colours, users: 3 }
        bases: [tiny]
        tune:
          families:
            - type: rag
              k: [1, 2]
            - type: recent-history
              documents: [1, 2]
        strategies:
          - type: none
          - type: majority
          - type: rag
            tuned: rag
          - type: recent-history
            tuned: recent-history
          - type: rag
            tuned: rag
            control: wrong-user
        """;

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task A_study_is_tuned_and_then_takes_what_was_chosen()
    {
        var path = _desk.Write("experiments/colours.yaml", Tuned);
        Assert.Equal(2, await _desk.Run("run", path));
        Assert.Contains("experiments/colours.yaml:15: strategies[2].tuned: nothing was chosen for 'rag' on tiny yet from what stands under tune; first: pbench tune", _desk.Error, StringComparison.Ordinal);
        Assert.Equal(0, await _desk.Run("tune", path));
        Assert.Contains("tiny: rag: {\"budget_tokens\":null,\"k\":1,\"order\":\"oldest-first\"}  mean ", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("of 2 configurations x 1 seeds on 2 tuning users\nruns/tuning/colours/chosen.csv\n", _desk.Output, StringComparison.Ordinal);
        var chosen = RecordCsv.ReadFile<ChosenRecord>(Path.Combine(_desk.Folder, "runs", "tuning", "colours", "chosen.csv"));
        Assert.Equal([("rag", 2), ("recent-history", 2)], chosen.Select(c => (c.Family, c.Configurations)));
        Assert.Equal(0, await _desk.Run("run", path));
        Assert.Equal("Tuned: rag, recent-history (2 configurations x 1 seeds each, on 2 tuning users by mean).", File.ReadAllLines(Path.Combine(_desk.Folder, "runs", "colours", "summary.md"))[2]);
    }

    [Fact]
    public async Task Unequal_budgets_are_refused_before_anything_is_measured()
    {
        var path = _desk.Write("experiments/colours.yaml", Tuned.Replace("k: [1, 2]", "k: [1, 2, 3]", StringComparison.Ordinal));
        Assert.Equal(2, await _desk.Run("tune", path));
        Assert.Equal("pbench: experiments/colours.yaml:9: tune.families: 'recent-history' has 2 configurations on tiny where 'rag' has 3; every family gets as many\n", _desk.Error);
        Assert.False(Directory.Exists(Path.Combine(_desk.Folder, "runs")));
    }

    [SkippableFact]
    public async Task The_memory_of_a_cells_arm_is_said_as_json()
    {
        var path = _desk.Write("experiments/colours.yaml", Desk.Study);
        Assert.Equal(0, await _desk.Run("run", path));
        var key = RecordCsv.ReadFile<RunRecord>(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv"))[0].Key;
        var before = _desk.Output.Length;
        Assert.Equal(0, await _desk.Run("cell-memory", path, key));
        var figures = JsonSerializer.Deserialize<MemoryFigures?>(_desk.Output[before..]);
        Skip.If(figures is null, "this system does not tell a process's peak memory");
        Assert.Equal(3, figures.Users);
        Assert.True(figures is { AdaptBytes: >= 0, AnswerBytes: >= 0 });
        Assert.Equal(2, await _desk.Run("cell-memory", path, "no-key"));
    }
}
