using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Reporting.Tests;

/// <summary>Results of realistic shape whose truth is known: written to a folder as the runner would.</summary>
internal sealed class SyntheticStudy(string name, int users, int seeds)
{
    private readonly List<RunRecord> _runs = [];
    private readonly List<ProbeRecord> _probes = [];

    public sealed record Kind(string Name, string Metric, int Probes, double? Chance = null, bool HasChoices = false, double? Answered = null);

    public static readonly Kind[] WorldKinds =
    [
        new("recall", "exact-match", 4, 1.0 / 64, HasChoices: true),
        new("update", "exact-match", 2, 1.0 / 64, HasChoices: true),
        new("preference", "choice", 2, 0.5),
        new("style", "style", 1),
        new("absence", "exact-match", 2),
    ];

    /// <summary>What is added from here on: of which base and dataset.</summary>
    public (string Name, string Architecture, long Parameters) Base { get; set; } = ("world-3m", "llama", 3_100_000);

    /// <summary>What measured a seed, of what is added from here on.</summary>
    public Func<long, string> EngineOf { get; set; } = _ => "";

    /// <summary>Whether a probe's kind of question was studied, by its number; null: nothing is said.</summary>
    public Func<int, bool>? AnticipatedOf { get; set; }

    /// <summary>As JSON, what the manifest says of declared contrasts.</summary>
    public string Contrasts { get; set; } = "[]";

    public string Dataset { get; set; } = name == "mail" ? "panza" : "world";

    public static readonly Kind[] Likelihood = [new("continuation", "bits-per-byte", 12)];

    /// <summary>The world study: every family, ranks 1 to 8, controls.</summary>
    public static SyntheticStudy World(int users = 12, int seeds = 5, bool withFailures = true)
    {
        var study = new SyntheticStudy("quickstart", users, seeds);
        //                                                       recall update pref style absence
        study.Add("none", "none", WorldKinds, [0.01, 0.02, 0.50, 0.10, 0.97], prompt: 18);
        study.Add("majority", "majority", WorldKinds, [0.02, 0.02, 0.52, 0.20, 1.00], prompt: 0);
        study.Add("full-history", "full-history", WorldKinds, [0.94, 0.80, 0.92, 0.75, 0.90], prompt: 620, stored: 5200);
        study.Add("recent-history", "recent-history", WorldKinds, [0.35, 0.55, 0.66, 0.70, 0.95], prompt: 190, stored: 1400);
        study.Add("rag", "rag k=2", WorldKinds, [0.80, 0.60, 0.85, 0.60, 0.88], prompt: 110, stored: 9000, evidence: 0.62);
        study.Add("rag", "rag k=4", WorldKinds, [0.90, 0.74, 0.90, 0.66, 0.88], prompt: 200, stored: 9000, evidence: 0.81);
        study.Add("rag", "rag k=4", WorldKinds, [0.02, 0.02, 0.50, 0.20, 0.90], prompt: 200, stored: 9000, evidence: 0, control: "wrong-user");
        foreach (var rank in new[] { 1, 2, 4, 8 })
        {
            var level = 0.25 + (0.2 * Math.Log2(rank));
            study.Add("lora", $"lora r={rank}", WorldKinds, [level, level - 0.1, 0.6 + (level / 4), 0.55 + (level / 3), 0.85], prompt: 18, stored: 1160 + (rank * 9200), parameters: rank * 2304, rank: rank, forgetting: 0.01 * rank);
        }
        study.Add("lora", "lora r=8", WorldKinds, [0.01, 0.02, 0.50, 0.20, 0.80], prompt: 18, stored: 74760, parameters: 8 * 2304, rank: 8, control: "wrong-user", forgetting: 0.08);
        study.Add("lora-rag", "lora-rag r=4 k=4", WorldKinds, [0.95, 0.85, 0.95, 0.90, 0.85], prompt: 200, stored: 47000, parameters: 4 * 2304, rank: 4, evidence: 0.81, forgetting: 0.04);
        study.Add("continued-pretraining", "continued-pretraining replay_share=0.25", WorldKinds, [0.70, 0.55, 0.80, 0.85, 0.80], prompt: 18, stored: 4_200_000, parameters: 1_050_000, forgetting: 0.12);
        study.Add("oracle", "oracle", WorldKinds, [0.99, 0.96, 0.97, 0.70, 0.97], prompt: 60, stored: 5200, evidence: 1);
        if (withFailures) study.Fail("lora", "lora r=16", 2, "diverged", "the loss became NaN at step 310; a lower learning_rate may help");
        return study;
    }

