using PersonalizationBench.Core;
using PersonalizationBench.Data.Real;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Data.Tests.Real;

public sealed class JsonLinesTests
{
    public sealed record Line(string Prompt, IReadOnlyList<string>? Accepted = null);

    /// <summary>JSON can write half of a character beyond the basic plane; no text can hold it.</summary>
    [Theory]
    [InlineData("{\"prompt\": \"x \\ud83d\"}")]
    [InlineData("{\"prompt\": \"\\ude00 x\"}")]
    [InlineData("{\"prompt\": \"x\", \"accepted\": [\"\\ud83d\\ud83d\"]}")]
    [InlineData("{\"pro\\ud83dmpt\": \"x\"}")]
    public void A_lone_surrogate_is_an_error_that_names_the_line(string line)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("probes.jsonl"), $"{{\"prompt\": \"\\ud83d\\ude00\"}}\n\n{line}\n");
        Assert.StartsWith($"{folder.File("probes.jsonl")}:3: not as expected: ", Assert.Throws<PbenchException>(() => JsonLines.Read<Line>(folder.File("probes.jsonl"))).Message);
    }

    [Fact]
    public void Bytes_that_are_no_UTF_8_do_not_fail_the_reader_otherwise_than_with_the_line()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("probes.jsonl"), [.. "{\"prompt\": \"a"u8, 0xFF, .. "\"}\n{\"prompt\": 1}\n"u8]);
        Assert.StartsWith($"{folder.File("probes.jsonl")}:2: ", Assert.Throws<PbenchException>(() => JsonLines.Read<Line>(folder.File("probes.jsonl"))).Message);
    }

    [SkippableFact]
    public void The_file_that_fell_is_refused_with_its_line()
    {
        var path = SharedData.Require("refs/bug-cases/text/surrogate.jsonl");
        Assert.StartsWith($"{path}:1: ", Assert.Throws<PbenchException>(() => JsonLines.Read<Line>(path)).Message);
    }
}
