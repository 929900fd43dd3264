using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>The weights with which each user's prompts are read.</summary>
internal interface IPersonalWeights : IDisposable
{
    long TrainableParameters { get; }

    long StoredBytesPerUser { get; }

    /// <summary>Users of one group are answered in the same batches.</summary>
    int Group(int user);

    /// <summary>Adapter slot of a user; -1 for none.</summary>
    int Slot(int user);

    /// <summary>Puts a group's weights in until the result is disposed; null where there is nothing to put in.</summary>
    IDisposable? Use(int group);

    /// <summary>The adapter of every user who has one of their own; nothing where the weights are no adapters.</summary>
    IEnumerable<(string UserId, PeftAdapter Adapter)> Export(IReadOnlyList<UserHistory> users) => [];
}

/// <summary>The base as it is, for everybody.</summary>
internal sealed class BaseWeights : IPersonalWeights
{
    public long TrainableParameters => 0;

    public long StoredBytesPerUser => 0;

    public int Group(int user) => 0;

    public int Slot(int user) => -1;

    public IDisposable? Use(int group) => null;

    public void Dispose() { }
}
