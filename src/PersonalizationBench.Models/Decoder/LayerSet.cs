namespace PersonalizationBench.Models;

/// <summary>Some of a model's layers, compared by value; all of them unless made from something else.</summary>
public readonly record struct LayerSet
{
    /// <summary>A character a layer, <c>+</c> where it belongs; null: each one does.</summary>
    private readonly string? _marks;

    private LayerSet(string marks) => _marks = marks.Contains('-') ? marks : null;

    /// <param name="layers">Of each layer, whether it belongs.</param>
    public static LayerSet Of(IEnumerable<bool> layers) => new(string.Concat(layers.Select(belongs => belongs ? '+' : '-')));

    public bool Contains(int layer) => _marks is null || (layer < _marks.Length && _marks[layer] == '+');
}
