using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests;

public sealed class AdapterBankTests
{
    private static readonly LoraOptions Small = new() { Rank = 3, Alpha = 6 };

    public static TheoryData<string[]> Targets => new(["q_proj", "v_proj"], ["k_proj", "o_proj"], ["gate_proj"], ["up_proj", "down_proj"], [.. TinyModels.Grouped.Projections]);

    [Fact]
    public void A_new_adapter_leaves_the_base_as_it_is()
    {
        using var loaded = TinyModels.Load();
        using var bank = new AdapterBank(loaded.Config, 2, Small);
        bank.Initialise(1, 99);
        var requests = Requests(loaded.Config, -1);
        var bare = loaded.Score(requests, CostMeter.Unread(), default);
        using var use = loaded.UseAdapters(bank);
        Assert.Equal(bare, loaded.Score([.. requests.Select(r => r with { Slot = 1 })], CostMeter.Unread(), default));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Merged_is_unmerged(string[] targets)
    {
        using var loaded = TinyModels.Load();
        using var bank = Filled(loaded.Config, 3, Small with { TargetModules = targets });
        var requests = Requests(loaded.Config, 2);
        var bare = loaded.Score([.. requests.Select(r => r with { Slot = -1 })], CostMeter.Unread(), default);
        IReadOnlyList<double> adapted;
        using (loaded.UseAdapters(bank)) adapted = loaded.Score(requests, CostMeter.Unread(), default);
        Assert.All(bare.Zip(adapted), p => Assert.True(Math.Abs(p.First - p.Second) > 1e-3, "the adapter changes something"));

        bank.Merge(2, loaded.Weights);
        var merged = loaded.Score([.. requests.Select(r => r with { Slot = -1 })], CostMeter.Unread(), default);
        Assert.All(adapted.Zip(merged), p => Assert.Equal(p.First, p.Second, 2e-3));
        bank.Unmerge(2, loaded.Weights);
        var restored = loaded.Score([.. requests.Select(r => r with { Slot = -1 })], CostMeter.Unread(), default);
        Assert.All(bare.Zip(restored), p => Assert.Equal(p.First, p.Second, 2e-3));
    }

    [Fact]
    public void Rows_of_any_slots_answer_together_as_they_do_alone()
    {
        using var loaded = TinyModels.Load();
        using var bank = Filled(loaded.Config, 4, Small);
        using var use = loaded.UseAdapters(bank);
        var random = new DeterministicRandom(8);
        var requests = Enumerable.Range(0, 10).Select(i => new GenerationRequest(TinyModels.Tokens(loaded.Config, random.Next(2, 20), random), 6, i % 5 - 1)).ToList();
        var together = loaded.Generate(requests, CostMeter.Unread(), default);
        for (var i = 0; i < requests.Count; i++)
            Assert.Equal(loaded.Generate([requests[i]], CostMeter.Unread(), default)[0].Tokens, together[i].Tokens);
    }

    [Fact]
    public void Saving_what_was_loaded_gives_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        using var loaded = TinyModels.Load();
        using var bank = Filled(loaded.Config, 2, Small);
        PeftAdapterFile.Save(folder.File("a"), bank.Export(1, loaded.Info));
        using var other = new AdapterBank(loaded.Config, 3, Small);
        other.Import(0, PeftAdapterFile.Load(folder.File("a")), "a");
        PeftAdapterFile.Save(folder.File("b"), other.Export(0, loaded.Info));
        foreach (var name in new[] { PeftAdapterFile.ConfigName, PeftAdapterFile.WeightsName })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder.File("a"), name)), File.ReadAllBytes(Path.Combine(folder.File("b"), name)));
    }

    [Fact]
    public void Adapters_that_do_not_fit_are_refused_by_name()
    {
        using var loaded = TinyModels.Load();
        Assert.Contains("rank 17 is above the smallest dimension of k_proj, 16", Message(() => new AdapterBank(loaded.Config, 1, Small with { Rank = 17 })), StringComparison.Ordinal);
        Assert.Contains("did you mean 'q_proj'", Message(() => new AdapterBank(loaded.Config, 1, Small with { TargetModules = ["q_prj"] })), StringComparison.Ordinal);
        using var queries = new AdapterBank(loaded.Config, 1, Small with { TargetModules = ["q_proj"] });
        using var values = new AdapterBank(loaded.Config, 1, Small with { TargetModules = ["v_proj"] });
        using var ranked = new AdapterBank(loaded.Config, 1, Small with { TargetModules = ["q_proj"], Rank = 2 });
        Assert.Contains("q_proj' is not adapted here", Message(() => values.Import(0, queries.Export(0, loaded.Info), "x")), StringComparison.Ordinal);
        Assert.Contains("expected a rank of at most 2, found 3", Message(() => ranked.Import(0, queries.Export(0, loaded.Info), "x")), StringComparison.Ordinal);

        static string Message(Action action) => Assert.Throws<PbenchException>(action).Message;
    }

    [Fact]
    public void A_slot_begins_as_its_seed_says_wherever_it_lies()
    {
        using var loaded = TinyModels.Load();
        using var bank = new AdapterBank(loaded.Config, 3, Small);
        bank.Initialise(0, 5);
        bank.Initialise(2, 5);
        bank.Initialise(1, 6);
        Assert.Equal(bank.Export(0, loaded.Info).Digest(), bank.Export(2, loaded.Info).Digest());
        Assert.NotEqual(bank.Export(0, loaded.Info).Digest(), bank.Export(1, loaded.Info).Digest());
        Assert.Equal(bank.Export(0, loaded.Info).Modules.Sum(m => (m.A.Length + m.B.Length) / 4L), bank.ParametersPerSlot);
    }

    /// <summary>A bank whose adapters all say something.</summary>
    internal static AdapterBank Filled(DecoderConfig config, int slots, LoraOptions options)
    {
        var bank = new AdapterBank(config, slots, options);
        for (var slot = 0; slot < slots; slot++) bank.Initialise(slot, slot);
        using var scope = NewDisposeScope();
        foreach (var site in bank.Sites)
        {
            var values = new float[site.B.numel()];
            Gaussian.Fill(values, 0.3, DeterministicRandom.For(4, site.Module));
            site.B.copy_(tensor(values).view(site.B.shape));
        }
        return bank;
    }

    private static List<ScoreRequest> Requests(DecoderConfig config, int slot)
    {
        var random = new DeterministicRandom(21);
        return [.. Enumerable.Range(0, 4).Select(i => new ScoreRequest(TinyModels.Tokens(config, 3 + 2 * i, random), TinyModels.Tokens(config, 6, random), slot))];
    }
}
