using PersonalizationBench.Core;
using PersonalizationBench.Data.Adapt;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Data.Tests.Adapt;

public sealed class TextFilesTests
{
    [Theory]
    [InlineData("[\"\"]")]
    [InlineData("[\"oslo\", \" \\t\"]")]
    public void An_accepted_answer_that_says_nothing_is_refused_with_its_line(string accepted)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("probes.jsonl"), $"{{\"prompt\": \"anna lives in\", \"accepted\": [\"oslo\"]}}\n{{\"prompt\": \"anna likes\", \"accepted\": {accepted}}}\n");
        Assert.Equal($"{folder.File("probes.jsonl")}:2: accepted: an answer is empty; expected some text", Assert.Throws<PbenchException>(() => TextFiles.Probes(folder.File("probes.jsonl"))).Message);
    }

    [SkippableFact]
    public void The_files_that_fell_are_refused_or_read()
    {
        Assert.Contains("empty.jsonl:1: accepted: an answer is empty", Assert.Throws<PbenchException>(() => TextFiles.Probes(SharedData.Require("refs/bug-cases/text/empty.jsonl"))).Message);
        Assert.Contains("surrogate.jsonl:1: ", Assert.Throws<PbenchException>(() => TextFiles.Probes(SharedData.Require("refs/bug-cases/text/surrogate.jsonl"))).Message);
        Assert.Equal(["...", "!"], TextFiles.Probes(SharedData.Require("refs/bug-cases/text/punct.jsonl")).Select(p => p.Probe.Gold));
    }
}