    /// <summary>Small enough to keep in the repository.</summary>
    public static SyntheticStudy Small()
    {
        Kind[] kinds = [WorldKinds[0] with { HasChoices = false }, WorldKinds[2], WorldKinds[3]];
        var study = new SyntheticStudy("quickstart", 8, 2);
        study.Add("none", "none", kinds, [0.01, 0.5, 0.1], prompt: 18);
        study.Add("rag", "rag", kinds, [0.9, 0.9, 0.6], prompt: 200, stored: 9000, evidence: 0.8);
        study.Add("lora", "lora r=1", kinds, [0.3, 0.7, 0.7], prompt: 18, stored: 10_400, parameters: 2304, rank: 1, forgetting: 0.01);
        study.Add("lora", "lora r=4", kinds, [0.7, 0.8, 0.9], prompt: 18, stored: 38_000, parameters: 9216, rank: 4, forgetting: 0.04);
        study.Add("lora", "lora r=4", kinds, [0.01, 0.5, 0.1], prompt: 18, stored: 38_000, parameters: 9216, rank: 4, control: "wrong-user", forgetting: 0.04);
        study.Add("oracle", "oracle", kinds, [1, 0.97, 0.6], prompt: 60, stored: 5200, evidence: 1);
        study.Fail("lora", "lora r=16", 2, "out-of-memory", "3.1 GB were asked for, 2.0 GB were left");
        return study;
    }

    /// <summary>Three bases, adapters of two ranks and of one number of trained parameters, a history that grows.</summary>
    public static SyntheticStudy Scaling()
    {
        Kind[] kinds = [WorldKinds[0] with { HasChoices = false }, WorldKinds[4]];
        var study = new SyntheticStudy("scaling", 8, 5);
        foreach (var (size, i) in new[] { 300_000L, 1_000_000L, 3_500_000L }.Select((n, i) => (n, i)))
        {
            study.Base = ($"ladder-{i}", "llama", size);
            study.Add("none", "none", kinds, [0.01, 0.9], prompt: 18);
            study.Add("oracle", "oracle", kinds, [0.6 + (0.15 * i), 0.9], prompt: 60, stored: 5200, evidence: 1);
            foreach (var rank in new[] { 2, 4, 8 })
                study.Add("lora", $"lora r={rank}", kinds, [0.1 + (0.2 * i) + (0.02 * rank), 0.9 - (0.12 * rank)], prompt: 18, stored: 1000 * rank * (1 << i), parameters: 1024L * rank * (1 << i), rank: rank, forgetting: 0.01);
        }
        foreach (var (name, i) in new[] { "ladder-2", "mamba-2" }.Select((n, i) => (n, i)))
        {
            study.Base = (name, i == 0 ? "llama" : "mamba2", 3_500_000);
            foreach (var documents in new[] { 2, 8, 32 })
            {
                study.Dataset = $"world documents={documents}";
                study.Add("full-history", "full-history", kinds, [0.95 - (0.01 * documents), 0.9], prompt: 20 * documents, stored: 160 * documents);
            }
        }
        return study;
    }

    /// <summary>A study of likelihoods alone, with three users, as of real mail.</summary>
    public static SyntheticStudy Mail(int users = 3)
    {
        var study = new SyntheticStudy("mail", users, 5);
        study.Add("none", "none", Likelihood, [2.40], prompt: 0);
        study.Add("recent-history", "recent-history", Likelihood, [2.31], prompt: 400, stored: 9000);
        study.Add("rag", "rag", Likelihood, [2.33], prompt: 380, stored: 90000, evidence: null);
        foreach (var rank in new[] { 1, 2, 4, 8 })
            study.Add("lora", $"lora r={rank}", Likelihood, [2.25 - (0.03 * Math.Log2(rank))], prompt: 0, stored: rank * 20_000, parameters: rank * 5000, rank: rank, forgetting: 0.02 * rank);
        study.Add("lora", "lora r=8", Likelihood, [2.38], prompt: 0, stored: 160_000, parameters: 40_000, rank: 8, control: "wrong-user", forgetting: 0.15);
        study.Add("continued-pretraining", "continued-pretraining", Likelihood, [2.12], prompt: 0, stored: 1_000_000, parameters: 260_000, forgetting: 0.3);
        return study;
    }

