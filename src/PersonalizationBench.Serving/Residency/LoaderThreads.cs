namespace PersonalizationBench.Serving;

/// <summary>
/// Does one thing after another on at most so many threads of its own, which end when nothing is left. Adapters load here and not on the
/// thread pool: a pool that requests keep busy would let all who wait for an adapter wait for a free thread first.
/// </summary>
internal sealed class LoaderThreads(int most)
{
    private readonly Lock _lock = new();
    private readonly Queue<Action> _waiting = [];
    private int _running;

    /// <param name="work">It throws nothing.</param>
    public void Add(Action work)
    {
        lock (_lock)
        {
            _waiting.Enqueue(work);
            if (_running == most) return;
            _running++;
        }
        new Thread(Run) { Name = "adapter loader", IsBackground = true }.Start();
    }

    private void Run()
    {
        while (Next() is { } work) work();
    }

    private Action? Next()
    {
        lock (_lock)
        {
            if (_waiting.TryDequeue(out var work)) return work;
            _running--;
            return null;
        }
    }
}
