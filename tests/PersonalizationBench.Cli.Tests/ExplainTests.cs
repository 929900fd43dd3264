using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Runner.Reference;

namespace PersonalizationBench.Cli.Tests;

/// <summary>One source: the comments in the source explain settings, columns, kinds and metrics, on the command line, in the pages and to editors.</summary>
public sealed class ExplainTests : IDisposable
{
    private static readonly Workbench s_here = Workbench.OfThisMachine();
    private static readonly Vocabulary s_words = new(s_here.Strategies.Strategies, s_here.Datasets);

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public void The_page_of_settings_is_what_the_source_says() => Kept("docs/settings.md", _ => ReferencePages.Settings(s_words));

    [Fact]
    public void The_schema_is_what_the_source_says() => Kept("docs/study.schema.json", _ => StudySchema.Text(s_words));

    [Fact]
    public void The_columns_of_results_are_what_the_source_says()
    {
        Assert.Contains("<!-- columns -->", File.ReadAllText(Path.Combine(s_here.Root, "results", "README.md")), StringComparison.Ordinal);
        Kept("results/README.md", ReferencePages.WithColumns);
    }

    [Fact]
    public void Everything_that_can_be_named_is_explained()
    {
        var settings = Vocabulary.Study.Concat(s_words.Strategies.Concat(s_words.Datasets).SelectMany(e => e.Settings)).SelectMany(s => s.AndWithin);
        Assert.Empty(settings.Where(s => s.Text.Length == 0).Select(s => $"{s.Member.Property.DeclaringType}.{s.Member.Property.Name}").Distinct());
        Assert.Empty(Vocabulary.Columns.Concat(Vocabulary.Kinds).Concat(Vocabulary.Metrics).Where(e => e.Text.Length == 0).Select(e => $"{e.What} {e.Word}"));
    }

    [Fact]
    public void The_worlds_kinds_of_probes_are_all_explained() =>
        Assert.Empty(s_here.Datasets.Single(d => d.Name == "world") is var world ? world.Load(Activator.CreateInstance(world.OptionsType)!).Users[0].Probes.Select(p => p.Kind).Except(Vocabulary.Kinds.Select(k => k.Word)) : []);

