namespace PersonalizationBench.Core;

/// <summary>
/// One row of <c>runs.csv</c>: what was measured in a cell, its status, its provenance. Null is an empty field:
/// it was not measured. Times are seconds or milliseconds as named, sizes bytes, FLOPs count a multiply-add as two.
/// Columns are written in this order, in snake case.
/// </summary>
public sealed record RunRecord
{
    /// <summary>Version of this row's layout.</summary>
    public const int CurrentSchema = 3;

    public int Schema { get; init; } = CurrentSchema;
    public required string Key { get; init; }
    public required string Study { get; init; }
    public required string Dataset { get; init; }
    public required string Base { get; init; }
    public required string Strategy { get; init; }
    /// <summary>The strategy's name in figures: type with the settings that vary, such as "lora r=8".</summary>
    public required string Label { get; init; }
    /// <summary>Empty, or "wrong-user".</summary>
    public string Control { get; init; } = "";
    public required long Seed { get; init; }
    /// <summary>The strategy's resolved settings, as JSON with sorted keys.</summary>
    public required string Settings { get; init; }
    /// <summary>ok, failed, diverged or out-of-memory.</summary>
    public required string Status { get; init; }
    public string Error { get; init; } = "";

    public int? Users { get; init; }
    public int? Probes { get; init; }
    public double? AdaptSeconds { get; init; }
    public double? AdaptFlops { get; init; }
    public long? TrainedTokens { get; init; }
    /// <summary>Tokens that the base read (what several prompts begin with once) and wrote to answer its study material's questions, and
    /// how long that took, which is part of <see cref="AdaptSeconds"/>.</summary>
    public long? TeacherTokens { get; init; }
    public double? TeacherSeconds { get; init; }
    /// <summary>Share of the study material's answers that are right, of those on whose topic the user has an exact-match or choice probe.</summary>
    public double? TeacherAccuracy { get; init; }
    public long? TrainableParameters { get; init; }
    public long? StoredBytesPerUser { get; init; }
    public double? AnswerSeconds { get; init; }
    public double? PromptTokensPerProbe { get; init; }
    public double? FlopsPerProbe { get; init; }
    /// <summary>Of a prompt's tokens and their FLOPs, what is computed once for a user where keys and values are kept (all of a user's prompts
    /// begin with it; mean over users), and the rest, which every query takes (mean over probes, the answer's tokens included).</summary>
    public double? PromptTokensOncePerUser { get; init; }
    public double? PromptTokensPerQuery { get; init; }
    public double? FlopsOncePerUser { get; init; }
    public double? FlopsPerQuery { get; init; }
    /// <summary>Questions that were asked one at a time, in turn with those of the base's other arms, of the first seed's users. From a question's
    /// arrival to its first token: the median with its interval, and percentiles where there are enough questions for them. Of texts whose
    /// likelihood is scored, to the first of their tokens, written as if it were an answer's.</summary>
    public int? LatencyProbes { get; init; }
    public double? FirstTokenMsP50 { get; init; }
    public double? FirstTokenMsP50Low { get; init; }
    public double? FirstTokenMsP50High { get; init; }
    public double? FirstTokenMsP95 { get; init; }
    public double? FirstTokenMsP99 { get; init; }
    /// <summary>Between two tokens, of each question the mean.</summary>
    public double? PerTokenMsP50 { get; init; }
    public double? PerTokenMsP50Low { get; init; }
    public double? PerTokenMsP50High { get; init; }
    public double? PerTokenMsP95 { get; init; }
    public double? PerTokenMsP99 { get; init; }
    /// <summary>From a question's arrival to the end of its answer.</summary>
    public double? AnswerMsP50 { get; init; }
    public double? AnswerMsP50Low { get; init; }
    public double? AnswerMsP50High { get; init; }
    /// <summary>Largest memory in use above what the loaded base holds, in a process that ran nothing before: adapting
    /// <see cref="MemoryUsers"/> users together, and answering their questions one at a time.</summary>
    public long? MemoryAdaptBytes { get; init; }
    public long? MemoryAnswerBytes { get; init; }
    public int? MemoryUsers { get; init; }
    /// <summary>Rows of schemas 1 and 2 alone: of the process that ran the cells before.</summary>
    public long? PeakRssAdaptBytes { get; init; }
    public long? PeakRssAnswerBytes { get; init; }
    public long? PeakDeviceAdaptBytes { get; init; }
    public long? PeakDeviceAnswerBytes { get; init; }
    /// <summary>Rows of schemas 1 and 2 alone: of a batch at once.</summary>
    public long? KvBytes { get; init; }
    /// <summary>Keys and values, or state, of one sequence at its longest; mean over the sequences read in answering.</summary>
    public double? KvBytesPerSequence { get; init; }
    /// <summary>Share of a probe's evidence documents that were in its prompt, mean over probes with evidence.</summary>
    public double? EvidenceRecall { get; init; }
    /// <summary>Share of probes in whose prompt any document stood: for a strategy that looks up what it is unsure of, how often it did.</summary>
    public double? ContextShare { get; init; }
    /// <summary>Bits per byte on general held-out text with the bare base, and the mean over users' personal models.</summary>
    public double? HeldOutBitsPerByteBefore { get; init; }
    public double? HeldOutBitsPerByteAfter { get; init; }

    public string BaseArchitecture { get; init; } = "";
    public long? BaseParameters { get; init; }
    public string BaseDigest { get; init; } = "";
    public string DatasetDigest { get; init; } = "";
    public string Precision { get; init; } = "";
    public string Device { get; init; } = "";
    /// <summary>What computed it, with its versions and the kernels in use; empty in rows of the first layout.</summary>
    public string Engine { get; init; } = "";
    public string Processor { get; init; } = "";
    /// <summary>Threads of one product on the CPU.</summary>
    public int? Threads { get; init; }
    public string Version { get; init; } = "";
    /// <summary>UTC, ISO 8601.</summary>
    public string Started { get; init; } = "";
}

/// <summary>One row of <c>probes.csv</c>: one probe's score in one cell.</summary>
public sealed record ProbeRecord
{
    public required string Key { get; init; }
    public required string UserId { get; init; }
    public required string ProbeId { get; init; }
    public required string Kind { get; init; }
    /// <summary>exact-match, choice, style or bits-per-byte.</summary>
    public required string Metric { get; init; }
    /// <summary>0..1 for accuracies and style; bits per byte for likelihood.</summary>
    public required double Score { get; init; }
    /// <summary>What guessing scores in expectation (1/pool, 1/choices); empty where there is no such thing.</summary>
    public double? Chance { get; init; }
    public string Answer { get; init; } = "";
    public string Gold { get; init; } = "";
    public double? EvidenceRecall { get; init; }
    public int? PromptTokens { get; init; }
    /// <summary>"true" or "false": whether the user's study material asked about the probe's topic (in other words than the probe's). Empty
    /// where nothing was asked, and for style and likelihood, which have no answer to be studied.</summary>
    public string Anticipated { get; init; } = "";
}
