using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Tests.Fakes;

/// <summary>How a fake strategy is to misbehave.</summary>
public enum Mishap
{
    Nothing,
    Throws,
    Diverges,
    RunsOutOfMemory,
    ForgetsAnAnswer,
    ScoresNothing,
    Cancels,
}

public sealed record NoOptions;

public sealed record RagOptions
{
    [Range(1, 100)] public int K { get; init; } = 1;
}

public sealed record LoraOptions
{
    [Range(1, 1024)] public int Rank { get; init; } = 8;
    public double LearningRate { get; init; } = 1e-3;
    public IReadOnlyList<string> TargetModules { get; init; } = ["q", "v"];
    public Mishap Mishap { get; init; }
    public int Milliseconds { get; init; }
}

/// <summary>Strategies whose answers are a function of their settings, the seed and the question, and of nothing else.</summary>
internal sealed class FakeStrategies(ManualClock? clock = null) : IStrategyCatalog
{
    /// <summary>Mishaps happen only while this is set: what failed can be put right.</summary>
    public bool IsBroken { get; set; } = true;

    /// <summary>Called by the strategy whose mishap is to cancel.</summary>
    public Action Cancel { get; set; } = () => { };

    /// <summary>Every question asked, with the size of its batch.</summary>
    public List<(Question Question, int Batch)> Asked { get; } = [];

    /// <summary>What answered each batch.</summary>
    public List<(string Type, int Batch)> AskedBy { get; } = [];

    /// <summary>The type that falls over when it is asked one question at a time.</summary>
    public string FailsAlone { get; set; } = "";

    public IReadOnlyList<StrategyDescriptor> Strategies =>
    [
        new("none", "Nothing.", typeof(NoOptions), o => new FakeStrategy(this, "none", o), (_, _) => []),
        new("majority", "The commonest answer.", typeof(NoOptions), o => new FakeStrategy(this, "majority", o), (_, _) => []),
        new("rag", "Looks it up.", typeof(RagOptions), o => new FakeStrategy(this, "rag", o), (_, _) => []),
        new("oracle", "Knows where to look.", typeof(NoOptions), o => new FakeStrategy(this, "oracle", o), (_, _) => []),
        new("lora", "Learns it.", typeof(LoraOptions), o => new FakeStrategy(this, "lora", o), (o, b) => ((LoraOptions)o).Rank > b.SmallestDimension.Values.Min()
            ? [$"rank {((LoraOptions)o).Rank} is above the smallest dimension {b.SmallestDimension.Values.Min()}"] : []),
    ];

    public IStrategy WithWrongUsers(IStrategy inner) => new FakeStrategy(this, "wrong-" + ((FakeStrategy)inner).Type, ((FakeStrategy)inner).Options);

    public void Pass(double seconds) => clock?.Advance(seconds);
}

internal sealed class FakeStrategy(FakeStrategies catalog, string type, object options) : IStrategy
{
    public string Type => type;

    public object Options => options;

    public bool IsTrained => type.EndsWith("lora", StringComparison.Ordinal);

    public bool SeesEvidence => type == "oracle";

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var mishap = catalog.IsBroken && options is LoraOptions lora ? lora.Mishap : Mishap.Nothing;
        switch (mishap)
        {
            case Mishap.Throws: throw new InvalidOperationException("it does\nnot work");
            case Mishap.Diverges: throw new DivergedException("the loss became NaN at step 7");
            case Mishap.RunsOutOfMemory: throw new IOException("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.");
            case Mishap.Cancels:
                catalog.Cancel();
                cancellation.ThrowIfCancellationRequested();
                break;
        }
        if (options is LoraOptions { Milliseconds: > 0 and var pause }) cancellation.WaitHandle.WaitOne(pause);
        catalog.Pass(IsTrained ? 3 : 0.5);
        meter.AddTrainedTokens(IsTrained ? 100 : 0);
        meter.AddFlops(IsTrained ? 1e6 : 0);
        return new FakePersonalModels(catalog, type, JsonSerializer.Serialize(options, options.GetType()), request, mishap);
    }
}

internal sealed class FakePersonalModels(FakeStrategies catalog, string type, string settings, AdaptationRequest request, Mishap mishap) : IPersonalModels
{
    public long TrainableParameters => type == "lora" ? 64 : 0;

    public long StoredBytesPerUser => 256;

    public IReadOnlyList<Answer> Answer(IReadOnlyList<Question> questions, CostMeter meter, CancellationToken cancellation)
    {
        catalog.Pass(questions.Count * 0.1);
        catalog.AskedBy.Add((type, questions.Count));
        if (questions.Count == 1 && catalog.FailsAlone == type) throw new InvalidOperationException("it cannot be alone");
        catalog.Asked.AddRange(questions.Select(q => (q, questions.Count)));
        meter.AddFlops(questions.Count * 10);
        foreach (var question in questions) meter.AddSequence(100 * question.Prompt.Length);
        meter.AddShared(2, questions.Count, 4);
        meter.ObserveFirstToken();
        meter.ObserveToken(TimeSpan.FromMilliseconds(5));
        var answers = questions.Select(To).ToList();
        return mishap == Mishap.ForgetsAnAnswer ? answers[1..] : answers;
    }

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<string> texts, CancellationToken cancellation) =>
        [.. request.Histories.Select(_ => (IReadOnlyList<double>)[.. texts.Select(t => -t.Length * Math.Log(2) * (type == "lora" ? 3 : 2))])];

    public void Dispose()
    {
    }

    private Answer To(Question question)
    {
        var luck = DeterministicRandom.For(request.Seed, type, settings, question.UserId, question.ProbeId);
        var history = request.Histories.Single(h => h.Id == question.UserId);
        return new Answer(question.UserId, question.ProbeId, luck.Chance(0.5) ? FakeDatasets.Gold(question.UserId) : "no, \"idea\"")
        {
            Choice = question.Choices.Count == 0 ? -1 : luck.Next(question.Choices.Count),
            LogLikelihood = question.Continuation is null ? null : mishap == Mishap.ScoresNothing ? double.NaN : -10 * luck.NextDouble(),
            PromptTokens = question.Prompt.Length,
            ContextIds = type == "oracle" ? question.EvidenceIds : type == "rag" ? [history.Documents[0].Id] : [],
        };
    }
}
