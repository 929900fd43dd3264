using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>BM25 over every user's own documents.</summary>
internal sealed class Retrieval : IDisposable
{
    private readonly IReadOnlyList<UserHistory> _histories;
    private readonly List<Bm25Index> _indexes = [];
    private readonly int _k;

    /// <param name="histories">The users, in the order of the request.</param>
    /// <param name="k">Documents per question, at most.</param>
    public Retrieval(IReadOnlyList<UserHistory> histories, int k, CancellationToken cancellation)
    {
        _histories = histories;
        _k = k;
        try
        {
            foreach (var history in histories)
            {
                cancellation.ThrowIfCancellationRequested();
                _indexes.Add(new Bm25Index(history.Documents));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
        StoredBytesPerUser = StoredBytes.MeanPerUser(histories.Select((h, u) => StoredBytes.Of(h.Documents) + _indexes[u].Bytes));
    }

    /// <summary>Documents and index (mean over users).</summary>
    public long StoredBytesPerUser { get; }

    /// <summary>Best first. Where a text is scored and its prompt (a subject line, say) finds nothing, the newest documents
    /// stand in; a question that finds nothing goes without.</summary>
    public IReadOnlyList<int> Select(int user, Question question)
    {
        var found = _indexes[user].Search(question.Prompt, _k);
        return found.Count == 0 && question.Scoring == ProbeScoring.BitsPerByte ? InContext.Newest(_histories[user].Documents.Count, _k) : found;
    }

    /// <summary>What is wrong with a number of documents to retrieve.</summary>
    public static IEnumerable<string> Problems(int k)
    {
        if (k < 1) yield return $"k must be at least 1, not {k}";
    }

    public void Dispose() => _indexes.ForEach(i => i.Dispose());
}
