using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Strategies.Lora;
using PersonalizationBench.Strategies.SavedAdapter;

namespace PersonalizationBench.Conformance.Tests;

/// <summary>Adapters of a few tiny users, saved once for all tests.</summary>
public sealed class SavedAdapterConformance : StrategyConformance
{
    private static readonly LoraStrategyOptions s_trained = new() { Rank = 2, Steps = 6, Batch = 3, LearningRate = 2e-2 };

    private static readonly Lazy<string> s_folder = new(() =>
    {
        var folder = Directory.CreateTempSubdirectory("conformance-adapters-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        using var loaded = TinyBase.Load();
        using var models = Trained(loaded, TinyUsers.Make(5));
        models.Save(folder);
        return folder;
    });

    public override string Type => "adapter";

    protected override object Options => Of(s_folder.Value);

    protected override bool HasWeights => true;

    protected override bool ReadsHistory => false;

    protected override (long Least, long Most) StoredBytes(IReadOnlyList<User> users) => (1000, 20_000);

    private static object Of(string folder) => new SavedAdapterOptions { Folder = "." }.In(folder);

    private static IPersonalModels Trained(LoadedBase model, IReadOnlyList<User> users) =>
        new LoraStrategy(s_trained).Adapt(TinyUsers.Request(model, users), CostMeter.Unread(), default);

    [Fact]
    public void What_was_saved_answers_as_what_was_trained()
    {
        var users = TinyUsers.Make(5);
        using var trained = Trained(Base, users);
        AssertSame(trained.Answer(TinyUsers.Questions(users, false), CostMeter.Unread(), default), Run(users));
    }

    [Fact]
    public void Other_adapters_are_another_cell_and_a_user_without_one_is_named()
    {
        var options = (SavedAdapterOptions)Options;
        var other = Directory.CreateTempSubdirectory("conformance-");
        try
        {
            using (var models = Trained(Base, TinyUsers.Make(1))) models.Save(other.FullName);
            var fewer = (SavedAdapterOptions)Of(other.FullName);
            Assert.NotEqual(options.Digest, fewer.Digest);
            Assert.Equal(options.Digest, ((SavedAdapterOptions)Options).Digest);
            var users = new Dataset("tiny", "", TinyUsers.Make(2), [], TinyUsers.Format);
            Assert.Empty(options.Lacks(users));
            Assert.Equal("folder: 1 of 2 users have no adapter there, such as user-01; expected ./user-01/adapter_config.json; did you mean 'user-00'?", Assert.Single(fewer.Lacks(users)));
        }
        finally
        {
            other.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_folder_that_is_not_there_and_a_base_that_is_another_are_refused()
    {
        Assert.Contains("nowhere is not there", Assert.Throws<PbenchException>(() => new SavedAdapterOptions { Folder = "nowhere" }.In("here")).Message, StringComparison.Ordinal);
        using var other = new LoadedBase(Base.Info with { Digest = "other" }, DecoderWeights.Initialise(Base.Config, seed: 2, Precision.Float32), Base.Tokenizer);
        var refused = Assert.Throws<PbenchException>(() => Strategy.Adapt(TinyUsers.Request(other, TinyUsers.Make(1)), CostMeter.Unread(), default));
        Assert.Contains("the adapter was trained on a base with digest", refused.Message, StringComparison.Ordinal);
    }
}
