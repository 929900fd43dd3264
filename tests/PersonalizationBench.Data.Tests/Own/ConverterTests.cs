using PersonalizationBench.Core;
using PersonalizationBench.Data.Own;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Data.Tests.Own;

/// <summary>Files written by hand in the shapes that the benchmarks' own code reads (LaMP at commit 38c9d4d8).</summary>
public sealed class ConverterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string name, string text)
    {
        File.WriteAllText(_folder.File(name), text);
        return _folder.File(name);
    }

    private IReadOnlyList<User> Lamp(string task, string profile, string output, string input = "Which?") => LampConverter.Convert(
        Write("dev_questions.json", $$"""[{"id": "210", "input": "{{input}}", "profile": [{{profile}}]}]"""),
        Write("dev_outputs.json", $$"""{"task": "{{task}}", "golds": [{"id": "210", "output": "{{output}}"}]}"""));

    [Theory]
    [InlineData("LaMP_1", """{"id": "p1", "title": "On LoRA", "abstract": "Low rank."}""", "[2]", "\"On LoRA\": Low rank.", ProbeScoring.Choice, 2)]
    [InlineData("LaMP_2", """{"id": "p1", "description": "A robot wakes.", "tag": "sci-fi"}""", "dark comedy", "the tag for the movie: \"A robot wakes.\" is \"sci-fi\"", ProbeScoring.Choice, 15)]
    [InlineData("LaMP_2", """{"id": "p1", "text": "It rained.", "title": "Rain", "category": "travel"}""", "women", "the category for the article: \"It rained.\" is \"travel\"", ProbeScoring.Choice, 15)]
    [InlineData("LaMP_3", """{"id": "p1", "text": "Broke at once.", "score": "1"}""", "4", "1 is the score for \"Broke at once.\"", ProbeScoring.Choice, 5)]
    [InlineData("LaMP_4", """{"id": "p1", "title": "Rain", "text": "It rained."}""", "Sun", "\"Rain\" is the title for \"It rained.\"", ProbeScoring.BitsPerByte, 0)]
    [InlineData("LaMP_5", """{"id": "p1", "title": "On LoRA", "abstract": "Low rank."}""", "On ranks", "\"On LoRA\" is the title for \"Low rank.\"", ProbeScoring.BitsPerByte, 0)]
    [InlineData("LaMP_6", """{"id": "p1", "title": "Lunch", "text": "At one?"}""", "Dinner", "\"Lunch\" is the title for \"At one?\"", ProbeScoring.BitsPerByte, 0)]
    [InlineData("LaMP_7", """{"id": "p1", "text": "so tired today", "date": "2009-05-02 11:00"}""", "i am tired", "so tired today", ProbeScoring.BitsPerByte, 0)]
    public void Each_task_of_LaMP_becomes_users(string task, string profile, string output, string document, ProbeScoring scoring, int choices)
    {
        var user = Assert.Single(Lamp(task, profile, output));
        Assert.Equal(("210", document), (user.Id, Assert.Single(user.History).Text));
        Assert.Equal(task == "LaMP_7" ? new DateOnly(2009, 5, 2) : null, user.History[0].Date);
        var probe = Assert.Single(user.Probes);
        Assert.Equal((scoring, task, "Which?\n", output, choices), (probe.Scoring, probe.Kind, probe.Prompt, probe.Gold, probe.Choices.Count));
        OwnUsersFile.Write(_folder.File("users.jsonl"), [user]);
        Assert.Equivalent(user with { Name = user.Id }, Assert.Single(OwnUsersFile.Read(_folder.File("users.jsonl"))), strict: true);
    }

    [Fact]
    public void What_is_not_LaMPs_is_told_with_item_and_key()
    {
        string Error(string task, string profile, string output) => Assert.Throws<PbenchException>(() => Lamp(task, profile, output)).Message.Replace(_folder.Path + "/", "", StringComparison.Ordinal);
        const string Review = """{"id": "p1", "text": "Broke.", "score": "1"}""";
        Assert.Equal("dev_outputs.json: task: unknown value 'LaMP_33'; did you mean 'LaMP_3'?", Error("LaMP_33", Review, "1"));
        Assert.Equal("dev_questions.json: [0]: its output '6' is no class of LaMP_3; expected one of 1, 2, 3, 4, 5", Error("LaMP_3", Review, "6"));
        Assert.Equal("dev_questions.json: [0]: profile[0]: key 'score' is missing", Error("LaMP_3", """{"id": "p1", "text": "Broke."}""", "1"));
        Assert.Equal("dev_questions.json: [0]: profile: expected at least one item", Error("LaMP_3", "", "1"));
        Write("dev_questions.json", "[1, 2");
        Assert.StartsWith($"{_folder.File("dev_questions.json")}: not valid JSON: ", Assert.Throws<PbenchException>(() => LampConverter.Convert(_folder.File("dev_questions.json"), Write("dev_outputs.json", """{"task": "LaMP_3", "golds": []}"""))).Message, StringComparison.Ordinal);
    }

    private const string Instance = """
        [{"question_id": "e1_abs", "question_type": "multi-session", "question": "Where do I live?", "question_date": "2023/05/30 (Tue) 23:40", "answer": 3,
          "answer_session_ids": ["s2"], "haystack_session_ids": ["s2", "s1"], "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/19 (Fri) 10:00"],
          "haystack_sessions": [[{"role": "user", "content": "I moved to Oslo.", "has_answer": true}, {"role": "assistant", "content": "Nice.\r\nIs it cold?"}], [{"role": "user", "content": "Hello"}]]}]
        """;

    [Fact]
    public void An_instance_of_LongMemEval_becomes_a_user()
    {
        var user = Assert.Single(LongMemEvalConverter.Convert(Write("instances.json", Instance)));
        Assert.Equal(["s1", "s2"], user.History.Select(d => d.Id));
        Assert.Equal("user: I moved to Oslo.\nassistant: Nice.\nIs it cold?", user.History[1].Text);
        Assert.Equal(new DateOnly(2023, 5, 20), user.History[1].Date);
        var probe = Assert.Single(user.Probes);
        Assert.Equal(("multi-session-abstention", "Question: Where do I live?\nAnswer:", "3", new DateOnly(2023, 5, 30)), (probe.Kind, probe.Prompt, probe.Gold, probe.Date));
        Assert.Equal(["s2"], probe.EvidenceIds);
    }

    [Theory]
    [InlineData("\"question\": \"Where do I live?\", ", "", "instances.json: [0]: key 'question' is missing")]
    [InlineData("[\"s2\", \"s1\"]", "[\"s2\"]", "instances.json: [0]: haystack_sessions: 2 of them, with 1 haystack_session_ids and 2 haystack_dates; expected as many of each")]
    [InlineData("2023/05/19 (Fri) 10:00", "May 19", "instances.json: [0]: haystack_dates[1]: expected a date such as 2023/05/30 (Tue) 23:40, found 'May 19'")]
    [InlineData("\"role\": \"assistant\", ", "", "instances.json: [0]: haystack_sessions[0]: expected turns with role and content")]
    [InlineData("\"answer_session_ids\": [\"s2\"]", "\"answer_session_ids\": [\"s3\"]", "instances.json: [0]: answer_session_ids: 's3' is none of haystack_session_ids")]
    public void What_is_not_LongMemEvals_is_told_with_item_and_key(string from, string to, string message)
    {
        var path = Write("instances.json", Instance.Replace(from, to, StringComparison.Ordinal));
        Assert.Equal(message, Assert.Throws<PbenchException>(() => LongMemEvalConverter.Convert(path)).Message.Replace(_folder.Path + "/", "", StringComparison.Ordinal));
    }

    [SkippableFact]
    public void The_benchmarks_own_instance_is_converted_and_read_back()
    {
        var users = LongMemEvalConverter.Convert(SharedData.Require("data/longmemeval/longmemeval_one_instance.json"));
        var user = Assert.Single(users);
        Assert.Equal(("Business Administration", "single-session-user"), (user.Probes[0].Gold, user.Probes[0].Kind));
        Assert.Contains("Business Administration", user.History.Single(d => d.Id == Assert.Single(user.Probes[0].EvidenceIds)).Text, StringComparison.Ordinal);
        OwnUsersFile.Write(_folder.File("users.jsonl"), users);
        Assert.Equivalent(users, OwnUsersFile.Read(_folder.File("users.jsonl")), strict: true);
    }
}
