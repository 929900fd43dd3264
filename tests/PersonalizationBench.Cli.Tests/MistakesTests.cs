using System.Globalization;
using PersonalizationBench.Cli.Tests.Fakes;

namespace PersonalizationBench.Cli.Tests;

/// <summary>What people get wrong, one thing at a time in a study that is right: each message has the file, the line, the key, and the word that was meant
/// or what was expected.</summary>
public sealed class MistakesTests : IDisposable
{
    private const string Study = """
        study: mine
        hypothesis: It helps.
        dataset:
          name: jsonl
          users: users.jsonl
          tuning_share: 0.25
          max_answer_characters: 80
        bases: [tiny]
        seeds: [1, 2, 3, 4, 5]
        latency_probes: 2
        strategies:
          - type: none
          - type: majority
          - type: oracle
          - type: rag
            k: [1, 2]
          - type: lora
            rank: [2, 4]
            learning_rate: 1e-3
            target_modules: q_proj+v_proj
          - type: rag
            k: 4
            control: wrong-user

        """;

    private const string Users = """
        {"user": "ann", "id": "a1", "date": "2026-03-01", "kind": "diary", "text": "Rex is my dog."}
        {"user": "ann", "id": "a2", "date": "2026-03-02", "kind": "diary", "text": "I moved to Oslo."}
        {"user": "bob", "id": "b1", "text": "I play chess."}
        {"user": "cat", "id": "c1", "text": "I play golf."}
        {"user": "dan", "id": "d1", "text": "I play go."}
        {"user": "ann", "prompt": "Whose dog?", "gold": "Rex", "choices": ["Rex", "Bo"], "evidence": ["a1"], "pool_size": 9}
        {"user": "bob", "prompt": "What game?", "gold": "chess", "accepted": ["Chess"], "evidence": ["b1"]}
        {"user": "cat", "prompt": "What game?", "gold": "golf", "evidence": ["c1"]}
        {"user": "dan", "prompt": "What game?", "gold": "go", "evidence": ["d1"]}

        """;

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task Without_a_mistake_the_study_may_run()
    {
        _desk.Write("experiments/users.jsonl", Users);
        Assert.True(await _desk.Run("validate", _desk.Write("experiments/mine.yaml", Study)) == 0, _desk.Error);
    }

