namespace PersonalizationBench.Models;

/// <summary>Which adapter is in which slot, and who uses it: what nobody uses gives way, the longest unused first. Not thread-safe.</summary>
public sealed class SlotTable
{
    private readonly string?[] _adapters;
    private readonly int[] _users;
    private readonly Dictionary<string, int> _slots = [];
    private readonly LinkedList<int> _idle = [];
    private readonly LinkedListNode<int>[] _nodes;

    public SlotTable(int slots)
    {
        (_adapters, _users) = (new string?[slots], new int[slots]);
        _nodes = [.. Enumerable.Range(0, slots).Select(slot => new LinkedListNode<int>(slot))];
        foreach (var node in _nodes) _idle.AddLast(node);
    }

    public int Count => _adapters.Length;

    public int InUse => Count - _idle.Count;

    /// <summary>The slot that holds this adapter, kept until <see cref="Release"/>; -1 where none does.</summary>
    public int TryAcquire(string adapter)
    {
        if (!_slots.TryGetValue(adapter, out var slot)) return -1;
        if (_users[slot]++ == 0) _idle.Remove(_nodes[slot]);
        return slot;
    }

    /// <summary>A slot for an adapter that has none, kept until <see cref="Release"/>; -1 where all are in use. The caller fills it.</summary>
    /// <param name="before">What had to give way; null: nothing.</param>
    public int TryPlace(string adapter, out string? before)
    {
        before = null;
        if (_idle.First is not { } node) return -1;
        var slot = node.Value;
        _idle.RemoveFirst();
        before = _adapters[slot];
        if (before is not null) _slots.Remove(before);
        (_adapters[slot], _users[slot], _slots[adapter]) = (adapter, 1, slot);
        return slot;
    }

    public void Release(int slot)
    {
        if (--_users[slot] == 0) _idle.AddLast(_nodes[slot]);
    }
}
