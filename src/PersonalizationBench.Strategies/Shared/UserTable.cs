using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>The users of a request by index and by id.</summary>
internal sealed class UserTable
{
    private readonly IReadOnlyList<UserHistory> _histories;
    private readonly Dictionary<string, int> _indexById = new(StringComparer.Ordinal);

    public UserTable(IReadOnlyList<UserHistory> histories)
    {
        _histories = histories;
        for (var i = 0; i < histories.Count; i++)
        {
            if (!_indexById.TryAdd(histories[i].Id, i)) throw new PbenchException($"user {histories[i].Id} is in the cell twice; ids must differ");
        }
    }

    public int Count => _histories.Count;

    public UserHistory this[int user] => _histories[user];

    public int IndexOf(Question question) => _indexById.TryGetValue(question.UserId, out var user)
        ? user
        : throw new PbenchException($"probe {question.ProbeId} asks about user {question.UserId}, for whom nothing was adapted");
}