    /// <summary>What is written, what instead of it, and the words of the message: the key, and what was meant or expected.</summary>
    [Theory]
    [InlineData("study: mine", "study: mien", "study", "'mine'")]
    [InlineData("study: mine", "studdy: mine", "'studdy'", "did you mean 'study'?")]
    [InlineData("hypothesis: It helps.", "hypotesis: It helps.", "'hypotesis'", "did you mean 'hypothesis'?")]
    [InlineData("hypothesis: It helps.", "hypothesis:", "hypothesis", "expected a text")]
    [InlineData("hypothesis: It helps.", "hypothesis: [It, helps]", "hypothesis", "expected a text, found a list")]
    [InlineData("dataset:\n", "data_set:\n", "'data_set'", "did you mean 'dataset'?")]
    [InlineData("  name: jsonl", "  nam: jsonl", "dataset", "key 'name' is missing")]
    [InlineData("  name: jsonl", "  name: json", "dataset.name", "did you mean 'jsonl'?")]
    [InlineData("  name: jsonl", "  name: colour", "dataset.name", "did you mean 'colours'?")]
    [InlineData("  name: jsonl", "  name: [jsonl]", "dataset.name", "expected the name of a dataset")]
    [InlineData("  users: users.jsonl", "  user: users.jsonl", "'user'", "did you mean 'users'?")]
    [InlineData("  users: users.jsonl", "  users: user.jsonl", "dataset", "did you mean 'users.jsonl'?", 4)]
    [InlineData("tuning_share: 0.25", "tuning_share: 25", "dataset.tuning_share", "expected a value between 0 and 0.9, found 25")]
    [InlineData("tuning_share: 0.25", "tuning_share: quarter", "dataset.tuning_share", "expected a number, found 'quarter'")]
    [InlineData("tuning_share: 0.25", "tuning_share: 0,25", "dataset.tuning_share", "expected a number, found '0,25'")]
    [InlineData("tuning_share: 0.25", "tunning_share: 0.25", "'tunning_share'", "did you mean 'tuning_share'?")]
    [InlineData("tuning_share: 0.25", "tuning_share: 0", "majority", "expected tuning users", 13)]
    [InlineData("max_answer_characters: 80", "max_answer_character: 80", "'max_answer_character'", "did you mean 'max_answer_characters'?")]
    [InlineData("max_answer_characters: 80", "max_answer_characters: 0", "dataset.max_answer_characters", "expected a value between 1 and 4096, found 0")]
    [InlineData("bases: [tiny]", "bases: [tinny]", "bases[0]", "did you mean 'tiny'?")]
    [InlineData("bases: [tiny]", "bases: tiny", "bases", "expected a list, found 'tiny'")]
    [InlineData("bases: [tiny]", "bases: []", "bases", "expected at least one base")]
    [InlineData("seeds: [1, 2, 3, 4, 5]", "sedes: [1, 2, 3, 4, 5]", "'sedes'", "did you mean 'seeds'?")]
    [InlineData("seeds: [1, 2, 3, 4, 5]", "seeds: [1, 2]", "seeds", "expected at least 5, or allow_few_seeds: true")]
    [InlineData("seeds: [1, 2, 3, 4, 5]", "seeds: [1, two]", "seeds[1]", "expected a whole number, found 'two'")]
    [InlineData("seeds: [1, 2, 3, 4, 5]", "seeds: 1..5", "seeds", "expected a list, found '1..5'")]
    [InlineData("latency_probes: 2", "latency_probes: -2", "latency_probes", "expected a value between 0 and 10000, found -2")]
    [InlineData("latency_probes: 2", "device: gpu", "device", "expected auto, cpu or cuda")]
    [InlineData("latency_probes: 2", "device: cuda", "device", "has no CUDA device")]
    [InlineData("latency_probes: 2", "precision: bf16", "precision", "expected one of auto, float32, bfloat16")]
    [InlineData("latency_probes: 2", "latency_probes: 2\nlatency_probes: 3", "'latency_probes'", "is given twice", 11)]
    [InlineData("latency_probes: 2", "controls: none", "controls", "expected a mapping with the key waived")]
    [InlineData("strategies:\n", "strategys:\n", "'strategys'", "did you mean 'strategies'?")]
    [InlineData("  - type: none", "  - typ: none", "strategies[0]", "key 'type' is missing")]
    [InlineData("  - type: none", "  - type: non", "strategies[0].type", "did you mean 'none'?")]
    [InlineData("  - type: none\n", "", "'type: none'", "add it, or give the reason", 11)]
    [InlineData("  - type: majority\n", "", "'type: majority'", "add it, or give the reason", 11)]
    [InlineData("    control: wrong-user", "    control: wrong_user", "strategies[5].control", "expected wrong-user")]
    [InlineData("    control: wrong-user", "", "'control: wrong-user'", "add it, or give the reason", 11)]
    [InlineData("    k: [1, 2]", "    K: [1, 2]", "'K'", "did you mean 'k'?")]
    [InlineData("    k: [1, 2]", "    k: []", "strategies[3].k", "expected at least one value")]
    [InlineData("    k: [1, 2]", "    k: [1, 1]", "'rag k=1'", "stands 2 times in the grid", 15)]
    [InlineData("    k: [1, 2]", "    k: 0", "rag k=0", "k must be at least 1, not 0", 15)]
    [InlineData("    rank: [2, 4]", "    ranks: [2, 4]", "'ranks'", "did you mean 'rank'?")]
    [InlineData("    rank: [2, 4]", "    rank: [2, four]", "strategies[4].rank[1]", "expected a whole number, found 'four'")]
    [InlineData("    rank: [2, 4]", "    rank: 16", "rank 16", "above the smallest dimension of q_proj, 8", 17)]
    [InlineData("    learning_rate: 1e-3", "    learning_rat: 1e-3", "'learning_rat'", "did you mean 'learning_rate'?")]
    [InlineData("    learning_rate: 1e-3", "    learning_rate: -1e-3", "learning_rate", "must be positive", 17)]
    [InlineData("    learning_rate: 1e-3", "    epochs: 0", "epochs", "must be positive", 17)]
    [InlineData("q_proj+v_proj", "q_porj", "q_porj", "q_proj", 17)]
    [InlineData("  - type: lora", "  - type: continued-pretraining", "replay_share", "general_texts", 17, "rank: [2, 4]\n    learning_rate: 1e-3\n    target_modules: q_proj+v_proj", "epochs: 1")]
    [InlineData("  - type: lora", "  - type: adapter", "key 'folder'", "where the users' adapters are", 17, "rank: [2, 4]\n    learning_rate: 1e-3\n    target_modules: q_proj+v_proj", "bases: [tiny]")]
    [InlineData("    rank: [2, 4]", "   rank: [2, 4]", "YAML", "", 0)]
    public async Task A_mistake_in_a_study_is_told_with_its_place_its_key_and_what_was_meant(string from, string to, string key, string meant, int line = 0, string alsoFrom = "", string alsoTo = "")
    {
        Assert.Contains(from, Study, StringComparison.Ordinal);
        _desk.Write("experiments/users.jsonl", Users);
        var path = _desk.Write("experiments/mine.yaml", (alsoFrom == "" ? Study : Study.Replace(alsoFrom, alsoTo, StringComparison.Ordinal)).Replace(from, to, StringComparison.Ordinal));
        Assert.Equal(2, await _desk.Run("validate", path));
        var place = key == "YAML" ? "experiments/mine.yaml:" : string.Create(CultureInfo.InvariantCulture, $"experiments/mine.yaml:{(line > 0 ? line : LineOf(Study, from))}: ");
        var message = _desk.Error.Split('\n').FirstOrDefault(m => m.Contains(place, StringComparison.Ordinal) && m.Contains(key, StringComparison.Ordinal));
        Assert.True(message?.Contains(meant, StringComparison.Ordinal) == true, $"expected {place}, {key} and {meant} in: {_desk.Error}");
    }

