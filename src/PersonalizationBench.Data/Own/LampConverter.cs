using System.Globalization;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Own;

/// <summary>
/// LaMP's files (Salemi et al., 2023, arXiv:2304.11406) to users: <c>SPLIT_questions.json</c> and <c>SPLIT_outputs.json</c> of one task. Each question
/// has a profile of its own and becomes a user. Tasks of classes (1, 2, 3) become choices among them; those of texts (4 to 7) are scored in bits per byte.
/// </summary>
public static class LampConverter
{
    private static readonly string[] s_movieTags =
    [
        "sci-fi", "based on a book", "comedy", "action", "twist ending", "dystopia", "dark comedy", "classic", "psychology", "fantasy", "romance",
        "thought-provoking", "social commentary", "violence", "true story",
    ];

    private static readonly string[] s_newsCategories =
    [
        "travel", "education", "parents", "style & beauty", "entertainment", "food & drink", "science & technology", "business", "sports",
        "healthy living", "women", "politics", "crime", "culture & arts", "religion",
    ];

    /// <summary>What an item of the profile says, worded as LaMP's own prompts word it.</summary>
    private static readonly Dictionary<string, (string Kind, Func<JsonRecord, string> Text)> s_profiles = new()
    {
        ["LaMP_1"] = ("paper", p => $"\"{p.Required("title")}\": {p.Any("abstract")}"),
        ["LaMP_2"] = ("movie", p => p.Has("tag")
            ? $"the tag for the movie: \"{p.Required("description")}\" is \"{p.Required("tag")}\""
            : $"the category for the article: \"{p.Required("text")}\" is \"{p.Required("category")}\""),
        ["LaMP_3"] = ("review", p => $"{p.TextOrNumber("score")} is the score for \"{p.Required("text")}\""),
        ["LaMP_4"] = ("article", p => $"\"{p.Required("title")}\" is the title for \"{p.Required("text")}\""),
        ["LaMP_5"] = ("paper", p => $"\"{p.Required("title")}\" is the title for \"{p.Required("abstract")}\""),
        ["LaMP_6"] = ("mail", p => $"\"{p.Required("title")}\" is the title for \"{p.Required("text")}\""),
        ["LaMP_7"] = ("post", p => p.Required("text")),
    };

    /// <summary>The users of two files.</summary>
    /// <exception cref="PbenchException">Files of another shape; names file, item and key.</exception>
    public static IReadOnlyList<User> Convert(string questions, string outputs)
    {
        var (task, golds) = StrictJsonFile.Read(outputs, root =>
        {
            var record = new JsonRecord(root, outputs);
            return (record.Word("task", [.. s_profiles.Keys]) ?? throw record.Error("key 'task' is missing"), record.Records("golds").ToDictionary(g => g.Required("id"), g => g.TextOrNumber("output")));
        });
        return StrictJsonFile.Read(questions, root => JsonRecord.List(root, questions).Select(q => User(task, q, golds, outputs)).ToList());
    }

    private static User User(string task, JsonRecord question, Dictionary<string, string> golds, string outputs)
    {
        var id = question.Required("id");
        if (!golds.TryGetValue(id, out var gold)) throw question.Error($"id: {outputs} has no output of '{id}'");
        var (kind, text) = s_profiles[task];
        var documents = question.Records("profile").Select((item, i) => new Document(item.TextOrNumber("id"), DateOf(item), kind, text(item))).ToList();
        if (documents.Count == 0) throw question.Error("profile: expected at least one item");
        return new User(id, id, documents, [Probe(task, question, gold)]);
    }

    private static Probe Probe(string task, JsonRecord question, string gold)
    {
        var (id, prompt) = (question.Required("id"), question.Required("input"));
        IReadOnlyList<string> classes = task switch
        {
            "LaMP_1" => ["[1]", "[2]"],
            "LaMP_2" => s_movieTags.Contains(gold) ? s_movieTags : s_newsCategories,
            "LaMP_3" => ["1", "2", "3", "4", "5"],
            _ => [],
        };
        if (classes.Count == 0) return new Probe(id, task, ProbeScoring.BitsPerByte, prompt + "\n", gold);
        if (!classes.Contains(gold)) throw question.Error($"its output '{gold}' is no class of {task}; expected one of {string.Join(", ", classes)}");
        return new Probe(id, task, ProbeScoring.Choice, prompt + "\n", gold) { Choices = classes };
    }

    /// <summary>Profiles of the time split have dates, some with a time behind.</summary>
    private static DateOnly? DateOf(JsonRecord item) =>
        item.Text("date") is { Length: >= 10 } date && DateOnly.TryParseExact(date.AsSpan(0, 10), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;
}

/// <summary>A whole JSON file; what is wrong with it names it.</summary>
internal static class StrictJsonFile
{
    public static T Read<T>(string path, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(InputFile.ReadBytes(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
            return read(document.RootElement);
        }
        // Of half a surrogate pair the reader says that the operation is invalid.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new PbenchException($"{path}: not valid JSON: {e.Message}", e);
        }
    }
}
