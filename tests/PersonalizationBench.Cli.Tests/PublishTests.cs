using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Tests;

/// <summary>The key <c>publish</c> of a study.</summary>
public sealed class PublishTests : IDisposable
{
    private const string Study = """
        study: kept
        hypothesis: Colours are kept.
        dataset: { name: colours, users: 2 }
        bases: [small]
        precision: float32
        device: cpu
        seeds: [1, 2]
        allow_few_seeds: true
        controls: { waived: what is tested is the registry }
        latency_probes: 0
        publish: { registry: REGISTRY, blobs: BLOBS }
        strategies:
          - type: none
          - { type: lora, rank: [1, 2], steps: 2, batch: 1, learning_rate: 1e-2 }
          - { type: lora, rank: 1, steps: 2, batch: 1, learning_rate: 1e-2, control: wrong-user }
        """;

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task Every_adapter_of_a_study_becomes_a_live_revision_once()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        var (database, blobs) = (Path.Combine(_desk.Folder, "registry.db"), Path.Combine(_desk.Folder, "blobs"));
        var file = _desk.Write("experiments/kept.yaml", Study.Replace("REGISTRY", database, StringComparison.Ordinal).Replace("BLOBS", blobs, StringComparison.Ordinal));
        async Task Run(params string[] more) => Assert.True(await PbenchApp.RunAsync(["run", file, .. more], bench, CancellationToken.None) == 0, _desk.Error);

        await Run();
        Assert.Contains("published: 8 adapters of kept; 0 were there already\n", _desk.Output, StringComparison.Ordinal);
        string[] expected = ["u0.lora-r1.s1", "u0.lora-r1.s2", "u0.lora-r2.s1", "u0.lora-r2.s2", "u1.lora-r1.s1", "u1.lora-r1.s2", "u1.lora-r2.s1", "u1.lora-r2.s2"];
        string first;
        using (var registry = RegistryDatabase.Open(database, new FolderBlobs(blobs, bench.Clock), bench.Clock))
        {
            Assert.Equal(expected, registry.Policies("kept").Select(p => p.Id));
            var revision = registry.Resolve("kept", "u1.lora-r2.s1");
            first = revision.Digest;
            Assert.Equal(2, registry.FindPolicy("kept", revision.Policy).Rank);
            Assert.Contains("\"seed\":1,\"settings\":{", revision.Training, StringComparison.Ordinal);
            Assert.NotEqual(registry.Resolve("kept", "u0.lora-r2.s1").Data, revision.Data);
            Assert.Equal(revision.Data, registry.Resolve("kept", "u1.lora-r1.s2").Data);
            Assert.Equal(["recall exact-match", "recall contains", "recall token-f1", "recall choice", "recall choice-normalized", "general texts bits-per-byte"], registry.Evaluations("kept", revision.Policy, 1).Select(e => e.Name));
        }

        // Resumed, nothing is trained; measured anew, the same bytes come out.
        await Run();
        await Run("--fresh");
        Assert.Contains("published: 0 adapters of kept; 8 were there already\n", _desk.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("measured before", _desk.Error, StringComparison.Ordinal);
        using (var registry = RegistryDatabase.Open(database, new FolderBlobs(blobs, bench.Clock), bench.Clock))
        {
            Assert.All(expected, policy => Assert.Single(registry.Revisions("kept", policy)));
            Assert.All(expected, policy => Assert.Equal(6, registry.Evaluations("kept", policy, 1).Count));
            Assert.Equal(first, registry.Resolve("kept", "u1.lora-r2.s1").Digest);
        }

        // What was measured before it was to be published is not there, and that is said.
        File.WriteAllText(file, File.ReadAllText(file).Replace("registry.db", "other.db", StringComparison.Ordinal));
        await Run();
        Assert.Contains("warning: 8 adapters of cells measured before are not in", _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ registry: r.db, blobs: b, strategies: [rag] }", "publish.strategies[0]: 'rag' is none of the study's strategies")]
    [InlineData("{ registry: r.db, blobs: b, strategies: [none] }", "publish.strategies[0]: 'none' trains no adapters")]
    [InlineData("{ registry: r.db, blobs: b, strategies: [] }", "publish.strategies: expected at least one strategy")]
    [InlineData("{ registry: r.db, blobs: b, owner: No Body }", "publish.owner: owner 'No Body': expected 1 to 63")]
    [InlineData("{ registry: r.db, blobs: b, pointer: '7' }", "publish.pointer: pointer '7': only digits")]
    [InlineData("{ registri: r.db, blobs: b }", "unknown key 'registri' in publish; did you mean 'registry'?")]
    [InlineData("{ registry: r.db }", "key 'blobs' is missing in publish")]
    public async Task What_cannot_be_published_is_refused_with_its_place(string publish, string error)
    {
        var file = _desk.Write("experiments/kept.yaml", Study.Replace("{ registry: REGISTRY, blobs: BLOBS }", publish, StringComparison.Ordinal).Replace("[small]", "[tiny]", StringComparison.Ordinal));
        Assert.Equal(2, await _desk.Run("validate", file));
        Assert.StartsWith("pbench: experiments/kept.yaml:11: " + error, _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("test-003.lora-r8.s1", "test-003.lora-r8.s1")]
    [InlineData("Anna B.s1", "anna-b.s1-")]
    [InlineData("..a", "p.a-")]
    [InlineData("_x", "p_x-")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123", "012345678901234567890123456789012345678901234567890123-")]
    public void What_is_no_id_gets_the_nearest_one_with_a_digest(string exact, string id)
    {
        var given = PolicyNames.Id(exact);
        Assert.StartsWith(id, given, StringComparison.Ordinal);
        Assert.True(PolicyId.IsValid(given), given);
        Assert.Equal(id.EndsWith('-') ? id.Length + 8 : id.Length, given.Length);
        Assert.NotEqual(given, PolicyNames.Id(exact + "?"));
    }

    [Fact]
    public async Task A_study_without_adapters_has_nothing_to_publish()
    {
        var file = _desk.Write("experiments/colours.yaml", Desk.Study + "\npublish: { registry: r.db, blobs: b }\n");
        Assert.Equal(2, await _desk.Run("run", file));
        Assert.Contains("publish: no strategy of the study trains adapters", _desk.Error, StringComparison.Ordinal);
        Assert.False(File.Exists("r.db"));
    }
}