    [Theory]
    [InlineData("\"user\": \"dan\", \"id\": \"d1\"", "\"usr\": \"dan\", \"id\": \"d1\"", "'usr'", "did you mean 'user'?")]
    [InlineData("\"user\": \"dan\", \"prompt\"", "\"user\": \"daan\", \"prompt\"", "user", "did you mean 'dan'?")]
    [InlineData("\"text\": \"I play go.\"", "\"txt\": \"I play go.\"", "'txt'", "did you mean 'text'?")]
    [InlineData("\"text\": \"I play go.\"", "\"text\": 3", "text", "expected a string, found 3")]
    [InlineData("\"kind\": \"diary\", \"text\": \"I moved", "\"knd\": \"diary\", \"text\": \"I moved", "'knd'", "did you mean 'kind'?")]
    [InlineData("\"date\": \"2026-03-02\"", "\"date\": \"02/03/2026\"", "date", "expected a date such as 2026-03-01, found '02/03/2026'")]
    [InlineData("\"date\": \"2026-03-02\"", "\"date\": \"2026-02-30\"", "date", "expected a date such as")]
    [InlineData("\"date\": \"2026-03-02\", ", "", "date", "expected all or none")]
    [InlineData("\"id\": \"a2\"", "\"id\": \"a1\"", "id", "'a1' is an earlier document of ann")]
    [InlineData("\"gold\": \"go\"", "\"glod\": \"go\"", "'glod'", "did you mean 'gold'?")]
    [InlineData("\"gold\": \"go\"", "\"gold\": \"\"", "gold", "expected some text, found none")]
    [InlineData("\"gold\": \"go\", ", "", "'gold'", "is missing")]
    [InlineData("\"choices\": [\"Rex\", \"Bo\"]", "\"choises\": [\"Rex\", \"Bo\"]", "'choises'", "did you mean 'choices'?")]
    [InlineData("\"choices\": [\"Rex\", \"Bo\"]", "\"choices\": \"Rex, Bo\"", "choices", "expected an array")]
    [InlineData("\"choices\": [\"Rex\", \"Bo\"]", "\"choices\": [\"Rx\", \"Bo\"]", "choices", "none of them is 'Rex'")]
    [InlineData("\"accepted\": [\"Chess\"]", "\"acepted\": [\"Chess\"]", "'acepted'", "did you mean 'accepted'?")]
    [InlineData("\"evidence\": [\"b1\"]", "\"evidence\": [\"b2\"]", "evidence", "did you mean 'b1'?")]
    [InlineData("\"evidence\": [\"b1\"]", "\"evidence\": \"b1\"", "evidence", "expected an array")]
    [InlineData("\"pool_size\": 9", "\"pool_size\": \"nine\"", "pool_size", "expected a whole number")]
    [InlineData("\"pool_size\": 9", "\"poolsize\": 9", "'poolsize'", "did you mean 'pool_size'?")]
    [InlineData("\"pool_size\": 9", "\"scoring\": \"exact\"", "scoring", "expected one of exact-match, choice, bits-per-byte")]
    [InlineData("\"pool_size\": 9}", "\"pool_size\": 9", "not valid JSON", "")]
    public async Task A_mistake_in_a_file_of_users_is_told_with_its_place_its_key_and_what_was_meant(string from, string to, string key, string meant)
    {
        Assert.Contains(from, Users, StringComparison.Ordinal);
        _desk.Write("experiments/users.jsonl", Users.Replace(from, to, StringComparison.Ordinal));
        Assert.Equal(2, await _desk.Run("validate", _desk.Write("experiments/mine.yaml", Study)));
        var place = string.Create(CultureInfo.InvariantCulture, $"experiments/mine.yaml:4: dataset: experiments/users.jsonl:{LineOf(Users, from)}: ");
        Assert.StartsWith("pbench: " + place, _desk.Error, StringComparison.Ordinal);
        Assert.Contains(key, _desk.Error[place.Length..], StringComparison.Ordinal);
        Assert.Contains(meant, _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("experiments/nowhere.yaml: could not be read: there is no such file", "validate", "experiments/nowhere.yaml")]
    [InlineData("'vlidate'", "vlidate", "x.yaml")]
    [InlineData("did you mean 'colours'?", "report", "colors")]
    [InlineData("did you mean 'colours'?", "compare", "colurs", "colours")]
    [InlineData("did you mean 'colours'?", "data", "show", "colors")]
    [InlineData("did you mean 'learning_rate'?", "explain", "learning_rat")]
    [InlineData("did you mean 'majority'?", "run", "experiments/colours.yaml", "--only", "majorty")]
    [InlineData("--threads: expected at least 1, found 0", "run", "experiments/colours.yaml", "--threads", "0")]
    [InlineData("Argument 'gpu' not recognized", "run", "experiments/colours.yaml", "--device", "gpu")]
    [InlineData("a study is published whole; expected no --only beside it", "run", "experiments/colours.yaml", "--publish", "--only", "none")]
    [InlineData("users.txt: could not be read", "data", "from-text", "users.txt")]
    public async Task A_mistake_on_the_command_line_is_told_with_what_was_meant(string message, params string[] arguments)
    {
        _desk.Write("experiments/colours.yaml", Desk.Study);
        Directory.CreateDirectory(Path.Combine(_desk.Folder, "results", "colours"));
        string[] placed = [.. arguments.Select(a => a.StartsWith("experiments/colours", StringComparison.Ordinal) ? Path.Combine(_desk.Folder, a) : a)];
        Assert.Equal(2, await _desk.Run(placed));
        Assert.Contains(message, _desk.Error, StringComparison.Ordinal);
    }

    private static int LineOf(string text, string part) => text[..text.IndexOf(part, StringComparison.Ordinal)].Count(c => c == '\n') + 1;
}
