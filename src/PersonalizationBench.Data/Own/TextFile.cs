using System.Globalization;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Data.Real;

namespace PersonalizationBench.Data.Own;

/// <summary>A question about a text file: a row of <c>questions.csv</c>.</summary>
public sealed record QuestionRow
{
    /// <summary>The text file's name without its ending.</summary>
    public required string User { get; init; }

    public required string Question { get; init; }

    public required string Answer { get; init; }
}

/// <summary>Users from plain text files: a file is a user, its documents are parted by blank lines.</summary>
public static class TextFile
{
    /// <summary>How a question is put to a model that goes on from texts.</summary>
    private const string Asked = "Question: {0}\nAnswer:";

    /// <summary>
    /// Each file's documents in order; the last of them, a share, are held out: their first sentence is a prompt and the rest is scored in bits per
    /// byte. A document whose first line is a date such as 2026-03-01 has that date. Questions become probes of exact matches.
    /// </summary>
    /// <param name="files">A user each, named by the file.</param>
    /// <param name="questions">A CSV file of <see cref="QuestionRow"/>; null: no questions.</param>
    /// <param name="heldOut">Share of each user's documents, in 0..1; rounded up to whole documents.</param>
    /// <exception cref="PbenchException">Unreadable files, two of a name, too few documents, a question of nobody.</exception>
    public static IReadOnlyList<User> Users(IReadOnlyList<string> files, string? questions, double heldOut)
    {
        if (!(heldOut >= 0 && heldOut < 1)) throw new PbenchException(FormattableString.Invariant($"--held-out: expected at least 0 and below 1, found {heldOut}"));
        var users = files.Select(f => User(f, heldOut)).ToList();
        if (users.GroupBy(u => u.Id).FirstOrDefault(g => g.Count() > 1)?.Key is { } twice) throw new PbenchException($"two files are called {twice}; a user is named by its file");
        if (questions is null) return users;
        var asked = RecordCsv.ReadFile<QuestionRow>(questions);
        foreach (var (row, i) in asked.Select((r, i) => (r, i)))
        {
            if (users.Any(u => u.Id == row.User)) continue;
            var nearest = NearestWord.Find(row.User, users.Select(u => u.Id));
            throw PbenchException.At(questions, i + 2, $"column 'user': there is no file of '{row.User}'; {(nearest is null ? $"expected one of {string.Join(", ", users.Select(u => u.Id))}" : $"did you mean '{nearest}'?")}");
        }
        return [.. users.Select(u => u with { Probes = [.. u.Probes, .. asked.Where(r => r.User == u.Id).Select(Question)] })];
    }

    /// <summary>What blank lines part in a file, each trimmed; at least one.</summary>
    public static IReadOnlyList<string> Paragraphs(string file)
    {
        var text = InputFile.ReadText(file).ReplaceLineEndings("\n");
        List<string> paragraphs = [.. text.Split('\n').Select(l => l.TrimEnd()).Aggregate(new List<StringBuilder> { new() }, (all, line) =>
        {
            if (line.Length == 0) all.Add(new StringBuilder());
            else all[^1].Append(line).Append('\n');
            return all;
        }).Select(p => p.ToString().Trim()).Where(p => p.Length > 0)];
        return paragraphs.Count > 0 ? paragraphs : throw new PbenchException($"{file}: there is no text in it");
    }

    private static User User(string file, double heldOut)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        var texts = Paragraphs(file).Select(Dated).ToList();
        var dated = texts.Count(t => t.Date is not null);
        if (dated != 0 && dated != texts.Count) throw new PbenchException($"{file}: {dated} of {texts.Count} documents begin with a date; expected all or none");
        texts = [.. texts.OrderBy(t => t.Date)];
        var later = (int)Math.Ceiling(heldOut * texts.Count);
        if (later >= texts.Count) throw new PbenchException($"{file}: {texts.Count} documents, of which {later} would be held out; expected at least one that is not (documents are parted by blank lines)");
        var probes = texts.TakeLast(later).Select((t, i) => (t.Date, Split: Split(t.Text), Id: Numbered("later-", i))).Where(t => t.Split.Tail.Length > 0)
            .Select(t => new Probe(t.Id, ProbeKind.Continuation, ProbeScoring.BitsPerByte, t.Split.Lead, t.Split.Tail) { Date = t.Date });
        return new User(name, name, [.. texts.SkipLast(later).Select((t, i) => new Document(Numbered("d", i), t.Date, "document", t.Text))], [.. probes]);
    }

    /// <summary>A date on a line of its own before the text is its date.</summary>
    private static (DateOnly? Date, string Text) Dated(string paragraph)
    {
        var end = paragraph.IndexOf('\n', StringComparison.Ordinal);
        return end > 0 && DateOnly.TryParseExact(paragraph.AsSpan(0, end).Trim(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            ? (date, paragraph[end..].Trim()) : (null, paragraph);
    }

    /// <summary>The first sentence and the rest, with what parts them; a text of one sentence is parted after its first word.</summary>
    private static (string Lead, string Tail) Split(string text)
    {
        var end = TextRules.SentenceEnds(text).FirstOrDefault(e => e < text.Length);
        if (end == 0) end = text.IndexOfAny([' ', '\n']);
        return end <= 0 ? ("", text) : (text[..end], text[end..]);
    }

    private static Probe Question(QuestionRow row, int index) =>
        new(Numbered("q", index), ProbeKind.Question, ProbeScoring.ExactMatch, string.Format(CultureInfo.InvariantCulture, Asked, row.Question), row.Answer);

    private static string Numbered(string word, int index) => string.Create(CultureInfo.InvariantCulture, $"{word}{index + 1:000}");
}