    [Theory]
    [InlineData("lora", "lora (strategy)\n  A low-rank adapter per user,", "rank: whole number; default 8\n      Rank of the update;")]
    [InlineData("rank", "rank (setting of lora, lora-rag", "(whole number; default 8)")]
    [InlineData("learning-rate", "learning_rate (setting of lora, lora-rag", "learning_rate (setting of continued-pretraining)\n")]
    [InlineData("jsonl", "jsonl (data set)\n", "users: text; must be given")]
    [InlineData("waived", "controls.waived (setting of a study)\n", "Why this study needs no controls")]
    [InlineData("kv_bytes", "kv_bytes (column of runs.csv)\n", "keys and values")]
    [InlineData("absence", "absence (kind of probe)\n", "the right answer is that it is unknown")]
    [InlineData("bits-per-byte", "bits-per-byte (metric)\n", "lower is better")]
    [InlineData("precision", "precision (setting of a study)\n", "precision (column of runs.csv)\n")]
    public async Task A_word_is_explained(string word, params string[] texts)
    {
        Assert.True(await PbenchApp.RunAsync(["explain", word], _desk.Bench with { Datasets = s_here.Datasets }, CancellationToken.None) == 0, _desk.Error);
        Assert.All(texts, t => Assert.Contains(t, _desk.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_study_of_the_repository_is_valid_by_the_schema_and_mistakes_are_not()
    {
        var schema = JsonNode.Parse(StudySchema.Text(s_words))!;
        var studies = Directory.GetFiles(s_here.StudiesFolder, "*.yaml", SearchOption.AllDirectories).Select(StrictYaml.ReadFile).Where(s => s.Find("study") is not null).ToList();
        Assert.NotEmpty(studies);
        foreach (var study in studies) Assert.True(SchemaCheck.Problem(schema, Json(study), "") is null, $"{study.File}: {SchemaCheck.Problem(schema, Json(study), "")}");
        string? Spoilt(string from, string to) => SchemaCheck.Problem(schema, Json(StrictYaml.Parse(Desk.Study.Replace("colours, users: 3", "world, users: 3", StringComparison.Ordinal).Replace(from, to, StringComparison.Ordinal), "x.yaml")), "");
        Assert.Null(Spoilt("study: colours", "study: colours"));
        Assert.Contains("hypotesis", Spoilt("hypothesis", "hypotesis"), StringComparison.Ordinal);
        Assert.Contains("oracel", Spoilt("oracle", "oracel"), StringComparison.Ordinal);
        Assert.Contains("rank", Spoilt("- type: oracle", "- { type: lora, rank: four }"), StringComparison.Ordinal);
        Assert.Contains("rnak", Spoilt("- type: oracle", "- { type: lora, rnak: 4 }"), StringComparison.Ordinal);
        Assert.Null(Spoilt("- type: oracle", "- { type: lora, rank: [1, 4], alpha: ~ }"));
    }

    private static JsonNode? Json(YamlSection section) => section.Kind switch
    {
        YamlKind.Empty => null,
        YamlKind.Mapping => new JsonObject(section.Entries.Select(e => KeyValuePair.Create(e.Name, Json(e.Value)))),
        YamlKind.List => new JsonArray([.. section.Items.Select(Json)]),
        _ when section.IsQuoted => JsonValue.Create(section.Text),
        _ => section.Text is "true" or "false" ? JsonValue.Create(section.Text == "true")
            : double.TryParse(section.Text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? JsonValue.Create(number) : JsonValue.Create(section.Text),
    };

    /// <summary>A file of the repository that is made of the source; PBENCH_UPDATE_GOLDEN=1 makes it anew.</summary>
    private static void Kept(string file, Func<string, string> make)
    {
        var path = Path.Combine(s_here.Root, file);
        var before = File.Exists(path) ? File.ReadAllText(path) : "";
        var made = make(before);
        if (Environment.GetEnvironmentVariable("PBENCH_UPDATE_GOLDEN") == "1") AtomicFile.WriteText(path, made);
        else Assert.Equal(before, made);
    }
}

/// <summary>As much of JSON schema (draft 7) as the study's schema uses.</summary>
internal static class SchemaCheck
{
    /// <summary>The first thing that is wrong; null where nothing is.</summary>
    public static string? Problem(JsonNode schema, JsonNode? value, string path)
    {
        var s = schema.AsObject();
        foreach (var (keyword, rule) in s)
        {
            var problem = keyword switch
            {
                "type" => Types(rule!).Any(t => Is(value, t)) ? null : $"{path}: no {rule}",
                "const" => JsonNode.DeepEquals(rule, value) ? null : $"{path}: not {rule}",
                "enum" => rule!.AsArray().Any(r => JsonNode.DeepEquals(r, value)) ? null : $"{path}: {value} is none of {rule}",
                "minimum" => value is not JsonValue v || v.GetValue<double>() >= rule!.GetValue<double>() ? null : $"{path}: below {rule}",
                "maximum" => value is not JsonValue v || v.GetValue<double>() <= rule!.GetValue<double>() ? null : $"{path}: above {rule}",
                "minItems" => value is not JsonArray a || a.Count >= rule!.GetValue<int>() ? null : $"{path}: too few",
                "items" => value is not JsonArray a ? null : a.Select((item, i) => Problem(rule!, item, $"{path}[{i}]")).FirstOrDefault(p => p is not null),
                "required" => value is not JsonObject o ? null : rule!.AsArray().Select(r => r!.GetValue<string>()).Where(r => !o.ContainsKey(r)).Select(r => $"{path}: {r} is missing").FirstOrDefault(),
                "properties" => value is not JsonObject o ? null : rule!.AsObject().Where(p => o.ContainsKey(p.Key)).Select(p => Problem(p.Value!, o[p.Key], $"{path}.{p.Key}")).FirstOrDefault(p => p is not null),
                "additionalProperties" => value is not JsonObject o || rule!.GetValue<bool>() ? null : o.Select(p => p.Key).Where(k => !s["properties"]!.AsObject().ContainsKey(k)).Select(k => $"{path}: {k} is unknown").FirstOrDefault(),
                "anyOf" => rule!.AsArray().Any(r => Problem(r!, value, path) is null) ? null : Problem(rule[0]!, value, path),
                "allOf" => rule!.AsArray().Select(r => Problem(r!, value, path)).FirstOrDefault(p => p is not null),
                "then" => Problem(s["if"]!, value, path) is null ? Problem(rule!, value, path) : null,
                "if" or "description" or "title" or "$schema" => null,
                _ => throw new NotSupportedException(keyword),
            };
            if (problem is not null) return problem;
        }
        return null;
    }

    private static IEnumerable<string> Types(JsonNode rule) => rule is JsonArray several ? several.Select(t => t!.GetValue<string>()) : [rule.GetValue<string>()];

    private static bool Is(JsonNode? value, string type) => type switch
    {
        "null" => value is null,
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "boolean" => value is JsonValue v && v.TryGetValue<bool>(out _),
        "string" => value is JsonValue v && v.TryGetValue<string>(out _),
        "number" => value is JsonValue v && v.TryGetValue<double>(out _),
        "integer" => value is JsonValue v && v.TryGetValue<double>(out var d) && d == Math.Floor(d),
        _ => throw new NotSupportedException(type),
    };
}
