using System.Runtime.InteropServices;
using PersonalizationBench.Models;

namespace PersonalizationBench.Serving;

/// <summary>The rows of one step, in arrays that are used again for the next.</summary>
internal sealed class StepRows(PagedModel model)
{
    private readonly List<int> _ids = [], _positions = [], _sequences = [], _slots = [], _tables = [], _wantedRows = [];
    private float[] _logits = [];

    public int Count => _ids.Count;

    /// <summary>Who is in the step, with how many rows.</summary>
    public List<(RunningSequence Sequence, int Rows)> Taken { get; } = [];

    /// <summary>Different adapters of those, who are in the order of their slots.</summary>
    public int Adapters { get; private set; }

    /// <summary>Whose next token comes of it.</summary>
    public List<RunningSequence> Wanted { get; } = [];

    public void Clear()
    {
        foreach (var list in new[] { _ids, _positions, _sequences, _slots, _tables, _wantedRows }) list.Clear();
        Taken.Clear();
        Wanted.Clear();
        Adapters = 0;
    }

    /// <summary>The sequence's next tokens.</summary>
    public void Add(RunningSequence sequence, int count)
    {
        var line = Taken.Count;
        if (sequence.Slot >= 0 && (line == 0 || Taken[^1].Sequence.Slot != sequence.Slot)) Adapters++;
        Taken.Add((sequence, count));
        for (var position = sequence.Done; position < sequence.Done + count; position++)
        {
            _ids.Add(sequence.Tokens[position]);
            _positions.Add(position);
            _sequences.Add(line);
            _slots.Add(sequence.Slot);
        }
        if (sequence.Done + count < sequence.Tokens.Count) return;
        _wantedRows.Add(_ids.Count - 1);
        Wanted.Add(sequence);
    }

    public void Step()
    {
        // As wide as the longest of these sequences may become, not as the context.
        var width = Taken.Max(t => t.Sequence.Pages!.Pages.Length);
        foreach (var (sequence, _) in Taken)
        {
            var pages = sequence.Pages!.Pages;
            _tables.AddRange(pages);
            for (var i = pages.Length; i < width; i++) _tables.Add(0);
        }
        var needed = Wanted.Count * model.Config.VocabularySize;
        if (_logits.Length < needed) _logits = new float[needed];
        model.Step(
            CollectionsMarshal.AsSpan(_ids), CollectionsMarshal.AsSpan(_positions), CollectionsMarshal.AsSpan(_sequences), CollectionsMarshal.AsSpan(_slots),
            CollectionsMarshal.AsSpan(_tables), width, CollectionsMarshal.AsSpan(_wantedRows), _logits);
    }

    /// <summary>Of the sequence at this place of <see cref="Wanted"/>.</summary>
    public ReadOnlySpan<float> Logits(int place) => _logits.AsSpan(place * model.Config.VocabularySize, model.Config.VocabularySize);
}
