using System.Runtime.InteropServices;

namespace PersonalizationBench.Models;

/// <summary>A sequence on its way through steps.</summary>
/// <param name="longest">Tokens that it can come to.</param>
/// <param name="firstWanted">The first position whose logits are wanted; so are all behind it.</param>
internal sealed class PagedSequence(int[] prompt, int slot, int longest, int firstWanted)
{
    public int[] Prompt => prompt;

    /// <summary>Of the bank; -1: the base.</summary>
    public int Slot => slot;

    public int Longest => longest;

    public int FirstWanted => firstWanted;

    public List<int> Tokens { get; } = [.. prompt];

    /// <summary>Tokens whose keys and values are in its pages.</summary>
    public int Read { get; set; }

    public PageLease? Pages { get; set; }

    /// <summary>Of the model; -1: the base.</summary>
    public int ModelSlot { get; set; } = -1;

    public bool HasAnswered { get; set; }

    public bool IsDone { get; set; }

    /// <summary>Takes a position's logits; gives the token that follows the last one, if there is to be one.</summary>
    public required Func<int, ReadOnlySpan<float>, int?> Accept { get; init; }

    /// <summary>Whether another sequence will find more of its beginning once this one has read its own.</summary>
    public bool WillGive(PagedSequence other)
    {
        if (slot != other.Slot || Read >= prompt.Length) return false;
        var common = Math.Min(prompt.AsSpan().CommonPrefixLength(other.Prompt), other.FirstWanted);
        return common / PagedModel.PageTokens > Read / PagedModel.PageTokens;
    }
}

/// <summary>The rows of a step, in arrays that are used again for the next.</summary>
internal sealed class PagedRows(PagedModel model)
{
    private readonly List<int> _ids = [], _positions = [], _sequences = [], _slots = [], _tables = [], _wanted = [];
    private readonly List<(PagedSequence Sequence, int Rows)> _taken = [];
    private readonly List<(PagedSequence Sequence, int Position, int Logits)> _answers = [];
    private float[] _logits = [];

    /// <summary>One step of each sequence's next tokens, as many as there is room for.</summary>
    /// <returns>Who took part with how many rows, and whose logits at which position came out where.</returns>
    public (IReadOnlyList<(PagedSequence Sequence, int Rows)> Rows, IReadOnlyList<(PagedSequence Sequence, int Position, int Logits)> Wanted) Step(IReadOnlyList<PagedSequence> running, int maxRows, int maxLogits)
    {
        foreach (var list in new[] { _ids, _positions, _sequences, _slots, _tables, _wanted }) list.Clear();
        _taken.Clear();
        _answers.Clear();
        foreach (var sequence in running)
        {
            var rows = Math.Min(sequence.Tokens.Count - sequence.Read, maxRows - _ids.Count);
            // Rows whose logits are wanted are dear: a step has few of them.
            var quiet = Math.Max(0, sequence.FirstWanted - sequence.Read);
            rows = Math.Min(rows, quiet + Math.Max(0, maxLogits - _wanted.Count));
            if (rows > 0) Add(sequence, rows);
        }
        var width = _taken.Max(t => t.Sequence.Pages!.Pages.Length);
        foreach (var (sequence, _) in _taken)
        {
            _tables.AddRange(sequence.Pages!.Pages);
            for (var i = sequence.Pages.Pages.Length; i < width; i++) _tables.Add(0);
        }
        var needed = _wanted.Count * model.Config.VocabularySize;
        if (_logits.Length < needed) _logits = new float[needed];
        model.Step(
            CollectionsMarshal.AsSpan(_ids), CollectionsMarshal.AsSpan(_positions), CollectionsMarshal.AsSpan(_sequences), CollectionsMarshal.AsSpan(_slots),
            CollectionsMarshal.AsSpan(_tables), width, CollectionsMarshal.AsSpan(_wanted), _logits);
        return (_taken, _answers);
    }

    public ReadOnlySpan<float> Logits(int place) => _logits.AsSpan(place * model.Config.VocabularySize, model.Config.VocabularySize);

    private void Add(PagedSequence sequence, int count)
    {
        for (var position = sequence.Read; position < sequence.Read + count; position++)
        {
            if (position >= sequence.FirstWanted)
            {
                _answers.Add((sequence, position, _wanted.Count));
                _wanted.Add(_ids.Count);
            }
            _ids.Add(sequence.Tokens[position]);
            _positions.Add(position);
            _sequences.Add(_taken.Count);
            _slots.Add(sequence.ModelSlot);
        }
        _taken.Add((sequence, count));
    }
}
