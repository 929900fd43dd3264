using System.Buffers.Binary;
using System.Text;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>Makes a <c>precompiled_charsmap</c> from rules: the tree's nodes are put wherever there is room.</summary>
internal sealed class CharsMap
{
    private readonly List<byte> _replacements = [];
    private readonly List<uint> _units = [0];
    private readonly HashSet<uint> _taken = [0], _bases = [];

    public static string Of(params (string From, string To)[] rules)
    {
        var (map, root) = (new CharsMap(), new Node());
        foreach (var (from, to) in rules)
        {
            var node = root;
            foreach (var b in Encoding.UTF8.GetBytes(from)) node = node.Children.TryGetValue(b, out var child) ? child : node.Children[b] = new Node();
            node.Value = map._replacements.Count;
            map._replacements.AddRange([.. Encoding.UTF8.GetBytes(to), 0]);
        }
        map.Place(root, 0, 0);
        var bytes = new byte[4 + 4 * map._units.Count];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, 4 * map._units.Count);
        for (var i = 0; i < map._units.Count; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 + 4 * i), map._units[i]);
        return Convert.ToBase64String([.. bytes, .. map._replacements]);
    }

    private void Place(Node node, uint at, byte label)
    {
        byte[] labels = node.Value is null ? [.. node.Children.Keys] : [0, .. node.Children.Keys];
        // Far ones now and then, which need the long form of an offset.
        var first = node.Children.Count > 1 ? 1u : 0x400u ^ at;
        // Two nodes with one base could not tell their children apart.
        while (_bases.Contains(first) || labels.Any(l => _taken.Contains(first ^ l))) first += first > 0x400 ? 0x100u : 1u;
        _bases.Add(first);
        foreach (var l in labels) _taken.Add(first ^ l);
        var offset = at ^ first;
        Set(at, label | (node.Value is null ? 0u : 0x100u) | (offset % 256 == 0 ? 0x200u | offset >> 8 << 10 : offset << 10));
        if (node.Value is { } value) Set(first, (uint)value | 0x80000000);
        foreach (var (l, child) in node.Children) Place(child, first ^ l, l);
    }

    private void Set(uint at, uint unit)
    {
        while (_units.Count <= at) _units.Add(0);
        _units[(int)at] = unit;
    }

    private sealed class Node
    {
        public SortedDictionary<byte, Node> Children { get; } = [];

        public int? Value { get; set; }
    }
}
