using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks.Tests;

public sealed class EnginesTests
{
    [Theory]
    [InlineData(EngineWorkloads.TrainingStep, "1M")]
    [InlineData(EngineWorkloads.ManyUsers, "world-1m")]
    [InlineData(EngineWorkloads.DecodeBase, "world-1m")]
    [InlineData(EngineWorkloads.DecodeOne, "world-1m")]
    [InlineData(EngineWorkloads.DecodeEight, "world-1m")]
    public void The_driver_times_what_it_is_asked_to(string workload, string model)
    {
        using var folder = new ScratchFolder("engines-test");
        using var driver = new EngineDriver(Bases(), folder.Path);
        var result = driver.Time(new TimedTurn(workload, model, "float32", Seconds: 0));
        Assert.True(result.Value > 0);
        Assert.Equal(workload is EngineWorkloads.TrainingStep or EngineWorkloads.ManyUsers, result.Loss is > 0);
        Assert.Null(result.Error);
    }

    [Fact]
    public void What_cannot_be_timed_is_answered_with_the_reason()
    {
        using var folder = new ScratchFolder("engines-test");
        using var driver = new EngineDriver(Bases(), folder.Path);
        var turns = new[] { new TimedTurn("sleep", "1M", "float32", 0), new TimedTurn(EngineWorkloads.TrainingStep, "2M", "float32", 0), new TimedTurn(EngineWorkloads.TrainingStep, "1M", "float8", 0) };
        var answers = new StringWriter(CultureInfo.InvariantCulture);
        driver.Serve("an engine", threads: 1, new StringReader(string.Join('\n', turns.Select(t => t.ToLine()).Append("not JSON"))), answers);
        var lines = answers.ToString().TrimEnd().Split('\n');
        Assert.Equal("an engine", EngineHello.Parse(lines[0]).Engine);
        Assert.Equal(5, lines.Length);
        foreach (var (line, expected) in lines.Skip(1).Zip(["'sleep'", "'2M'", "'float8'", "JsonException"])) Assert.Contains(expected, TurnResult.Parse(line).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_goal_is_about_something_that_is_timed()
    {
        var rows = EngineRow.All.Append(new EngineRow(EngineWorkloads.Study, "quickstart", "auto", EngineRecord.Best));
        foreach (var goal in EngineGoal.All)
            Assert.Contains(rows, r => r.Level == goal.Level && r.Workload == goal.Workload && (goal.Model ?? r.Model) == r.Model && (goal.Precision ?? r.Precision) == r.Precision);
    }

    [Fact]
    public void Only_what_makes_a_side_is_set_for_it()
    {
        var sides = EngineSide.All("/repository", ["dotnet", "pbench.dll"], ["bench", "engine-driver"], threads: 2);
        Assert.Equal(6, sides.Count);
        foreach (var side in sides)
        {
            var start = side.Program(side.Driver);
            Assert.Equal("2", start.Environment["PBENCH_THREADS"]);
            Assert.Equal(side.Level == EngineRecord.Avx2, start.Environment.ContainsKey("ATEN_CPU_CAPABILITY"));
            var isa = (side.Engine, side.Level) switch { (EngineRecord.Operators, _) => "none", (EngineRecord.Kernels, EngineRecord.Avx2) => "avx2", _ => null };
            Assert.Equal(isa, start.Environment.TryGetValue("PBENCH_ISA", out var value) ? value : null);
        }
    }

    private static BaseCatalog Bases() => new(PeersTests.ShippedBases(), null);
}
