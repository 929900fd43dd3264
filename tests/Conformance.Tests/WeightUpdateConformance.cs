using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Strategies.Cartridge;
using PersonalizationBench.Strategies.ContinuedPretraining;
using PersonalizationBench.Strategies.Lora;
using PersonalizationBench.Strategies.LoraRag;
using PersonalizationBench.Strategies.PromptDistillation;
using PersonalizationBench.Strategies.Rag;
using PersonalizationBench.Strategies.Shared;
using PersonalizationBench.Strategies.UnsureRag;

namespace PersonalizationBench.Conformance.Tests;

/// <summary>What must hold beside the rest where weights are trained.</summary>
public abstract class WeightUpdateConformance : StrategyConformance
{
    protected override bool Trains => true;

    /// <summary>The same settings with another learning rate.</summary>
    protected abstract object WithLearningRate(double rate);

    [Fact]
    public void Another_seed_gives_another_model()
    {
        var users = TinyUsers.Make(2);
        Assert.NotEqual(Run(users, seed: 1).Select(a => a.LogLikelihood), Run(users, seed: 2).Select(a => a.LogLikelihood));
    }

    [Fact]
    public void What_was_trained_on_became_likelier()
    {
        var users = TinyUsers.Make(2);
        var texts = users.Select(u => u.History[0].Text).ToList();
        using var models = Strategy.Adapt(TinyUsers.Request(Base, users), CostMeter.Unread(), default);
        var scores = models.ScoreTexts(texts, default);
        for (var user = 0; user < users.Count; user++)
        {
            int[] tokens = Base.Tokenizer.Encode(texts[user]);
            var before = Base.Score([new ScoreRequest(Base.Tokenizer.Begun([]), tokens)], CostMeter.Unread(), default)[0];
            Assert.True(scores[user][user] > before, $"user {user}: {before} before, {scores[user][user]} after");
        }
    }

    [Fact]
    public void A_rate_far_too_high_is_a_clear_failure_that_leaves_the_base_alone()
    {
        var users = TinyUsers.Make(2);
        var before = Run(users);
        var tensors = TinyBase.LiveTensors();
        Assert.Throws<DivergedException>(() => Run(users, Descriptor.Create(WithLearningRate(1e30))));
        Assert.Equal(tensors, TinyBase.LiveTensorsNow());
        AssertSame(before, Run(users), tolerance: 0);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(0)]
    [InlineData(-1e-3)]
    public void A_rate_that_is_no_rate_is_refused_beforehand(double rate) =>
        Assert.Contains("learning_rate must be positive", Assert.Single(Descriptor.Validate(WithLearningRate(rate), Base.Info)), StringComparison.Ordinal);

    [Fact]
    public void Nobody_with_a_history_means_nobody_trained()
    {
        var users = TinyUsers.Make(2, documents: 0);
        var meter = CostMeter.Unread();
        using var models = Strategy.Adapt(TinyUsers.Request(Base, users), meter, default);
        Assert.Equal(0, meter.TrainedTokens);
        Assert.Equal(users.Sum(u => u.Probes.Count), models.Answer(TinyUsers.Questions(users, false), CostMeter.Unread(), default).Count);
    }
}

public sealed class LoraConformance : WeightUpdateConformance
{
    public override string Type => "lora";

    protected override object Options => new LoraStrategyOptions { Rank = 2, Steps = 6, Batch = 3, LearningRate = 2e-2 };

    protected override object WithLearningRate(double rate) => (LoraStrategyOptions)Options with { LearningRate = rate };

    /// <summary>f32 factors of rank 2 over the seven projections of two layers, and at most 8 KiB of names and settings.</summary>
    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (4 * FactorsOfRankTwo, (4 * FactorsOfRankTwo) + 8192);

    /// <summary>Rank x (in + out) of q, k, v, o (16 wide, keys and values 8) and gate, up, down (32 wide inside), two layers.</summary>
    private const long FactorsOfRankTwo = 2 * 2 * ((16 + 16) + (16 + 8) + (16 + 8) + (16 + 16) + 3 * (16 + 32));