    public void Add(string strategy, string label, Kind[] kinds, double[] levels, double prompt, long stored = 0, long parameters = 0, int? rank = null, string control = "", double? evidence = null, double? forgetting = null)
    {
        for (var seed = 1; seed <= (parameters > 0 ? seeds : 1); seed++)
        {
            var random = DeterministicRandom.For(seed, name, label, control);
            var key = Digest.Of($"{name} {label} {control} {seed}{(_runs.Any(r => r.Base != Base.Name || r.Dataset != Dataset) ? $" {Base.Name} {Dataset}" : "")}")[..8];
            var before = _probes.Count;
            for (var user = 0; user < users; user++)
            {
                // Some users are harder than others, whatever the strategy.
                var skill = (DeterministicRandom.For(99, name, $"{user}").NextDouble() - 0.5) * 0.2;
                foreach (var (kind, level) in kinds.Zip(levels))
                {
                    for (var probe = 0; probe < kind.Probes; probe++) AddProbe(key, user, kind, probe, level, skill, random, evidence);
                }
            }
            var flops = 2.1e6 * (prompt + 12);
            _runs.Add(Cell(key, strategy, label, control, seed, rank is null ? "{}" : string.Create(CultureInfo.InvariantCulture, $$"""{"rank":{{rank}}}""")) with
            {
                Users = users,
                Probes = _probes.Count - before,
                AdaptSeconds = parameters > 0 ? 20 + (seed * 0.4) : 0.05,
                AdaptFlops = parameters > 0 ? users * 4.0e11 : 0,
                TrainedTokens = parameters > 0 ? users * 64_000 : 0,
                TrainableParameters = parameters,
                StoredBytesPerUser = stored,
                AnswerSeconds = (_probes.Count - before) * (0.002 + (prompt * 0.00004)),
                PromptTokensPerProbe = prompt,
                FlopsPerProbe = strategy == "majority" ? 0 : flops,
                PromptTokensOncePerUser = strategy == "full-history" ? prompt - 12 : 1,
                PromptTokensPerQuery = strategy == "full-history" ? 12 : Math.Max(0, prompt - 1),
                FlopsOncePerUser = strategy == "full-history" ? flops * (prompt - 12) / prompt : 2.1e6,
                FlopsPerQuery = strategy == "majority" ? 0 : strategy == "full-history" ? flops * 60 / (prompt + 12) : flops,
                LatencyProbes = seed == 1 ? 30 : null,
                FirstTokenMsP50 = seed == 1 ? 2 + (prompt * 0.04) : null,
                FirstTokenMsP50Low = seed == 1 ? 1.9 + (prompt * 0.038) : null,
                FirstTokenMsP50High = seed == 1 ? 2.2 + (prompt * 0.043) : null,
                PerTokenMsP50 = seed == 1 ? 1.5 : null,
                PerTokenMsP50Low = seed == 1 ? 1.4 : null,
                PerTokenMsP50High = seed == 1 ? 1.9 : null,
                AnswerMsP50 = seed == 1 ? 6.5 + (prompt * 0.04) : null,
                AnswerMsP50Low = seed == 1 ? 6.1 + (prompt * 0.038) : null,
                AnswerMsP50High = seed == 1 ? 7 + (prompt * 0.043) : null,
                MemoryAdaptBytes = seed == 1 && control == "" ? 2_000_000 + (parameters * 60) : null,
                MemoryAnswerBytes = seed == 1 && control == "" ? 3_000_000 + (long)(prompt * 6000) + (parameters * 4) : null,
                MemoryUsers = seed == 1 && control == "" ? 2 : null,
                KvBytesPerSequence = prompt * 4096,
                EvidenceRecall = evidence,
                HeldOutBitsPerByteBefore = 1.30,
                HeldOutBitsPerByteAfter = forgetting is null ? 1.30 : 1.30 + forgetting + (0.004 * seed),
                HeldOutTexts = 64,
                HeldOutChangeMedian = forgetting ?? 0,
                HeldOutChangeError = forgetting is null ? 0 : 0.002,
            });
        }
    }

