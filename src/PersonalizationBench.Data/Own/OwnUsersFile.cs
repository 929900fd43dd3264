using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Own;

/// <summary>Users as JSON Lines, one document or probe a line; <c>docs/own-users.md</c> is the format's description.</summary>
public static class OwnUsersFile
{
    private const string DocumentKind = "document";

    private static readonly string[] s_documentKeys = ["user", "text", "id", "date", "kind"];

    private static readonly string[] s_probeKeys = ["user", "prompt", "gold", "id", "date", "kind", "scoring", "accepted", "choices", "evidence", "topic", "pool_size"];

    /// <summary>What only a probe that is answered has.</summary>
    private static readonly string[] s_answerKeys = ["accepted", "choices"];

    /// <summary>How a line may be scored, and what its kind is where it does not say. Style needs features that only the world has.</summary>
    private static readonly (string Word, ProbeScoring Scoring, string Kind)[] s_scorings =
    [
        ("exact-match", ProbeScoring.ExactMatch, ProbeKind.Question),
        ("choice", ProbeScoring.Choice, ProbeKind.Choice),
        ("bits-per-byte", ProbeScoring.BitsPerByte, ProbeKind.Continuation),
    ];

    private static readonly JsonSerializerOptions s_writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>All users, in the order of their first lines; documents by date where they have one, else by line.</summary>
    /// <exception cref="PbenchException">Unreadable, or a line that is no document and no probe; names file, line and key.</exception>
    public static IReadOnlyList<User> Read(string path)
    {
        var users = new Dictionary<string, Draft>(StringComparer.Ordinal);
        foreach (var (line, number) in Lines(InputFile.ReadBytes(path)))
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"{path}:{number}");
            StrictJson.Read(line, place, element => Add(users, new JsonRecord(element, place), place));
        }
        if (users.Count == 0) throw new PbenchException($"{path}: there are no users; expected a document or a probe a line");
        return [.. users.Values.Select(d => d.Finish(users))];
    }

    /// <summary>Writes what <see cref="Read"/> reads, whole or not at all.</summary>
    public static void Write(string path, IEnumerable<User> users) => AtomicFile.Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true);
        foreach (var user in users)
        {
            foreach (var document in user.History) writer.Write(Line(("user", user.Id), ("id", document.Id), ("date", Shown(document.Date)), ("kind", document.Kind), ("text", document.Text)));
            foreach (var probe in user.Probes)
            {
                var isOpen = probe.Scoring == ProbeScoring.ExactMatch;
                writer.Write(Line(
                    ("user", user.Id), ("id", probe.Id), ("date", Shown(probe.Date)), ("kind", probe.Kind), ("scoring", isOpen ? null : s_scorings.Single(s => s.Scoring == probe.Scoring).Word), ("prompt", probe.Prompt), ("gold", probe.Gold),
                    ("accepted", Listed(probe.Accepted.Where(a => a != probe.Gold))), ("choices", Listed(probe.Choices)), ("evidence", Listed(probe.EvidenceIds)),
                    ("topic", probe.Topic == probe.Kind ? null : probe.Topic), ("pool_size", probe.PoolSize == 1 ? null : probe.PoolSize)));
            }
        }
    });

    private static string? Shown(DateOnly? date) => date?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static JsonArray? Listed(IEnumerable<string> texts) => texts.Any() ? [.. texts.Select(t => (JsonNode)t)] : null;

    private static string Line(params ReadOnlySpan<(string Key, JsonNode? Value)> pairs)
    {
        var line = new JsonObject();
        foreach (var (key, value) in pairs)
            if (value is not null) line[key] = value;
        return line.ToJsonString(s_writing) + "\n";
    }

    private static bool Add(Dictionary<string, Draft> users, JsonRecord line, string place)
    {
        line.Only([.. s_documentKeys.Union(s_probeKeys)]);
        var (isDocument, isProbe) = (line.Has("text"), line.Has("prompt"));
        if (isDocument == isProbe) throw line.Error(isDocument ? "has 'text' and 'prompt'; a line is a document with text, or a probe with prompt and gold" : "key 'text' or 'prompt' is missing: a line is a document with text, or a probe with prompt and gold");
        var id = line.Required("user");
        if (!users.TryGetValue(id, out var user)) users[id] = user = new Draft(id, place);
        if (isDocument) user.Add(Document(line.Only(s_documentKeys), user), line);
        else user.Add(Probe(line.Only(s_probeKeys), user), line);
        return true;
    }

    private static Document Document(JsonRecord line, Draft user) =>
        new(line.Text("id") ?? user.NextId("d", user.Documents), line.Date("date"), line.Text("kind") ?? DocumentKind, line.Required("text"));

    private static Probe Probe(JsonRecord line, Draft user)
    {
        var (word, scoring, kind) = s_scorings.Single(s => s.Word == (line.Word("scoring", [.. s_scorings.Select(s => s.Word)]) ?? s_scorings[0].Word));
        var probe = new Probe(line.Text("id") ?? user.NextId("p", user.Probes), line.Text("kind") ?? kind, scoring, line.Any("prompt"), line.Required("gold"))
        {
            Choices = line.Texts("choices"),
            EvidenceIds = line.Texts("evidence"),
            Date = line.Date("date"),
        };
        probe = probe with { Accepted = [probe.Gold, .. line.Texts("accepted").Where(a => a != probe.Gold)], Topic = line.Text("topic") ?? probe.Kind, PoolSize = line.Whole("pool_size") ?? 1 };
        if (probe.PoolSize < 1) throw line.Error($"pool_size: expected at least 1, found {probe.PoolSize}");
        if (scoring == ProbeScoring.BitsPerByte)
        {
            return s_answerKeys.FirstOrDefault(line.Has) is not { } other ? probe : throw line.Error($"{other}: a probe scored in {word} has a gold text and nothing else");
        }
        if (scoring == ProbeScoring.Choice && probe.Choices.Count == 0) throw line.Error("key 'choices' is missing: a choice is made of some");
        if (probe.Choices.Count == 1) throw line.Error("choices: expected at least two, found one");
        if (probe.Choices.Count > 0 && !probe.Choices.Intersect(probe.Accepted).Any())
        {
            var nearest = NearestWord.Find(probe.Gold, probe.Choices);
            throw line.Error($"choices: none of them is '{probe.Gold}', the gold answer{(nearest is null ? "" : $"; did you mean '{nearest}'?")}");
        }
        return probe;
    }

    /// <summary>Lines with something in them, numbered from 1; a byte-order mark is no part of the first.</summary>
    private static IEnumerable<(ReadOnlyMemory<byte> Line, int Number)> Lines(byte[] bytes)
    {
        var at = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        for (var number = 1; at < bytes.Length; number++)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', at);
            if (end < 0) end = bytes.Length;
            var line = bytes.AsMemory(at..end);
            if (line.Span.ContainsAnyExcept(" \t\r"u8)) yield return (line, number);
            at = end + 1;
        }
    }

    /// <summary>A user as far as the file is read.</summary>
    private sealed class Draft(string id, string place)
    {
        private readonly List<(Document Document, JsonRecord Line)> _documents = [];
        private readonly List<(Probe Probe, JsonRecord Line)> _probes = [];

        public int Documents => _documents.Count;

        public int Probes => _probes.Count;

        public string NextId(string letter, int count) => string.Create(CultureInfo.InvariantCulture, $"{letter}{count + 1:000}");

        public void Add(Document document, JsonRecord line)
        {
            if (_documents.Any(d => d.Document.Id == document.Id)) throw line.Error($"id: '{document.Id}' is an earlier document of {id}; expected one of its own");
            _documents.Add((document, line));
        }

        public void Add(Probe probe, JsonRecord line)
        {
            if (_probes.Any(p => p.Probe.Id == probe.Id)) throw line.Error($"id: '{probe.Id}' is an earlier probe of {id}; expected one of its own");
            _probes.Add((probe, line));
        }

        public User Finish(Dictionary<string, Draft> users)
        {
            if (_documents.Count == 0)
            {
                var nearest = NearestWord.Find(id, users.Where(u => u.Value._documents.Count > 0).Select(u => u.Key));
                throw new PbenchException($"{place}: user: '{id}' has no documents{(nearest is null ? "" : $"; did you mean '{nearest}'?")}");
            }
            var dated = _documents.Count(d => d.Document.Date is not null);
            if (dated != 0 && dated != _documents.Count)
                throw _documents.First(d => d.Document.Date is null).Line.Error($"date: {id} has {dated} documents with a date and {_documents.Count - dated} without; expected all or none");
            var known = _documents.Select(d => d.Document.Id).ToHashSet(StringComparer.Ordinal);
            foreach (var (probe, line) in _probes)
            {
                if (probe.EvidenceIds.FirstOrDefault(e => !known.Contains(e)) is not { } lost) continue;
                var nearest = NearestWord.Find(lost, known);
                throw line.Error($"evidence: {id} has no document '{lost}'{(nearest is null ? "" : $"; did you mean '{nearest}'?")}");
            }
            return new User(id, id, [.. _documents.Select(d => d.Document).OrderBy(d => d.Date)], [.. _probes.Select(p => p.Probe)]);
        }
    }
}
