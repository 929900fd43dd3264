using System.CommandLine;
using PersonalizationBench.Cli.Adapt;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Data.Adapt;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Lora;

namespace PersonalizationBench.Cli.Tests;

/// <summary>From new documents to a revision that is served, or not.</summary>
public sealed class AdaptTests : IDisposable
{
    private readonly Desk _desk = new();

    private string Database => Path.Combine(_desk.Folder, "registry.db");

    private string Blobs => Path.Combine(_desk.Folder, "blobs");

    private string Documents => _desk.Write("new/more.jsonl", """
        {"text": "i like red and my dog is old .", "date": "2024-05-16"}
        {"text": "my dog likes green .", "id": "second", "kind": "mail"}
        """);

    private string Held => _desk.Write("held.jsonl", """{"text": "i like red and my dog is old .", "group": "told"}""");

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task A_policy_begins_goes_on_from_its_parent_and_is_not_replaced_by_a_worse_one()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        _desk.Write("docs/a.txt", "i like red .\n");
        _desk.Write("docs/b.jsonl", """{"text": "my dog is old ."}""");
        async Task<int> Adapt(string documents, params string[] more) => await PbenchApp.RunAsync(
            ["adapt", "--owner", "anna", "--policy", "diary", "--base", SmallBase.Name, "--documents", documents, "--evaluate", Held, "--registry", Database, "--blobs", Blobs, "--batch", "1", .. more], bench, CancellationToken.None);