    public void Fail(string strategy, string label, long seed, string status, string error) =>
        _runs.Add(Cell("f" + _runs.Count, strategy, label, "", seed, """{"rank":16}""") with { Status = status, Error = error });

    public string WriteTo(string folder)
    {
        Directory.CreateDirectory(folder);
        RecordCsv.WriteFile(Path.Combine(folder, "runs.csv"), _runs);
        RecordCsv.WriteFile(Path.Combine(folder, "probes.csv"), _probes);
        File.WriteAllText(Path.Combine(folder, "manifest.json"),
            """
            {
              "schema": 1,
              "study": "STUDY",
              "hypothesis": "Facts belong in an index or the prompt, style in the weights.",
              "file_sha256": "1f2e3d",
              "contrasts": CONTRASTS,
              "invocations": [
                {
                  "command_line": "pbench run experiments/STUDY.yaml",
                  "started": "2026-01-02T03:04:05Z",
                  "finished": "2026-01-02T03:06:05Z",
                  "measured": 40,
                  "environment": { "processor": "A processor", "cores": 2, "memory_bytes": 8000000000, "operating_system": "Debian 12", "dot_net": ".NET 10.0.0", "libtorch": "2.1", "git_commit": "0123abc" }
                }
              ]
            }

            """.Replace("STUDY", name).Replace("CONTRASTS", Contrasts));
        return folder;
    }

    /// <summary>The same, read back from a folder that is gone afterwards.</summary>
    public StudyResults Results()
    {
        using var folder = new TemporaryFolder();
        return StudyResults.Load(WriteTo(folder.Path));
    }

    private void AddProbe(string key, int user, Kind kind, int probe, double level, double skill, DeterministicRandom random, double? evidence)
    {
        var score = kind.Metric switch
        {
            "bits-per-byte" => level + (2 * skill) + ((random.NextDouble() - 0.5) * 0.05) + (DeterministicRandom.For(7, $"{user}", $"{probe}").NextDouble() * 0.6),
            "style" => Enumerable.Range(0, 4).Count(_ => random.NextDouble() < level + skill) / 4.0,
            _ => random.NextDouble() < level + (level is > 0.1 and < 0.97 ? skill : 0) ? 1 : 0,
        };
        var record = new ProbeRecord
        {
            Key = key,
            UserId = $"u{user:00}",
            ProbeId = $"{kind.Name}-{probe}",
            Kind = kind.Name,
            Metric = kind.Metric,
            Score = Math.Round(score, 4),
            Chance = kind.Chance,
            EvidenceRecall = evidence,
            Anticipated = AnticipatedOf?.Invoke(probe) switch { null => "", true => "true", false => "false" },
        };
        _probes.Add(record);
        // Who is right has answered.
        if (kind.Answered is { } answered) _probes.Add(record with { Metric = "answered", Score = score == 1 || random.Chance(answered) ? 1 : 0, Chance = null });
        if (kind.HasChoices) _probes.Add(record with { Metric = "choice", Score = score == 1 || random.Chance(0.25) ? 1 : 0, Chance = 0.25 });
    }

    private RunRecord Cell(string key, string strategy, string label, string control, long seed, string settings) => new()
    {
        Engine = EngineOf(seed),
        Processor = "A processor",
        Threads = 2,
        Key = key,
        Study = name,
        Dataset = Dataset,
        Base = Base.Name,
        Strategy = strategy,
        Label = label,
        Control = control,
        Seed = seed,
        Settings = settings,
        Status = "ok",
        BaseArchitecture = Base.Architecture,
        BaseParameters = Base.Parameters,
        BaseDigest = "b0b0",
        DatasetDigest = "dada",
        Precision = "float32",
        Device = "cpu",
        Version = "1",
        Started = "2026-01-02T03:04:05Z",
    };
}

/// <summary>A folder of its own that is gone when disposed.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("pbench-reporting-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
