using System.Globalization;
using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Own;

/// <summary>
/// LongMemEval's files (Wu et al., 2024, arXiv:2410.10813) to users: every instance is a user, every session a document, its question a probe whose evidence
/// are the answer's sessions. Answers are judged by exact match here, where the benchmark asks another model: the figures are not comparable to its own.
/// </summary>
public static class LongMemEvalConverter
{
    private const string AbstentionSuffix = "_abs";

    /// <exception cref="PbenchException">A file of another shape; names file, item and key.</exception>
    public static IReadOnlyList<User> Convert(string path) => StrictJsonFile.Read(path, root => JsonRecord.List(root, path).Select(User).ToList());

    private static User User(JsonRecord instance)
    {
        var id = instance.Required("question_id");
        var (ids, dates, sessions) = (Ids(instance), DatesOf(instance), instance.Items("haystack_sessions").ToList());
        if (ids.Count != sessions.Count || dates.Count != sessions.Count)
            throw instance.Error($"haystack_sessions: {sessions.Count} of them, with {ids.Count} haystack_session_ids and {dates.Count} haystack_dates; expected as many of each");
        // A session that nobody spoke in tells nothing.
        var documents = sessions.Select((s, i) => new Document(ids[i], dates[i], "chat", Text(s, instance, $"haystack_sessions[{i}]"))).Where(d => d.Text.Length > 0).OrderBy(d => d.Date).ToList();
        var evidence = instance.Texts("answer_session_ids");
        if (evidence.FirstOrDefault(e => !ids.Contains(e)) is { } lost) throw instance.Error($"answer_session_ids: '{lost}' is none of haystack_session_ids");
        var kind = instance.Required("question_type") + (id.EndsWith(AbstentionSuffix, StringComparison.Ordinal) ? "-abstention" : "");
        return new User(id, id, documents,
        [
            new Probe(id, kind, ProbeScoring.ExactMatch, $"Question: {instance.Required("question")}\nAnswer:", instance.TextOrNumber("answer"))
            {
                EvidenceIds = evidence,
                Date = Date(instance.Required("question_date"), instance, "question_date"),
            },
        ]);
    }

    /// <summary>Turns as <c>role: content</c>, a line break between them.</summary>
    private static string Text(JsonElement session, JsonRecord instance, string key)
    {
        var text = new StringBuilder();
        if (session.ValueKind != JsonValueKind.Array) throw instance.Error($"{key}: expected a list of turns, found {session.ValueKind.ToString().ToLowerInvariant()}");
        foreach (var turn in session.EnumerateArray())
        {
            if (turn.ValueKind != JsonValueKind.Object || !turn.TryGetProperty("role", out var role) || !turn.TryGetProperty("content", out var content)) throw instance.Error($"{key}: expected turns with role and content");
            text.Append(role.GetString()).Append(": ").Append(content.GetString()!.ReplaceLineEndings("\n").Trim()).Append('\n');
        }
        return text.ToString().TrimEnd();
    }

    /// <summary>A session that stands twice in a haystack is two documents.</summary>
    private static List<string> Ids(JsonRecord instance)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. instance.Items("haystack_session_ids").Select(i => i.ToString()).Select(id => (seen[id] = seen.GetValueOrDefault(id) + 1) == 1 ? id : string.Create(CultureInfo.InvariantCulture, $"{id}#{seen[id]}"))];
    }

    private static List<DateOnly> DatesOf(JsonRecord instance) =>
        [.. instance.Items("haystack_dates").Select((date, i) => Date(date.ToString(), instance, $"haystack_dates[{i}]"))];

    /// <summary>Such as <c>2023/05/30 (Tue) 23:40</c>, of which the day is kept.</summary>
    private static DateOnly Date(string text, JsonRecord instance, string key) =>
        text.Length >= 10 && DateOnly.TryParseExact(text.AsSpan(0, 10), "yyyy/MM/dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date
            : throw instance.Error($"{key}: expected a date such as 2023/05/30 (Tue) 23:40, found '{text}'");
}
