using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Real;

namespace PersonalizationBench.Data.Adapt;

/// <summary>Documents and probes as files of one's own: <c>.txt</c>, a document each, and <c>.jsonl</c>, one a line.</summary>
public static class TextFiles
{
    private const string Text = ".txt", Lines = ".jsonl";

    /// <summary>A file, or all <c>.txt</c> and <c>.jsonl</c> files of a folder by ordinal name. A line is <c>{"text": ...}</c>, perhaps with
    /// <c>id</c>, <c>date</c> (2024-05-16) and <c>kind</c>.</summary>
    /// <exception cref="PbenchException">Nothing there, an empty document, or a line that is not as expected; names file and line.</exception>
    public static IReadOnlyList<Document> Documents(string path)
    {
        var files = Directory.Exists(path)
            ? [.. Directory.EnumerateFiles(path).Where(f => Path.GetExtension(f) is Text or Lines).Order(StringComparer.Ordinal)]
            : new List<string> { path };
        if (files.Count == 0) throw new PbenchException($"{path}: expected files ending in {Text} or {Lines}, found none");
        return [.. files.SelectMany(Read)];

        static IEnumerable<Document> Read(string file) => Path.GetExtension(file) switch
        {
            Text => [new Document(Path.GetFileNameWithoutExtension(file), null, "note", Filled(ReadText(file), file, 1))],
            Lines => JsonLines.Read<DocumentLine>(file).Select((line, i) => new Document(line.Id ?? $"{Path.GetFileNameWithoutExtension(file)}-{i + 1:000}", Date(line.Date, file, i + 1), line.Kind ?? "note", Filled(line.Text, file, i + 1))),
            _ => throw new PbenchException($"{file}: expected a file ending in {Text} or {Lines}, or a folder of them"),
        };
    }

    /// <summary>A <c>.txt</c> to be scored in bits per byte, or lines that are each a question, <c>{"prompt": ..., "accepted": [...]}</c>, or a
    /// text, <c>{"text": ...}</c> perhaps with a <c>prompt</c> before it; a <c>group</c> names what its score is reported under.</summary>
    public static IReadOnlyList<AskedProbe> Probes(string file)
    {
        if (Path.GetExtension(file) == Text) return [Continuation("p001", "", Filled(ReadText(file), file, 1), AdaptSource.HeldOut)];
        if (Path.GetExtension(file) != Lines) throw new PbenchException($"{file}: expected a file ending in {Text} or {Lines}");
        var probes = JsonLines.Read<ProbeLine>(file).Select((line, i) => Probe(line, file, i + 1)).ToList();
        return probes.Count > 0 ? probes : throw new PbenchException($"{file}: expected at least one probe, found none");
    }

    /// <summary>A text whose likelihood is the score.</summary>
    public static AskedProbe Continuation(string id, string prompt, string text, string group) => new(group, new Probe(id, "continuation", ProbeScoring.BitsPerByte, prompt, text));

    private static AskedProbe Probe(ProbeLine line, string file, int number)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"p{number:000}");
        return line switch
        {
            { Text: { } text, Accepted: null } => Continuation(id, line.Prompt ?? "", Filled(text, file, number), line.Group ?? AdaptSource.HeldOut),
            { Text: null, Accepted: { } accepted } when accepted.Any(string.IsNullOrWhiteSpace) => throw PbenchException.At(file, number, "accepted: an answer is empty; expected some text"),
            { Text: null, Prompt: { } prompt, Accepted: { Count: > 0 } accepted } => new AskedProbe(line.Group ?? "questions", new Probe(id, "question", ProbeScoring.ExactMatch, prompt, accepted[0]) { Accepted = accepted }),
            _ => throw PbenchException.At(file, number, "expected either 'prompt' and 'accepted' with at least one answer, or 'text'"),
        };
    }

    private static string ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file).ReplaceLineEndings("\n").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{file}: could not be read: {e.Message}", e);
        }
    }

    private static string Filled(string text, string file, int line) => string.IsNullOrWhiteSpace(text) ? throw PbenchException.At(file, line, "text: expected some, found none") : text;

    private static DateOnly? Date(string? date, string file, int line) => date is null ? null
        : DateOnly.TryParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day
        : throw PbenchException.At(file, line, $"date: expected one such as 2024-05-16, found '{date}'");

    private sealed record DocumentLine(string Text, string? Id = null, string? Date = null, string? Kind = null);

    private sealed record ProbeLine(string? Prompt = null, IReadOnlyList<string>? Accepted = null, string? Text = null, string? Group = null);
}
