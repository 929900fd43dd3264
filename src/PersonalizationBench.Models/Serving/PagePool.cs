namespace PersonalizationBench.Models;

/// <summary>
/// The pages of keys and values. A sequence gets, when it is admitted, all the pages it can ever need, so that nothing runs out of
/// memory later. Full pages stay after their sequence, until their room is wanted: another prompt that begins alike, on the same
/// base and adapter, shares them. Not thread-safe.
/// </summary>
public sealed class PagePool
{
    private const int PageTokens = PagedModel.PageTokens;

    private readonly Stack<int> _free;
    private readonly int[] _users;
    private readonly PageKey?[] _keys;
    private readonly Dictionary<PageKey, int> _byKey = [];
    private readonly LinkedList<int> _idle = [];
    private readonly LinkedListNode<int>[] _nodes;

    public PagePool(int pages)
    {
        (Pages, _users, _keys) = (pages, new int[pages], new PageKey?[pages]);
        _free = new Stack<int>(Enumerable.Range(0, pages).Reverse());
        _nodes = [.. Enumerable.Range(0, pages).Select(page => new LinkedListNode<int>(page))];
    }

    public int Pages { get; }

    /// <summary>Pages that a new sequence may have.</summary>
    public int Available => _free.Count + _idle.Count;

    public static int PagesFor(int tokens) => (tokens + PageTokens - 1) / PageTokens;

    /// <summary>Pages for a sequence of at most <paramref name="longest"/> tokens; null where there are not so many.</summary>
    /// <param name="start">Of the sequence's base and adapter.</param>
    /// <param name="mostFound">Tokens that need not be computed; all but the last unless given: that is what the first answer comes from.</param>
    public PageLease? TryLease(PageKey start, ReadOnlySpan<int> prompt, int longest, int? mostFound = null)
    {
        var (found, key) = (new List<int>(), start);
        for (var at = 0; at + PageTokens <= (mostFound ?? prompt.Length - 1); at += PageTokens)
        {
            key = key.Next(prompt.Slice(at, PageTokens));
            if (!_byKey.TryGetValue(key, out var page)) break;
            found.Add(page);
        }
        foreach (var page in found) Take(page);
        var missing = PagesFor(longest) - found.Count;
        if (missing > Available)
        {
            foreach (var page in found) Return(page);
            return null;
        }
        var pages = new int[found.Count + missing];
        found.CopyTo(pages);
        for (var i = found.Count; i < pages.Length; i++) pages[i] = New();
        return new PageLease(pages, found.Count, found.Count == 0 ? start : _keys[found[^1]]!.Value);
    }

    /// <summary>Makes the pages that these tokens fill findable; tokens are all whose keys and values are written.</summary>
    public void Keep(PageLease lease, ReadOnlySpan<int> tokens)
    {
        while ((lease.Kept + 1) * PageTokens <= tokens.Length)
        {
            var key = lease.KeptKey.Next(tokens.Slice(lease.Kept * PageTokens, PageTokens));
            // Where another sequence was first, this one keeps its own page and nobody finds it.
            if (_byKey.TryAdd(key, lease.Pages[lease.Kept])) _keys[lease.Pages[lease.Kept]] = key;
            (lease.Kept, lease.KeptKey) = (lease.Kept + 1, key);
        }
    }

    public void Release(PageLease lease)
    {
        // Last pages first: a page is of use only as long as those before it are there.
        for (var i = lease.Pages.Length - 1; i >= 0; i--) Return(lease.Pages[i]);
    }

    private void Take(int page)
    {
        if (_users[page]++ == 0) _idle.Remove(_nodes[page]);
    }

    private void Return(int page)
    {
        if (--_users[page] > 0) return;
        if (_keys[page] is null) _free.Push(page);
        else _idle.AddLast(_nodes[page]);
    }

    private int New()
    {
        if (!_free.TryPop(out var page))
        {
            page = _idle.First!.Value;
            _idle.RemoveFirst();
            _byKey.Remove(_keys[page]!.Value);
            _keys[page] = null;
        }
        _users[page] = 1;
        return page;
    }
}

/// <summary>The pages of one sequence.</summary>
public sealed class PageLease(int[] pages, int found, PageKey key)
{
    public int[] Pages => pages;

    /// <summary>Pages that were there already.</summary>
    public int Found { get; } = found;

    internal int Kept { get; set; } = found;

    internal PageKey KeptKey { get; set; } = key;
}