    [Fact]
    public void One_user_trains_as_many_parameters_as_its_adapter_has()
    {
        using var models = Strategy.Adapt(TinyUsers.Request(Base, TinyUsers.Make(3)), CostMeter.Unread(), default);
        Assert.Equal(FactorsOfRankTwo, models.TrainableParameters);
    }

    [Fact]
    public void Adapters_are_saved_in_a_folder_per_user_as_large_as_reported()
    {
        var folder = Directory.CreateTempSubdirectory("conformance-");
        try
        {
            var users = TinyUsers.Make(1).Concat([TinyUsers.One(1, documents: 0) with { Id = "nothing" }]).Append(TinyUsers.One(2, documents: 4) with { Id = "../a b" }).ToList();
            using var models = Strategy.Adapt(TinyUsers.Request(Base, users), CostMeter.Unread(), default);
            models.Save(folder.FullName);
            Assert.Equal(["%2E%2E%2Fa%20b", "user-00"], folder.EnumerateDirectories().Select(d => d.Name).Order(StringComparer.Ordinal));
            var adapter = PeftAdapterFile.Load(Path.Combine(folder.FullName, "user-00"));
            adapter.RequireBase(Base.Info.Digest, "user-00");
            Assert.Equal((2, 4.0), (adapter.Config.Rank, adapter.Config.Alpha));
            var bytes = folder.EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);
            Assert.Equal((long)Math.Round(bytes / 3.0), models.StoredBytesPerUser); // one of the three has no adapter
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("all", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj")]
    [InlineData("attention", "q_proj,k_proj,v_proj,o_proj")]
    [InlineData("mlp", "gate_proj,up_proj,down_proj")]
    [InlineData("q_proj+v_proj", "q_proj,v_proj")]
    [InlineData("mlp+o_proj+up_proj", "gate_proj,up_proj,down_proj,o_proj")]
    public void Target_modules_are_sets_or_names(string setting, string modules) =>
        Assert.Equal(modules.Split(','), new LoraStrategyOptions { TargetModules = setting }.ToLora(Base.Info).TargetModules);

    [Theory]
    [InlineData("q_prj", "did you mean 'q_proj'")]
    [InlineData("", "unknown")]
    public void A_module_that_is_none_is_refused(string setting, string problem) =>
        Assert.Contains(problem, Assert.Single(Descriptor.Validate(new LoraStrategyOptions { Rank = 2, TargetModules = setting }, Base.Info)), StringComparison.Ordinal);

    [Fact]
    public void A_rank_above_the_smallest_dimension_is_refused() =>
        Assert.Contains(Descriptor.Validate(new LoraStrategyOptions { Rank = 9 }, Base.Info), p => p.Contains("rank 9 is above the smallest dimension of k_proj, 8", StringComparison.Ordinal));

    [Theory]
    [InlineData(false, 6)]
    [InlineData(true, 2)]
    public void Documents_are_sequences_of_their_own_unless_packed(bool pack, int sequences)
    {
        // 16 tokens a document with its separator, and room for five beside the begin-of-text.
        var request = TinyUsers.Request(Base, TinyUsers.Make(1));
        var texts = Strategies.Shared.HistoryTexts.Of(request.Histories[0], request, pack);
        Assert.Equal(sequences, texts.Count);
        Assert.Equal(request.Format.Compose(request.Histories[0].Documents, ""), string.Concat(texts.SelectMany(t => t.Segments).Select(s => s.Text)));
        Assert.All(texts, t => Assert.InRange(Base.Tokenizer.Encode(t.Segments[0].Text).Length + 1, 2, TinyBase.ContextLength));
    }
}

public sealed class SelfStudyConformance : WeightUpdateConformance
{
    public override string Type => "lora";

    protected override object Options => new LoraStrategyOptions { Rank = 2, Steps = 6, Batch = 8, LearningRate = 2e-2, Study = new StudyMaterial { Material = StudyKind.SelfStudy, Paraphrases = 1, LearnQuestions = true } };

    protected override object WithLearningRate(double rate) => (LoraStrategyOptions)Options with { LearningRate = rate };

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (4096, 16384);

    [Fact]
    public void What_the_base_taught_is_reported_and_metered()
    {
        var users = TinyUsers.Make(2);
        var meter = CostMeter.Unread();
        using var models = Strategy.Adapt(TinyUsers.Request(Base, users), meter, default);
        Assert.Equal(users.Select(u => u.Id), models.StudyPairs.Select(p => p.UserId).Distinct());
        Assert.All(models.StudyPairs, p => Assert.NotEqual("", p.Answer));
        // Six documents of 16 tokens are read once for each user, whatever is asked about them.
        Assert.InRange(meter.TeacherTokens, 2 * 60, 2 * 300);
        Assert.True(meter.TeacherSeconds > 0);
    }
}

public sealed class PromptDistillationConformance : WeightUpdateConformance
{
    public override string Type => "prompt-distillation";

    protected override object Options => new PromptDistillationOptions { Rank = 2, Steps = 6, Batch = 3, LearningRate = 2e-2, Study = new PromptDistillationOptions().Study with { Documents = true } };

    protected override object WithLearningRate(double rate) => (PromptDistillationOptions)Options with { LearningRate = rate };

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (4096, 16384);

    [Fact]
    public void Other_material_is_refused() =>
        Assert.Contains("expected material: self-study and targets: soft", Assert.Single(Descriptor.Validate((PromptDistillationOptions)Options with { Study = new StudyMaterial() }, Base.Info)), StringComparison.Ordinal);
}

public sealed class CartridgeConformance : WeightUpdateConformance
{
    public override string Type => "cartridge";

    protected override object Options => new CartridgeOptions { Tokens = 8, Steps = 6, Batch = 3, LearningRate = 2e-2, Study = new StudyMaterial { Material = StudyKind.SelfStudy, Targets = StudyTargets.Soft } };

    protected override object WithLearningRate(double rate) => (CartridgeOptions)Options with { LearningRate = rate };

    /// <summary>Keys and values of 8 positions, 8 wide, in f32, of two layers.</summary>
    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (4 * 2 * 2 * 8 * 8, 4 * 2 * 2 * 8 * 8);

    [Fact]
    public void The_first_position_is_not_trained()
    {
        using var models = Strategy.Adapt(TinyUsers.Request(Base, TinyUsers.Make(3)), CostMeter.Unread(), default);
        Assert.Equal(2 * 2 * 7 * 8, models.TrainableParameters);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(TinyBase.ContextLength)]
    public void A_size_that_cannot_be_is_refused(int tokens) =>
        Assert.Contains("tokens must be 2 to 24", Assert.Single(Descriptor.Validate((CartridgeOptions)Options with { Tokens = tokens }, Base.Info)), StringComparison.Ordinal);
}

public sealed class UnsureRagConformance : WeightUpdateConformance
{
    public override string Type => "unsure-rag";

    protected override object Options => new UnsureRagOptions { Rank = 2, Steps = 6, Batch = 3, LearningRate = 2e-2, K = 2, Threshold = 0.03 };

    protected override object WithLearningRate(double rate) => (UnsureRagOptions)Options with { LearningRate = rate };

    protected override int PromptsPerQuestion => 2;

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) =>
        (Documents.BytesPerUser(users).Least + 4096, Documents.BytesPerUser(users).Most + (24 * 512) + 16384);

    [Fact]
    public void Whom_nothing_makes_unsure_answers_as_the_adapter_does()
    {
        var users = TinyUsers.Make(2);
        AssertSame(Run(users, new LoraStrategy(Copied())), Run(users, new UnsureRagStrategy((UnsureRagOptions)Options with { Threshold = 0 })), tolerance: 0);
    }

    [Fact]
    public void Whom_everything_makes_unsure_answers_as_retrieval_does()
    {
        var users = TinyUsers.Make(2);
        var looked = Run(users, new UnsureRagStrategy((UnsureRagOptions)Options with { Threshold = 1 })).Where(a => a.ProbeId is "recall" or "both" or "choice").ToList();
        var found = Run(users, new RagStrategy(new RagOptions { K = 2 })).Where(a => a.ProbeId is "recall" or "both" or "choice").ToList();
        Assert.Equal(found.Select(a => (a.Text, a.Choice)), looked.Select(a => (a.Text, a.Choice)));
        Assert.Equal(found.Select(a => a.ContextIds), looked.Select(a => a.ContextIds));
        Assert.All(found.Zip(looked), p => Assert.True(p.Second.PromptTokens > p.First.PromptTokens));
    }

    [Fact]
    public void The_word_for_unknown_is_looked_up_whatever_the_threshold()
    {
        var users = TinyUsers.Make(2);
        var sure = new UnsureRagStrategy((UnsureRagOptions)Options with { Threshold = 0 });
        var said = Run(users, sure).First(a => a.ProbeId == "recall");
        using var models = sure.Adapt(TinyUsers.Request(Base, users) with { UnknownAnswer = said.Text }, CostMeter.Unread(), default);
        var answers = models.Answer(TinyUsers.Questions(users, withEvidence: false), CostMeter.Unread(), default);
        Assert.NotEmpty(answers.Single(a => (a.UserId, a.ProbeId) == (said.UserId, said.ProbeId)).ContextIds);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.5)]
    [InlineData(double.NaN)]
    public void A_threshold_that_is_no_probability_is_refused(double threshold) =>
        Assert.Contains("threshold must be between 0 and 1", Assert.Single(Descriptor.Validate((UnsureRagOptions)Options with { Threshold = threshold }, Base.Info)), StringComparison.Ordinal);

