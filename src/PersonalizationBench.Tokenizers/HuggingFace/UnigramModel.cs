using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// SentencePiece's unigram model: of all ways to take a piece apart the one whose scores (log-probabilities) have the largest
/// sum, found by Viterbi's algorithm. A character that is no token costs 10 more than the worst token.
/// </summary>
internal sealed class UnigramModel : TokenModel
{
    private const double UnknownPenalty = 10;

    private readonly double[] _scores;
    private readonly int _unknownId;
    private readonly double _unknownScore;
    private readonly int[]? _byteIds;

    // The tokens as a tree of characters: an edge from a node by a character, and the token that ends at a node (-1: none).
    private readonly Dictionary<(int Node, char Character), int> _edges = [];
    private readonly List<int> _ends = [-1];

    private UnigramModel(Dictionary<string, int> vocabulary, double[] scores, int unknownId, bool byteFallback) : base(vocabulary)
    {
        (_scores, _unknownId, _unknownScore) = (scores, unknownId, scores.Min() - UnknownPenalty);
        _byteIds = ByteIds(byteFallback);
        foreach (var (token, id) in vocabulary)
        {
            var node = 0;
            foreach (var c in token)
            {
                ref var child = ref CollectionsMarshal.GetValueRefOrAddDefault(_edges, (node, c), out var known);
                if (!known)
                {
                    child = _ends.Count;
                    _ends.Add(-1);
                }
                node = child;
            }
            _ends[node] = id;
        }
    }

    public static new UnigramModel Read(JsonPart part)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var scores = new List<double>();
        foreach (var entry in part.Required("vocab").Items())
        {
            var pair = entry.Items();
            if (pair.Length != 2) throw entry.Error($"expected a token and its score, found {pair.Length} values");
            var token = pair[0].String();
            if (token.Length == 0) throw pair[0].Error("a token cannot be empty");
            if (!vocabulary.TryAdd(token, scores.Count)) throw pair[0].Error($"'{token}' is also model.vocab[{vocabulary[token]}]");
            scores.Add(pair[1].Number());
        }
        var unknown = part.Required("unk_id");
        if (unknown.Int() < 0 || unknown.Int() >= scores.Count) throw unknown.Error($"expected an id of the vocabulary, 0 to {scores.Count - 1}, found {unknown.Int()}");
        return new UnigramModel(vocabulary, [.. scores], unknown.Int(), part.Bool("byte_fallback", false));
    }

    public override void Encode(ReadOnlySpan<char> piece, ArrayBufferWriter<int> ids, List<TextRange>? spans)
    {
        // By position: the best sum of a way that ends there, where its last token begins, and that token.
        var best = new (double Score, int Start, int Id)[piece.Length + 1];
        Array.Fill(best, (0, -1, -1), 1, piece.Length);
        for (int start = 0, width; start < piece.Length; start += width)
        {
            Rune.DecodeFromUtf16(piece[start..], out _, out width);
            var (node, isToken) = (0, false);
            for (var end = start; end < piece.Length && _edges.TryGetValue((node, piece[end]), out node); end++)
            {
                if (_ends[node] < 0) continue;
                isToken |= end + 1 - start == width;
                Offer(start, end + 1, _scores[_ends[node]], _ends[node]);
            }
            if (!isToken) Offer(start, start + width, _unknownScore, _unknownId);
        }
        var path = new List<(int Start, int End, int Id)>();
        for (var end = piece.Length; end > 0; end = best[end].Start) path.Add((best[end].Start, end, best[end].Id));
        path.Reverse();
        var bytes = 0;
        for (var i = 0; i < path.Count; i++)
        {
            var (start, end, id) = path[i];
            // Unknown characters in a row are one unknown.
            while (id == _unknownId && i + 1 < path.Count && path[i + 1].Id == _unknownId) end = path[++i].End;
            var before = ids.WrittenCount;
            if (id != _unknownId) Append(ids, id);
            else if (TryFind(piece[start..end], out var known)) Append(ids, known);
            else if (_byteIds is null || !TrySpell(piece[start..end], _byteIds, ids)) Append(ids, _unknownId);
            if (spans is null) continue;
            // Each byte token stands for the whole of what is spelt.
            var span = new TextRange(bytes, bytes += Encoding.UTF8.GetByteCount(piece[start..end]));
            for (var n = ids.WrittenCount - before; n > 0; n--) spans.Add(span);
        }

        void Offer(int start, int end, double score, int id)
        {
            var sum = best[start].Score + score;
            if (best[end].Start < 0 || sum > best[end].Score) best[end] = (sum, start, id);
        }
    }
}
