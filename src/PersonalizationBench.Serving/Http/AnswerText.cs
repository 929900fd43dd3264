using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>The text of an answer as its tokens come: what can still become part of a stop text, or of a character whose bytes are
/// spread over tokens, is held back.</summary>
internal sealed class AnswerText(ITokenizer tokenizer, IReadOnlyList<string> stops)
{
    private const char Unfinished = '\uFFFD';

    private readonly List<int> _ids = [];
    private string _text = "";
    private int _given;

    /// <summary>A stop text has come.</summary>
    public bool IsStopped { get; private set; }

    public int Count => _ids.Count;

    /// <summary>What can be told of the answer now that it has this token too.</summary>
    public string Add(int token)
    {
        if (IsStopped) return "";
        _ids.Add(token);
        _text = tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids));
        // A stop that begins in what was given was held back there.
        var stop = stops.Select(s => _text.IndexOf(s, _given, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        if (stop >= 0)
        {
            IsStopped = true;
            return Give(stop);
        }
        var safe = _text.Length;
        while (safe > _given && _text[safe - 1] == Unfinished) safe--;
        foreach (var text in stops)
            for (var length = Math.Min(text.Length - 1, safe - _given); length > 0; length--)
                if (_text.AsSpan(0, safe).EndsWith(text.AsSpan(0, length), StringComparison.Ordinal))
                {
                    safe -= length;
                    break;
                }
        return Give(safe);
    }

    /// <summary>What was held back when no more comes.</summary>
    public string Rest() => IsStopped ? "" : Give(_text.Length);

    private string Give(int to)
    {
        var text = _text[_given..Math.Max(_given, to)];
        _given = Math.Max(_given, to);
        return text;
    }
}
