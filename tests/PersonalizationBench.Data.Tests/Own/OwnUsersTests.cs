using PersonalizationBench.Core;
using PersonalizationBench.Data.Own;
using PersonalizationBench.Data.World;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Data.Tests.Own;

public sealed class OwnUsersTests : IDisposable
{
    private const string Small = """
        {"user": "alice", "date": "2026-03-02", "kind": "diary", "text": "Rex, my dog, likes the park."}

        {"user": "alice", "date": "2026-03-01", "id": "first", "text": "I moved to Oslo."}
        {"user": "bob", "text": "I play chess."}
        {"user": "alice", "prompt": "What is my dog called?\n", "gold": "Rex", "accepted": ["rex"], "choices": ["Rex", "Bo"], "evidence": ["d001"], "kind": "recall", "pool_size": 9}
        {"user": "alice", "prompt": "", "gold": "We went to the park.", "scoring": "bits-per-byte", "date": "2026-03-05"}
        {"user": "bob", "prompt": "I like", "gold": " chess", "scoring": "choice", "choices": [" chess", " golf"], "topic": "game"}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string text, string name = "users.jsonl")
    {
        File.WriteAllText(_folder.File(name), text);
        return _folder.File(name);
    }

    private string Error(Action read) => Assert.Throws<PbenchException>(read).Message.Replace(_folder.Path + "/", "", StringComparison.Ordinal);

    [Fact]
    public void Lines_are_documents_by_date_and_probes_with_defaults()
    {
        var users = OwnUsersFile.Read(Write(Small));
        Assert.Equal(["alice", "bob"], users.Select(u => u.Id));
        Assert.Equal(["first", "d001"], users[0].History.Select(d => d.Id));
        Assert.Equal(["document", "diary"], users[0].History.Select(d => d.Kind));
        Assert.Equal(new DateOnly(2026, 3, 1), users[0].History[0].Date);
        var (asked, later) = (users[0].Probes[0], users[0].Probes[1]);
        Assert.Equal(("p001", "recall", ProbeScoring.ExactMatch, "recall", 9), (asked.Id, asked.Kind, asked.Scoring, asked.Topic, asked.PoolSize));
        Assert.Equal(["Rex", "rex"], asked.Accepted);
        Assert.Equal(["d001"], asked.EvidenceIds);
        Assert.Equal(("p002", "continuation", ProbeScoring.BitsPerByte, new DateOnly(2026, 3, 5)), (later.Id, later.Kind, later.Scoring, later.Date));
        Assert.Equal(("choice", ProbeScoring.Choice, "game"), (users[1].Probes[0].Kind, users[1].Probes[0].Scoring, users[1].Probes[0].Topic));
    }

    [Fact]
    public void What_is_written_is_read_as_it_was()
    {
        var users = OwnUsersFile.Read(Write(Small));
        OwnUsersFile.Write(_folder.File("again.jsonl"), users);
        Assert.Equivalent(users, OwnUsersFile.Read(_folder.File("again.jsonl")), strict: true);
        Assert.DoesNotContain("\\u", File.ReadAllText(_folder.File("again.jsonl")), StringComparison.Ordinal);
    }

    /// <summary>All that the format has no word for are the world's style features and study material, and names beside ids.</summary>
    [Fact]
    public void The_worlds_users_go_through_the_file_unchanged()
    {
        var world = new WorldLoader().Load(new WorldOptions { Users = 3, TuningUsers = 0, Styles = 0 }).Users.Select(u => u with { Name = u.Id, StudyQuestions = [], Paraphrases = null }).ToList();
        OwnUsersFile.Write(_folder.File("world.jsonl"), world);
        Assert.Equivalent(world, OwnUsersFile.Read(_folder.File("world.jsonl")), strict: true);
    }

    [Fact]
    public void Tuning_users_are_a_share_or_a_file_of_their_own()
    {
        var path = Write(string.Concat(Enumerable.Range(0, 10).Select(i => $$"""{"user": "u{{i}}", "text": "Text {{i}}."}""" + "\n")));
        Dataset Load(OwnUsersOptions options) => new OwnUsersLoader().Load(((OwnUsersOptions)new OwnUsersOptions { Users = "users.jsonl" }.In(_folder.Path)) with { TuningShare = options.TuningShare, TuningUsers = options.TuningUsers, Seed = options.Seed, GeneralTexts = options.GeneralTexts });
        var none = Load(new OwnUsersOptions { Users = path });
        Assert.Equal((10, 0), (none.Users.Count, none.TuningUsers.Count));
        var shared = Load(new OwnUsersOptions { Users = path, TuningShare = 0.3 });
        Assert.Equal((7, 3), (shared.Users.Count, shared.TuningUsers.Count));
        Assert.Empty(shared.Users.Select(u => u.Id).Intersect(shared.TuningUsers.Select(u => u.Id)));
        Assert.NotEqual(shared.TuningUsers.Select(u => u.Id), Load(new OwnUsersOptions { Users = path, TuningShare = 0.3, Seed = 2 }).TuningUsers.Select(u => u.Id));
        var others = Load(new OwnUsersOptions { Users = path, TuningUsers = Write("""{"user": "t", "text": "Other."}""", "others.jsonl"), GeneralTexts = Write("One.\n\nTwo.\n\nThree.\n", "general.txt") });
        Assert.Equal(["t"], others.TuningUsers.Select(u => u.Id));
        Assert.Equal(["One.", "Three."], others.HeldOutTexts);
        Assert.Equal(["Two."], others.ReplayTexts);
        Assert.Equal(4, new[] { none, shared, others }.Select(d => d.Digest).Append("").Distinct().Count());
    }

    private const string Told = """{"user": "alice", "text": "Rex is my dog."}""" + "\n";

    [Theory]
    [InlineData("", "users.jsonl: there are no users; expected a document or a probe a line")]
    [InlineData("{", "users.jsonl:1: not valid JSON: ")]
    [InlineData(Told + "[1]", "users.jsonl:2: expected a JSON object, found [1]")]
    [InlineData(Told + """{"user": "alice", "txt": "a"}""", "users.jsonl:2: unknown key 'txt'; did you mean 'text'?")]
    [InlineData(Told + """{"user": "alice", "text": "a", "text": "b"}""", "users.jsonl:2: not valid JSON: ")]
    [InlineData(Told + """{"user": "alice"}""", "users.jsonl:2: key 'text' or 'prompt' is missing: a line is a document with text, or a probe with prompt and gold")]
    [InlineData(Told + """{"user": "alice", "text": "a", "prompt": "b", "gold": "c"}""", "users.jsonl:2: has 'text' and 'prompt'; a line is a document with text, or a probe with prompt and gold")]
    [InlineData(Told + """{"text": "a"}""", "users.jsonl:2: key 'user' is missing")]
    [InlineData(Told + """{"user": 7, "text": "a"}""", "users.jsonl:2: user: expected a string, found 7")]
    [InlineData(Told + """{"user": "alice", "text": " "}""", "users.jsonl:2: text: expected some text, found none")]
    [InlineData(Told + """{"user": "alice", "text": "a", "date": "1 March"}""", "users.jsonl:2: date: expected a date such as 2026-03-01, found '1 March'")]
    [InlineData(Told + """{"user": "alice", "text": "a", "id": "d001"}""", "users.jsonl:2: id: 'd001' is an earlier document of alice; expected one of its own")]
    [InlineData(Told + """{"user": "alice", "text": "a", "date": "2026-03-01"}""", "users.jsonl:1: date: alice has 1 documents with a date and 1 without; expected all or none")]
    [InlineData(Told + """{"user": "alice", "text": "a", "gold": "b"}""", "users.jsonl:2: unknown key 'gold'; expected some of user, text, id, date, kind")]
    [InlineData(Told + """{"user": "alice", "prompt": "a"}""", "users.jsonl:2: key 'gold' is missing")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": ["b"]}""", "users.jsonl:2: gold: expected a string, found [\"b\"]")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "scoring": "choise"}""", "users.jsonl:2: scoring: unknown value 'choise'; did you mean 'choice'?")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "scoring": "choice"}""", "users.jsonl:2: key 'choices' is missing: a choice is made of some")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "Rex", "choices": ["Rx", "Bo"]}""", "users.jsonl:2: choices: none of them is 'Rex', the gold answer; did you mean 'Rx'?")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "choices": ["b"]}""", "users.jsonl:2: choices: expected at least two, found one")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "choices": ["b", "b"]}""", "users.jsonl:2: choices: 'b' stands twice")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "accepted": "c"}""", "users.jsonl:2: accepted: expected an array, found \"c\"")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "accepted": [""]}""", "users.jsonl:2: accepted[0]: expected some text, found none")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "evidence": ["d01"]}""", "users.jsonl:2: evidence: alice has no document 'd01'; did you mean 'd001'?")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "scoring": "bits-per-byte", "accepted": ["c"]}""", "users.jsonl:2: accepted: a probe scored in bits-per-byte has a gold text and nothing else")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "pool_size": 0}""", "users.jsonl:2: pool_size: expected at least 1, found 0")]
    [InlineData(Told + """{"user": "alice", "prompt": "a", "gold": "b", "pool_size": 1.5}""", "users.jsonl:2: pool_size: expected a whole number, found 1.5")]
    [InlineData(Told + """{"user": "alcie", "prompt": "a", "gold": "b"}""", "users.jsonl:2: user: 'alcie' has no documents; did you mean 'alice'?")]
    [InlineData(Told + """{"user": "alice", "prompt": "a \ud83d", "gold": "b"}""", "users.jsonl:2: not valid JSON: ")]
    public void What_is_wrong_with_a_file_is_said_with_line_key_and_nearest_word(string text, string message) =>
        Assert.StartsWith(message, Error(() => OwnUsersFile.Read(Write(text))), StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_is_named() => Assert.StartsWith("nowhere.jsonl: could not be read: ", Error(() => OwnUsersFile.Read(_folder.File("nowhere.jsonl"))), StringComparison.Ordinal);

    [Fact]
    public void Text_files_become_users_whose_last_documents_are_held_out()
    {
        var alice = Write("2026-01-02\nI moved to Oslo. It is cold.\n\n\n2026-01-01\r\nRex is my dog.\r\nHe is old.\n \n2026-01-03\nWe walk a lot. He sleeps.\n", "alice.txt");
        var bob = Write("Chess is fine.\n\nShort\n\nI won. It took an hour.", "bob.txt");
        var questions = Write("user,question,answer\nalice,What is my dog called?,Rex\n", "questions.csv");
        var users = TextFile.Users([alice, bob], questions, 0.2);
        Assert.Equal(["alice", "bob"], users.Select(u => u.Id));
        Assert.Equal(["Rex is my dog.\nHe is old.", "I moved to Oslo. It is cold."], users[0].History.Select(d => d.Text));
        Assert.Equal([new DateOnly(2026, 1, 1), new DateOnly(2026, 1, 2)], users[0].History.Select(d => d.Date));
        Assert.Equal([("later-001", "We walk a lot.", " He sleeps."), ("q001", "Question: What is my dog called?\nAnswer:", "Rex")], users[0].Probes.Select(p => (p.Id, p.Prompt, p.Gold)));
        Assert.Equal([ProbeScoring.BitsPerByte, ProbeScoring.ExactMatch], users[0].Probes.Select(p => p.Scoring));
        Assert.Equal(new DateOnly(2026, 1, 3), users[0].Probes[0].Date);
        Assert.Equal(["Chess is fine.", "Short"], users[1].History.Select(d => d.Text));
    }

    [Theory]
    [InlineData("a", 0.2, "alice.txt: 1 documents, of which 1 would be held out; expected at least one that is not (documents are parted by blank lines)")]
    [InlineData(" \n\n", 0.2, "alice.txt: there is no text in it")]
    [InlineData("2026-01-01\na\n\nb", 0.2, "alice.txt: 1 of 2 documents begin with a date; expected all or none")]
    [InlineData("a\n\nb", 1.5, "--held-out: expected at least 0 and below 1, found 1.5")]
    public void Texts_that_make_no_users_are_told(string text, double heldOut, string message) =>
        Assert.Equal(message, Error(() => TextFile.Users([Write(text, "alice.txt")], null, heldOut)));

    [Theory]
    [InlineData("user,question,anwser\n", "questions.csv:1: unknown column 'anwser'; did you mean 'answer'?")]
    [InlineData("user,question\n", "questions.csv:1: column 'answer' is missing")]
    [InlineData("user,question,answer\nalice,q,a\nalcie,q,a\n", "questions.csv:3: column 'user': there is no file of 'alcie'; did you mean 'alice'?")]
    [InlineData("user,question,answer\nalice,q\n", "questions.csv:2: 2 fields; expected 3, as in the header")]
    public void Questions_that_cannot_be_asked_are_told(string text, string message) =>
        Assert.Equal(message, Error(() => TextFile.Users([Write("a\n\nb", "alice.txt")], Write(text, "questions.csv"), 0.2)));
}
