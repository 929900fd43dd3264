namespace PersonalizationBench.Core;

/// <summary>What a strategy is given to make personal models of.</summary>
/// <param name="Base">The loaded base; as it was before once the personal models are disposed.</param>
/// <param name="Histories">All users of the cell, adapted together.</param>
/// <param name="TuningUsers">Other users, probes included: what may be learned about users in general.</param>
/// <param name="Format">How prompts are composed.</param>
/// <param name="ReplayTexts">General text for replay.</param>
/// <param name="MaxAnswerTokens">Upper bound on a generated answer, from <see cref="AnswerLimit"/>.</param>
/// <param name="StopTexts">Where an answer ends.</param>
/// <param name="Seed">The only source of randomness.</param>
public sealed record AdaptationRequest(
    IBaseModel Base,
    IReadOnlyList<UserHistory> Histories,
    IReadOnlyList<User> TuningUsers,
    PromptFormat Format,
    IReadOnlyList<string> ReplayTexts,
    int MaxAnswerTokens,
    IReadOnlyList<string> StopTexts,
    long Seed)
{
    /// <inheritdoc cref="Dataset.UnknownAnswer"/>
    public string? UnknownAnswer { get; init; }
}

/// <summary>How a user's history reaches the model.</summary>
public interface IStrategy
{
    /// <summary>True for the oracle alone: its questions carry the gold evidence ids.</summary>
    bool SeesEvidence => false;

    /// <summary>True where <see cref="AdaptationRequest.Seed"/> can change an answer: such cells need several seeds.</summary>
    bool IsTrained => false;

    /// <summary>True where <see cref="UserHistory.StudyQuestions"/> are asked: a data set without any cannot be adapted to.</summary>
    bool AsksStudyQuestions => false;

    /// <summary>True where <see cref="UserHistory.Paraphrases"/> are read: a data set without them cannot be adapted to.</summary>
    bool ReadsParaphrases => false;

    /// <summary>Makes one personal model per user, all users together.</summary>
    IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation);
}

/// <summary>The personal models of a cell's users. Disposing restores the base.</summary>
public interface IPersonalModels : IDisposable
{
    /// <summary>Parameters trained for one user; 0 where nothing is trained.</summary>
    long TrainableParameters { get; }

    /// <summary>Bytes kept per user between sessions (mean): documents, index or adapter.</summary>
    long StoredBytesPerUser { get; }

    /// <summary>Answers every question, in the given order, in batches.</summary>
    IReadOnlyList<Answer> Answer(IReadOnlyList<Question> questions, CostMeter meter, CancellationToken cancellation);

    /// <summary>Natural-log likelihood of general texts under each user's personal model without any context:
    /// <c>[user][text]</c>, users in the order of the request. What adaptation made worse here was forgotten.</summary>
    IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<string> texts, CancellationToken cancellation);

    /// <summary>The same of texts that differ from user to user, <c>[user][text]</c> as they are given.</summary>
    IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<IReadOnlyList<string>> textsOfUsers, CancellationToken cancellation)
    {
        var texts = textsOfUsers.SelectMany(t => t).Distinct().ToList();
        var scores = ScoreTexts(texts, cancellation);
        return [.. textsOfUsers.Select((own, user) => (IReadOnlyList<double>)[.. own.Select(t => scores[user][texts.IndexOf(t)])])];
    }

    /// <summary>What the base answered to itself and was then trained on; empty where the material is documents alone.</summary>
    IReadOnlyList<StudyPair> StudyPairs => [];

    /// <summary>Writes the users' adapters in PEFT's format, one folder per user; does nothing where there are none.</summary>
    void Save(string folder) { }
}

/// <summary>One entry of the catalogue of strategies.</summary>
/// <param name="Type">Its word in a study file.</param>
/// <param name="Summary">One line for <c>pbench list</c>.</param>
/// <param name="OptionsType">A record with a parameterless constructor: documented settings with their defaults.</param>
/// <param name="Create">Makes the strategy from its options.</param>
/// <param name="Validate">Problems of these options with this base, before anything costs time.</param>
public sealed record StrategyDescriptor(
    string Type,
    string Summary,
    Type OptionsType,
    Func<object, IStrategy> Create,
    Func<object, BaseInfo, IEnumerable<string>> Validate);

/// <summary>The strategies that a study may name.</summary>
public interface IStrategyCatalog
{
    IReadOnlyList<StrategyDescriptor> Strategies { get; }

    /// <summary>Wraps a strategy so that every user gets another user's history or adapter: the wrong-user control.</summary>
    IStrategy WithWrongUsers(IStrategy inner);
}
