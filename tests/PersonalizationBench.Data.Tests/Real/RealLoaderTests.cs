using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Real;
using PersonalizationBench.Data.Tests.Catalog;

namespace PersonalizationBench.Data.Tests.Real;

public sealed class RealLoaderTests : IDisposable
{
    private readonly MadeFiles _made = new();

    [Fact]
    public void MailsAreSortedByTheirInstant()
    {
        var path = _made.Write("data", "m.jsonl", """
            {"email": "second, ten o'clock in London", "subject": "B", "date": "2024-05-16T10:00:00+00:00"}
            {"email": "third", "subject": "Re: Plans\r\n for May", "date": "2024-05-17T00:30:00+02:00"}
            {"email": "Hi,\r\n\r\nthis is the first,\r\nwritten in Rome.", "subject": " A ", "date": "2024-05-16T11:00:00+02:00"}

            """);
        var mails = PanzaLoader.Read(path, flatten: false);
        Assert.Equal(["mail-003", "mail-001", "mail-002"], mails.Select(m => m.Id));
        Assert.Equal(("Subject: A\n\n", "Hi,\n\nthis is the first, written in Rome."), (mails[0].Lead, mails[0].Rest));
        Assert.Equal("Subject: Re: Plans for May\n\n", mails[2].Lead);
        Assert.Equal(new DateOnly(2024, 5, 17), mails[2].Date); // the writer's day, not Greenwich's
        var flat = PanzaLoader.Read(path, flatten: true)[0];
        Assert.Equal(("Subject: A", " Hi, this is the first, written in Rome."), (flat.Lead, flat.Rest));
    }

    [Fact]
    public void MailsWithoutDatesKeepTheirOrder()
    {
        var path = _made.Write("data", "m.jsonl", "{\"email\": \"b\", \"subject\": \"\"}\n{\"email\": \"a\", \"subject\": \"\"}\n");
        Assert.Equal(["b", "a"], PanzaLoader.Read(path, false).Select(m => m.Rest));
    }

    [Theory]
    [InlineData("""{"email": "b", "subject": "s", "date": "16 May"}""", "m.jsonl:2", "date: expected")]
    [InlineData("""{"email": "b", "subject": "s", "cc": "x"}""", "m.jsonl:2", "cc")]
    [InlineData("""{"email": "b"}""", "m.jsonl:2", "subject")]
    [InlineData("""{"email": null, "subject": "s"}""", "m.jsonl:2", "email")]
    [InlineData("""{"email": "b", """, "m.jsonl:2", "not as expected")]
    [InlineData("null", "m.jsonl:2", "null")]
    [InlineData("""{"email": "b", "subject": "s"}""", "m.jsonl", "found 1 of 2")]
    public void AWrongLineIsNamed(string line, string where, string what)
    {
        var path = _made.Write("data", "m.jsonl", """{"email": "a", "subject": "s", "date": "2024-05-16T10:00:00+00:00"}""" + "\n" + line + "\n");
        var message = Assert.Throws<PbenchException>(() => PanzaLoader.Read(path, false)).Message;
        Assert.Contains(where, message);
        Assert.Contains(what, message);
    }

    [Fact]
    public void DiaryEntriesBearTheDateThatPepysWroteAndLeadWithTheirOpening()
    {
        var path = _made.Write("data", "p.jsonl", """
            {"id": "entry-1", "datetime_attr": null, "chapter": "c", "text": "Blessed be God, at the end of the last year I was in very good health."}
            {"id": "entry-1660-1-11", "datetime_attr": "1660-01-11", "chapter": "c", "text": "Jan. 1st. Up. Rose early and went with Mr. Moore to the office. There all the morning, and so home to dinner with my wife."}
            {"id": "entry-1660-1-12/1660-1-14", "datetime_attr": "1660-01-02", "chapter": "c", "text": "2nd to 4th. At the office all the morning, busy. Too short."}
            {"id": "entry-1660-3-10", "datetime_attr": "1660-03-10", "chapter": "c", "text": "29th. To my office, and drank at Will’s with my Lord.\nThence by water home, where I found all well and so to bed late."}

            """);
        var entries = PepysLoader.Read(path, flatten: false);
        Assert.Equal(["1660-01-01", "1660-02-29"], entries.Select(e => e.Id));
        Assert.Equal(new DateOnly(1660, 2, 29), entries[1].Date);
        Assert.Equal("Jan. 1st. Up. Rose early and went with Mr. Moore to the office.", entries[0].Lead);
        Assert.Equal(" There all the morning, and so home to dinner with my wife.", entries[0].Rest);
        Assert.StartsWith("\nThence", entries[1].Rest);
        Assert.StartsWith(" Thence", PepysLoader.Read(path, flatten: true)[1].Rest);
    }

    [Fact]
    public void EntriesOutOfOrderAreRefused()
    {
        const string text = "Up, and to the office, where we sat all the morning. At noon home to dinner, and then by coach to Whitehall.";
        var path = _made.Write("data", "p.jsonl", string.Concat(new[] { "1660-1-12", "1660-1-11" }.Select(d => $$"""{"id": "entry-{{d}}", "datetime_attr": null, "chapter": "c", "text": "{{text}}"}""" + "\n")));
        Assert.Contains("1660-01-01 follows 1660-01-02", Assert.Throws<PbenchException>(() => PepysLoader.Read(path, false)).Message);
    }

