namespace PersonalizationBench.Core;

/// <summary>
/// Something the user can put right. The message stands alone: it names the file, line and key where there are any,
/// and says what was expected. The command line prints it without a stack trace and exits with <see cref="ExitCode"/>.
/// </summary>
public class PbenchException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>2: the input was wrong; nothing was run.</summary>
    public virtual int ExitCode => 2;

    /// <summary><c>file:line: message</c>, as compilers write it.</summary>
    public static PbenchException At(string file, int line, string message, Exception? inner = null) => new($"{file}:{line}: {message}", inner);
}

/// <summary>A value became NaN or infinite in training; the cell fails with status <c>diverged</c>.</summary>
public sealed class DivergedException(string message) : PbenchException(message)
{
    public override int ExitCode => 1;
}

/// <summary>More memory is wanted than there is; the cell fails with status <c>out-of-memory</c>.</summary>
public sealed class NotEnoughMemoryException(string message, Exception? inner = null) : PbenchException(message, inner)
{
    // libtorch has no exception of its own for it: its allocators say so in words.
    private static readonly string[] Words = ["out of memory", "can't allocate memory", "not enough memory", "bad_alloc"];

    public override int ExitCode => 1;

    /// <summary>Whether that is what an exception says.</summary>
    public static bool IsSaidBy(Exception e) =>
        e is NotEnoughMemoryException or OutOfMemoryException || Words.Any(w => e.Message.Contains(w, StringComparison.OrdinalIgnoreCase));
}

/// <summary>The nearest of some known words, for "did you mean".</summary>
public static class NearestWord
{
    /// <summary>The word with the smallest edit distance, if that is at most a third of the length (at least 2); else null.</summary>
    public static string? Find(string word, IEnumerable<string> known)
    {
        var best = known.Select(k => (Word: k, Distance: Distance(word, k))).OrderBy(p => p.Distance).ThenBy(p => p.Word, StringComparer.Ordinal).FirstOrDefault();
        return best.Word is not null && best.Distance <= Math.Max(2, word.Length / 3) ? best.Word : null;
    }

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++) row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