    private LoraStrategyOptions Copied() => new() { Rank = 2, Steps = 6, Batch = 3, LearningRate = 2e-2 };
}

public sealed class LoraRagConformance : WeightUpdateConformance
{
    public override string Type => "lora-rag";

    protected override object Options => new LoraRagOptions { Rank = 2, Steps = 6, Batch = 3, LearningRate = 2e-2, K = 2, TargetModules = "attention" };

    protected override object WithLearningRate(double rate) => (LoraRagOptions)Options with { LearningRate = rate };

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) =>
        (Documents.BytesPerUser(users).Least + 4096, Documents.BytesPerUser(users).Most + (24 * 512) + 16384);

    [Fact]
    public void The_prompt_holds_what_retrieval_found() =>
        Assert.All(Run(TinyUsers.Make(1)).Where(a => a.ProbeId == "recall"), a => Assert.Equal(2, a.ContextIds.Count));
}

public sealed class ContinuedPretrainingConformance : WeightUpdateConformance
{
    public override string Type => "continued-pretraining";

    protected override object Options => new ContinuedPretrainingOptions { Steps = 6, Batch = 4, LearningRate = 5e-3 };

    protected override object WithLearningRate(double rate) => (ContinuedPretrainingOptions)Options with { LearningRate = rate };

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (2 * Base.Info.Parameters, 8 * Base.Info.Parameters);

    [Fact]
    public void Replay_without_texts_is_refused_with_what_to_do()
    {
        var request = TinyUsers.Request(Base, TinyUsers.Make(1)) with { ReplayTexts = [] };
        var refused = Assert.Throws<PbenchException>(() => Strategy.Adapt(request, CostMeter.Unread(), default));
        Assert.Contains("set replay_share: 0", refused.Message, StringComparison.Ordinal);
        using var models = new ContinuedPretrainingStrategy((ContinuedPretrainingOptions)Options with { ReplayShare = 0 }).Adapt(request, CostMeter.Unread(), default);
        Assert.Equal(Base.Info.Parameters, models.TrainableParameters);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    public void A_share_that_is_none_is_refused(double share) =>
        Assert.Contains("replay_share", Assert.Single(Descriptor.Validate((ContinuedPretrainingOptions)Options with { ReplayShare = share }, Base.Info)), StringComparison.Ordinal);
}