        Assert.True(await Adapt(Path.Combine(_desk.Folder, "docs"), "--rank", "2", "--steps", "20", "--learning-rate", "1e-2") == 0, _desk.Error);
        Assert.Contains("diary@1: 2 new documents and 0 old ones, from the base\n", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("  told bits-per-byte of 1 probes: ", _desk.Output, StringComparison.Ordinal);
        Assert.EndsWith("diary@1 is live\n", _desk.Output, StringComparison.Ordinal);

        // A step too small to matter leaves the parent: training begins there.
        Assert.True(await Adapt(Documents, "--steps", "1", "--learning-rate", "1e-9", "--tolerance", "1e-3", "--replay-from", Path.Combine(_desk.Folder, "docs"), "--replay", "1") == 0, _desk.Error);
        Assert.Contains("diary@2: 2 new documents and 1 old ones, from diary@1\n", _desk.Output, StringComparison.Ordinal);
        using (var registry = Open(bench))
        {
            Assert.Equal([null, 1], registry.Revisions("anna", "diary").Select(r => r.Parent));
            Assert.All(AdapterDistance.Of(Read(registry, 1), Read(registry, 2)).Where(d => d.Before > 0), d => Assert.True(d.Moved < 1e-4 * d.Before, $"{d}"));
            Assert.Contains(AdapterDistance.Of(Read(registry, 1), Read(registry, 2)), d => d.Before > 0);
            Assert.Contains("\"rank\":2", registry.Resolve("anna", "diary").Training, StringComparison.Ordinal);
            Assert.Contains("\"before\":", registry.Evaluations("anna", "diary", 2).Single(e => e.Name == "told bits-per-byte").Details, StringComparison.Ordinal);
        }

        Assert.Equal(1, await Adapt(_desk.Write("noise.txt", "unknown ? answer , unknown : answer"), "--steps", "30", "--learning-rate", "1"));
        Assert.EndsWith("pbench: diary@3 answers worse than diary@2, by more than 0: it is recorded, and 'live' stays\n", _desk.Error, StringComparison.Ordinal);
        using (var registry = Open(bench))
        {
            Assert.Equal(2, registry.Resolve("anna", "diary").Number);
            Assert.Single(registry.Evaluations("anna", "diary", 3));
        }

        Assert.Equal(2, await Adapt(Documents, "--rank", "4"));
        Assert.EndsWith("--rank 4: revision 2, which training goes on from, has rank 2; a rank is chosen with the first revision\n", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_was_overtaken_leaves_the_pointer_alone()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        using var registry = Open(bench);
        using var store = new Overtaken(new RegistryRevisions(registry, "anna"));
        var method = new LoraMethod(bench.Strategies, 1, new LoraStrategyOptions { Steps = 1 });
        var options = new AdaptOptions(0, 1e3, 1);
        async Task<AdaptOutcome> Adapt() => (await new Adaptation(bench.Bases, method, store, bench.Clock, "test").RunAsync("diary", "live", SmallBase.Name, () => AdaptSources.OfFiles("diary", Documents, null, Held, 0.1), options, CancellationToken.None)).Outcome;

        Assert.Equal(AdaptFate.Published, (await Adapt()).Fate);
        store.IsRacing = true;
        var outcome = await Adapt();
        Assert.Equal((AdaptFate.Overtaken, 1, 2), (outcome.Fate, outcome.Parent, outcome.Revision));
        Assert.Equal(3, registry.Resolve("anna", "diary").Number);
    }

    [Fact]
    public async Task A_servers_policy_is_adapted_over_http_and_answers_by_the_new_revision()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        using var registry = Open(bench);
        using var server = RunningServer.Start(bench.Bases, bench.Clock, SmallBase.Name, Precision.Auto, registry, new ServingMemory(2, 8, 1 << 20, 1 << 20), new EngineOptions(), new ServerOptions { Url = "http://127.0.0.1:0" });
        await server.Http.StartAsync();
        string[] where = ["--server", server.Addresses.Single(), "--key", registry.CreateKey("anna", KeyKind.Admin, "test").Secret, "--ask-key", registry.CreateKey("anna", KeyKind.Inference, "test").Secret];
        foreach (var from in new[] { "0", "10" })
        {
            string[] world = ["--world-user", "1", "--world-documents", "20", "--documents-from", from, "--documents-to", from == "0" ? "10" : "20", "--replay", "3"];
            Assert.True(await PbenchApp.RunAsync(["adapt", "--policy", "diary", "--base", SmallBase.Name, "--steps", "1", "--tolerance", "1", .. world, .. where], bench, CancellationToken.None) == 0, _desk.Error);
        }
        await server.Http.StopAsync();
        Assert.Contains("diary@2: 10 new documents and 3 old ones, from diary@1\n", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("old facts", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("new facts", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("first answer of diary@2: ", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(1, registry.Resolve("anna", "diary").Parent);

        Assert.Equal(2, await PbenchApp.RunAsync(["adapt", "--policy", "diary", "--base", SmallBase.Name, "--world-user", "0", "--server", "http://127.0.0.1:1", "--key", "k", "--ask-key", "k"], bench, CancellationToken.None));
        Assert.Contains("http://127.0.0.1:1/: could not be reached", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_benchmark_writes_a_row_for_each_user_and_replay()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var folder = Path.Combine(_desk.Folder, "results", "adapt");
        var code = await AdaptBenchCommand.Create(bench).Parse([SmallBase.Name, "--users", "2", "--documents", "10", "--epochs", "1", "--replay", "0", "4"]).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        Assert.Equal(0, code);
        var records = RecordCsv.ReadFile<AdaptRecord>(Path.Combine(folder, "adapt.csv"));
        Assert.Equal([("test-000", 0), ("test-001", 0), ("test-000", 4), ("test-001", 4)], records.Select(r => (r.User, r.Replayed)));
        Assert.All(records, r => Assert.True(r.ServedSeconds >= r.LoadSeconds + r.TrainSeconds && r.OldFacts > 0 && r.NewFacts > 0));
        Assert.Contains("| 4 | 2 |", File.ReadAllText(Path.Combine(folder, "README.md")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "manifest.json")));
    }

    [Theory]
    [InlineData("--owner: missing", "--documents", "more.jsonl")]
    [InlineData("expected either --documents or --world-user", "--owner", "anna")]
    [InlineData("--replay: expected at least 0, found -1", "--owner", "anna", "--documents", "more.jsonl", "--replay", "-1")]
    [InlineData("--tolerance: expected at least 0", "--owner", "anna", "--documents", "more.jsonl", "--tolerance", "-0.5")]
    [InlineData("--key: missing", "--documents", "more.jsonl", "--server", "http://127.0.0.1:1")]
    public async Task Wrong_options_are_named(string error, params string[] options)
    {
        Assert.Equal(2, await _desk.Run(["adapt", "--policy", "diary", "--base", "tiny", "--registry", Database, "--blobs", Blobs, .. options]));
        Assert.Contains(error, _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bad.jsonl", """{"txt": "a"}""", "bad.jsonl:1: not as expected")]
    [InlineData("bad.jsonl", """{"text": " "}""", "bad.jsonl:1: text: expected some, found none")]
    [InlineData("bad.jsonl", """{"text": "a", "date": "16 May"}""", "bad.jsonl:1: date: expected one such as 2024-05-16, found '16 May'")]
    [InlineData("bad.csv", "a", "bad.csv: expected a file ending in .txt or .jsonl")]
    [InlineData("one.txt", "a", "one.txt: one document cannot be both trained on and held out")]
    public void Wrong_documents_are_told_with_their_place(string name, string text, string error)
    {
        var e = Assert.Throws<PbenchException>(() => AdaptSources.OfFiles("diary", _desk.Write(name, text), null, null, 0.1));
        Assert.Contains(error, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Probes_are_questions_or_texts()
    {
        var probes = TextFiles.Probes(_desk.Write("p.jsonl", """
            {"prompt": "what do i like ?", "accepted": ["red", "scarlet"], "group": "colours"}
            {"prompt": "subject", "text": "body"}
            """));
        Assert.Equal([("colours", ProbeScoring.ExactMatch), ("held out", ProbeScoring.BitsPerByte)], probes.Select(p => (p.Group, p.Probe.Scoring)));
        var e = Assert.Throws<PbenchException>(() => TextFiles.Probes(_desk.Write("q.jsonl", """{"prompt": "what ?"}""")));
        Assert.Contains("q.jsonl:1: expected either 'prompt' and 'accepted'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_probes_the_newest_documents_are_held_out()
    {
        var lines = string.Join('\n', Enumerable.Range(0, 11).Select(i => $$"""{"text": "text {{i}}"}"""));
        var source = AdaptSources.OfFiles("diary", _desk.Write("d.jsonl", lines), null, null, 0.1);
        Assert.Equal(9, source.Documents.Count);
        Assert.Equal(["text 9", "text 10"], source.Probes.Select(p => p.Probe.Gold));
    }

    private IRegistry Open(Workbench bench) => RegistryDatabase.Open(Database, new FolderBlobs(Blobs, bench.Clock), bench.Clock);

    private static PeftAdapter Read(IRegistry registry, int revision) => AdapterBlob.Read(registry.Blobs.Read(registry.Resolve("anna", $"diary@{revision}").Digest), "test");

    /// <summary>Somebody else publishes right after each revision was added.</summary>
    private sealed class Overtaken(IRevisionStore inner) : IRevisionStore
    {
        public bool IsRacing { get; set; }

        public Task<StoredAdapter?> FindAsync(string policy, string pointer, CancellationToken cancellation) => inner.FindAsync(policy, pointer, cancellation);

        public async Task<int> AddAsync(string policy, PeftAdapter adapter, DecoderConfig config, NewRevision origin, IReadOnlyList<Measured> measured, CancellationToken cancellation)
        {
            var number = await inner.AddAsync(policy, adapter, config, origin, measured, cancellation);
            if (IsRacing) await inner.PublishAsync(policy, "live", await inner.AddAsync(policy, adapter, config, origin, [], cancellation), origin.Parent, cancellation);
            return number;
        }

        public Task PublishAsync(string policy, string pointer, int revision, int? expected, CancellationToken cancellation) => inner.PublishAsync(policy, pointer, revision, expected, cancellation);

        public void Dispose() => inner.Dispose();
    }
}
