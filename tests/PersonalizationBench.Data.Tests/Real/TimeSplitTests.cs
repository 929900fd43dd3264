using PersonalizationBench.Core;
using PersonalizationBench.Data.Real;

namespace PersonalizationBench.Data.Tests.Real;

public class TimeSplitTests
{
    private static readonly DatedText[] Texts =
    [
        .. Enumerable.Range(0, 20).Select(i => new DatedText($"t{i:00}", new DateOnly(2026, 1, 1).AddDays(i), $"Lead {i}. ", $"This is what text number {i} says, at some length.")),
    ];

    [Fact]
    public void HistoryIsEarlierThanEveryProbe()
    {
        var user = Split(Texts, new PanzaOptions { HistoryShare = 0.6, Documents = 5, Probes = 3 });
        Assert.Equal(["t07", "t08", "t09", "t10", "t11"], user.History.Select(d => d.Id)); // the latest of the first twelve
        Assert.Equal(["t12", "t13", "t14"], user.Probes.Select(p => p.Id));
        Assert.True(user.History.Max(d => d.Date) < user.Probes.Min(p => p.Date));
        var probe = user.Probes[0];
        Assert.Equal(("Lead 12. ", "This is what text number 12 says, at some length."), (probe.Prompt, probe.Gold));
        Assert.Equal((ProbeScoring.BitsPerByte, "continuation"), (probe.Scoring, probe.Kind));
        Assert.Equal("Lead 7. This is what text number 7 says, at some length.", user.History[0].Text);
    }

    [Fact]
    public void ALaterTextThatRepeatsAnEarlierOneIsNoProbe()
    {
        DatedText[] texts = [.. Texts];
        texts[12] = texts[12] with { Rest = texts[0].Rest.ToUpperInvariant() + "\n" }; // earlier, though not in the history of five
        texts[14] = texts[14] with { Rest = texts[13].Rest };
        Assert.Equal(["t13", "t15", "t16"], Split(texts, new PanzaOptions { HistoryShare = 0.6, Documents = 5, Probes = 3 }).Probes.Select(p => p.Id));
    }

    [Fact]
    public void TooLittleToPredictIsNoProbeAndTooMuchIsCut()
    {
        DatedText[] texts = [.. Texts];
        texts[15] = texts[15] with { Rest = "Yes." };
        texts[16] = texts[16] with { Rest = string.Concat(Enumerable.Repeat("This goes on and on and on. ", 50)) };
        texts[1] = texts[16] with { Id = "t01", Rest = texts[16].Rest.Replace("on", "off") };
        var user = Split(texts, new PanzaOptions { HistoryShare = 0.75, ProbeBytes = 100, DocumentBytes = 120 });
        Assert.Equal(["t16", "t17", "t18", "t19"], user.Probes.Select(p => p.Id));
        Assert.Equal("This goes on and on and on. This goes on and on and on. This goes on and on and on.", user.Probes[0].Gold);
        Assert.InRange(user.History[1].Text.Length, 80, 120);
    }

    [Fact]
    public void NothingToAskIsAnError()
    {
        var error = Assert.Throws<PbenchException>(() => Split([.. Texts.Take(2).Select(t => t with { Rest = "x" })], new PanzaOptions { HistoryShare = 0.5 }));
        Assert.Contains("user u", error.Message);
        Assert.Contains("0 probes", error.Message);
    }

    private static User Split(DatedText[] texts, RealOptions options) => TimeSplit.Make("u", "Una", "mail", texts, options);
}
