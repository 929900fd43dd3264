using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Tests.Catalog;

public class DatasetDigestTests
{
    private static readonly Probe Probe = new("p", "recall", ProbeScoring.ExactMatch, "where?", "here");
    private static readonly User User = new("u", "Una", [new Document("d", new DateOnly(2026, 1, 2), "note", "text")], [Probe]);
    private static readonly Dataset Made = new("made", "", [User], [], new PromptFormat("\n")) { HeldOutTexts = ["ab", "c"], ReplayTexts = ["r"] };

    public static TheoryData<string, Dataset> Changes => new()
    {
        { "name", Made with { Name = "other" } },
        { "user", Made with { Users = [User with { Name = "Uno" }] } },
        { "document", Made with { Users = [User with { History = [User.History[0] with { Text = "texts" }] }] } },
        { "date", Made with { Users = [User with { History = [User.History[0] with { Date = null }] }] } },
        { "prompt", Made with { Users = [User with { Probes = [Probe with { Prompt = "when?" }] }] } },
        { "gold", Made with { Users = [User with { Probes = [Probe with { Gold = "there" }] }] } },
        { "accepted", Made with { Users = [User with { Probes = [Probe with { Accepted = ["here", "hither"] }] }] } },
        { "evidence", Made with { Users = [User with { Probes = [Probe with { EvidenceIds = ["d"] }] }] } },
        { "style", Made with { Users = [User with { Probes = [Probe with { StyleFeatures = new Dictionary<string, string> { ["a"] = "b" } }] }] } },
        { "scoring", Made with { Users = [User with { Probes = [Probe with { Scoring = ProbeScoring.Choice }] }] } },
        { "tuning", Made with { Users = [], TuningUsers = [User] } },
        { "format", Made with { Format = new PromptFormat("\n\n") } },
        { "texts moved", Made with { HeldOutTexts = ["a", "bc"] } },
        { "texts split otherwise", Made with { HeldOutTexts = ["ab"], ReplayTexts = ["c", "r"] } },
        { "answer length", Made with { MaxAnswerCharacters = 9 } },
        { "word for unknown", Made with { UnknownAnswer = "no idea" } },
        { "stops", Made with { StopTexts = [] } },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void WhateverCanBeSeenChangesIt(string what, Dataset changed) =>
        Assert.False(DatasetDigest.Seal(Made).Digest == DatasetDigest.Seal(changed).Digest, what);

    [Fact]
    public void TheSameContentsGiveTheSame()
    {
        var digest = DatasetDigest.Seal(Made).Digest;
        Assert.Equal(64, digest.Length);
        Assert.Equal(digest, DatasetDigest.Seal(Made with { Digest = "anything" }).Digest);
    }
}