    [Fact]
    public void GeneralTextsAreDrawnApart()
    {
        var corpus = string.Join("\n<|endoftext|>\n", Enumerable.Range(0, 40).Select(i => $"Once upon a time there were {i % 30} little dogs.\nThey were happy and ran about."));
        var options = new PanzaOptions { GeneralTexts = 15, Seed = 3 };
        var (heldOut, replay) = GeneralTexts.Draw(corpus, options);
        Assert.Equal((15, 15), (heldOut.Count, replay.Count));
        Assert.Equal(30, heldOut.Concat(replay).Distinct().Count()); // ten of the forty are repetitions
        Assert.Equal(heldOut, GeneralTexts.Draw(corpus, options).HeldOut);
        Assert.NotEqual(heldOut, GeneralTexts.Draw(corpus, options with { Seed = 4 }).HeldOut);
        Assert.All(GeneralTexts.Draw(corpus, options with { Flatten = true }).HeldOut, t => Assert.DoesNotContain('\n', t));
        Assert.Contains("there are 30 stories", Assert.Throws<PbenchException>(() => GeneralTexts.Draw(corpus, options with { GeneralTexts = 16 })).Message);
    }

    [Fact]
    public void ReportedAndTuningUsersAreKnownAndDisjoint()
    {
        Assert.Contains("did you mean 'isabel'?", Refused(new PanzaLoader(_made.Files), new PanzaOptions { Users = ["isabell"] }));
        Assert.Contains("'tuning_users': 'david' is named twice", Refused(new PanzaLoader(_made.Files), new PanzaOptions { TuningUsers = ["david"] }));
        Assert.Contains("1670", Refused(new PepysLoader(_made.Files), new PepysOptions { Users = [1670] }));
        Assert.Contains("at least one", Refused(new PepysLoader(_made.Files), new PepysOptions { Users = [] }));

        static string Refused(IDatasetLoader loader, object options) => Assert.Throws<PbenchException>(() => loader.Load(options)).Message;
    }

    [SkippableFact]
    public void PanzaIsThreePeoplesMail()
    {
        var dataset = new PanzaLoader(MadeFiles.RequireReal("panza")).Load(new PanzaOptions { Documents = 1000, Probes = 1000 });
        Assert.Equal([("david", 124, 42), ("isabel", 157, 53), ("marcus", 112, 38)], dataset.Users.Select(u => (u.Id, u.History.Count, u.Probes.Count)));
        Assert.All(dataset.Users[2].History, d => Assert.True(d.Date <= dataset.Users[2].Probes[0].Date));
        Assert.All(dataset.Users.SelectMany(u => u.History), d => Assert.StartsWith("Subject:", d.Text));
        Assert.Empty(dataset.TuningUsers);
        HoldsWhatMustHold(dataset, new PanzaOptions());
    }

    [SkippableFact]
    public void PepysIsAYearAUser()
    {
        var options = new PepysOptions { Flatten = true };
        var dataset = new PepysLoader(MadeFiles.RequireReal("pepys")).Load(options);
        Assert.Equal(8, dataset.Users.Count);
        Assert.Equal(["pepys-1660", "pepys-1665"], dataset.TuningUsers.Select(u => u.Id));
        foreach (var user in dataset.Users)
        {
            Assert.Equal((options.Documents, options.Probes), (user.History.Count, user.Probes.Count));
            Assert.True(user.History.Max(d => d.Date) < user.Probes.Min(p => p.Date));
            Assert.All(user.History, d => Assert.Equal(user.Id, $"pepys-{d.Date!.Value.Year}"));
        }
        Assert.DoesNotContain(dataset.Users.SelectMany(u => u.Probes), p => p.Prompt.Contains('\n') || p.Gold.Contains('\n'));
        HoldsWhatMustHold(dataset, options);
    }

    [SkippableFact]
    public void TheSameOptionsGiveTheSameDigestAndOthersAnother()
    {
        var loader = new PanzaLoader(MadeFiles.RequireReal("panza"));
        var digest = loader.Load(new PanzaOptions()).Digest;
        Assert.Equal(digest, loader.Load(new PanzaOptions()).Digest);
        Assert.NotEqual(digest, loader.Load(new PanzaOptions { Probes = 11 }).Digest);
        Assert.NotEqual(digest, loader.Load(new PanzaOptions { Seed = 2 }).Digest);
    }

    public void Dispose() => _made.Dispose();

    private static void HoldsWhatMustHold(Dataset dataset, RealOptions options)
    {
        foreach (var user in dataset.Users.Concat(dataset.TuningUsers))
        {
            Assert.Equal(user.History.Count, user.History.Select(d => d.Id).Distinct().Count());
            Assert.Empty(user.History.Select(d => d.Id).Intersect(user.Probes.Select(p => p.Id)));
            var known = user.History.Select(d => TextRules.Essence(d.Text)).ToHashSet();
            Assert.DoesNotContain(user.Probes, p => known.Contains(TextRules.Essence(p.Prompt + p.Gold)));
            Assert.All(user.Probes, p => Assert.InRange(Encoding.UTF8.GetByteCount(p.Gold), TimeSplit.MinProbeBytes, options.ProbeBytes));
            Assert.All(user.History, d => Assert.InRange(Encoding.UTF8.GetByteCount(d.Text), 1, options.DocumentBytes));
        }
        Assert.Equal(options.GeneralTexts, dataset.HeldOutTexts.Count);
        Assert.Equal(options.GeneralTexts, dataset.ReplayTexts.Count);
        Assert.Empty(dataset.HeldOutTexts.Intersect(dataset.ReplayTexts));
    }
}
