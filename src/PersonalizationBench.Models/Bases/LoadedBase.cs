using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>A base in memory, with an adapter bank or a user's own weights put in and taken out.</summary>
public sealed class LoadedBase : IBaseModel
{
    /// <summary>Takes ownership of <paramref name="weights"/>.</summary>
    public LoadedBase(BaseInfo info, LlamaWeights weights, ITokenizer tokenizer) => throw new NotImplementedException();

    public BaseInfo Info => throw new NotImplementedException();

    public ITokenizer Tokenizer => throw new NotImplementedException();

    public LlamaConfig Config => throw new NotImplementedException();

    /// <summary>The base's own weights, whatever is swapped in.</summary>
    public LlamaWeights Weights => throw new NotImplementedException();

    /// <summary>Where the slots of requests point until the result is disposed; nests. The bank stays the caller's.</summary>
    public IDisposable UseAdapters(AdapterBank bank) => throw new NotImplementedException();

    /// <summary>Answers with a user's own weights until the result is disposed; nests. The weights stay the caller's.</summary>
    public IDisposable UseWeights(PersonalWeights weights) => throw new NotImplementedException();

    public IReadOnlyList<Generation> Generate(IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation) => throw new NotImplementedException();

    public IReadOnlyList<double> Score(IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
