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

    /// <summary>Version of this row's layout.</summary>
    public int Schema { get; init; } = CurrentSchema;
    /// <summary>SHA-256 of everything that could change the cell's result; joins the rows of <c>probes.csv</c>.</summary>
    public required string Key { get; init; }
    /// <summary>The study's name.</summary>
    public required string Study { get; init; }
    /// <summary>The dataset's name, with the settings that vary where the study has several.</summary>
    public required string Dataset { get; init; }
    /// <summary>The base, as the study names it.</summary>
    public required string Base { get; init; }
    /// <summary>The strategy's type, such as lora.</summary>
    public required string Strategy { get; init; }
    /// <summary>The strategy's name in figures: type with the settings that vary, such as "lora r=8".</summary>
    public required string Label { get; init; }
    /// <summary>Empty, or "wrong-user".</summary>
    public string Control { get; init; } = "";
    /// <summary>What training drew from; a strategy that draws nothing has the study's first seed.</summary>
    public required long Seed { get; init; }
    /// <summary>The strategy's resolved settings, as JSON with sorted keys.</summary>
    public required string Settings { get; init; }
    /// <summary>ok, failed, diverged or out-of-memory.</summary>
    public required string Status { get; init; }
    /// <summary>Why the cell was not measured; empty where it was.</summary>
    public string Error { get; init; } = "";

    /// <summary>Users that were adapted, all together.</summary>
    public int? Users { get; init; }
    /// <summary>Probes that were asked, of all users.</summary>
    public int? Probes { get; init; }
    /// <summary>Seconds to adapt all users.</summary>
    public double? AdaptSeconds { get; init; }
    /// <summary>Floating-point operations to adapt all users.</summary>
    public double? AdaptFlops { get; init; }
    /// <summary>Tokens that training read, of all users and passes.</summary>
    public long? TrainedTokens { get; init; }
    /// <summary>Tokens that the base read (what several prompts begin with once) and wrote to answer its study material's questions.</summary>
    public long? TeacherTokens { get; init; }
    /// <summary>How long that took, which is part of <see cref="AdaptSeconds"/>.</summary>
    public double? TeacherSeconds { get; init; }
    /// <summary>Share of the study material's answers that are right, of those on whose topic the user has an exact-match or choice probe.</summary>
    public double? TeacherAccuracy { get; init; }
    /// <summary>Parameters trained for one user; 0 where nothing is trained.</summary>
    public long? TrainableParameters { get; init; }
    /// <summary>Bytes kept per user between sessions, mean: documents, index or adapter.</summary>
    public long? StoredBytesPerUser { get; init; }
    /// <summary>Seconds to answer all probes, in batches.</summary>
    public double? AnswerSeconds { get; init; }
    /// <summary>Tokens of context and question that the model read for a probe, mean.</summary>
    public double? PromptTokensPerProbe { get; init; }
    /// <summary>Floating-point operations to answer a probe, mean.</summary>
    public double? FlopsPerProbe { get; init; }
    /// <summary>Of a prompt's tokens, those computed once for a user where keys and values are kept (all of a user's prompts begin with them), mean over users.</summary>
    public double? PromptTokensOncePerUser { get; init; }
    /// <summary>The rest of a prompt's tokens, which every query takes, mean over probes.</summary>
    public double? PromptTokensPerQuery { get; init; }
    /// <summary>Floating-point operations that are done once for a user where keys and values are kept, mean over users.</summary>
    public double? FlopsOncePerUser { get; init; }
    /// <summary>Floating-point operations that every query takes, the answer's tokens included, mean over probes.</summary>
    public double? FlopsPerQuery { get; init; }
    /// <summary>Questions that were asked one at a time, in turn with those of the base's other arms, of the first seed's users.</summary>
    public int? LatencyProbes { get; init; }
    /// <summary>Milliseconds from a question's arrival to its answer's first token, the median; of texts whose likelihood is scored, to the first of their tokens, written as if it were an answer's.</summary>
    public double? FirstTokenMsP50 { get; init; }
    /// <summary>Lower end of that median's 95 % interval.</summary>
    public double? FirstTokenMsP50Low { get; init; }
    /// <summary>Upper end of that median's 95 % interval.</summary>
    public double? FirstTokenMsP50High { get; init; }
    /// <summary>The 95th percentile of the same; empty where there are too few questions for it.</summary>
    public double? FirstTokenMsP95 { get; init; }
    /// <summary>The same: the 99th percentile.</summary>
    public double? FirstTokenMsP99 { get; init; }
    /// <summary>Milliseconds between two tokens of an answer, of each question the mean: the median.</summary>
    public double? PerTokenMsP50 { get; init; }
    /// <summary>Lower end of that median's 95 % interval.</summary>
    public double? PerTokenMsP50Low { get; init; }
    /// <summary>Upper end of that median's 95 % interval.</summary>
    public double? PerTokenMsP50High { get; init; }
    /// <summary>The 95th percentile of the same.</summary>
    public double? PerTokenMsP95 { get; init; }
    /// <summary>The same: the 99th percentile.</summary>
    public double? PerTokenMsP99 { get; init; }
    /// <summary>Milliseconds from a question's arrival to the end of its answer, the median.</summary>
    public double? AnswerMsP50 { get; init; }
    /// <summary>Lower end of that median's 95 % interval.</summary>
    public double? AnswerMsP50Low { get; init; }
    /// <summary>Upper end of that median's 95 % interval.</summary>
    public double? AnswerMsP50High { get; init; }
    /// <summary>Largest memory in use above what the loaded base holds, in a process that ran nothing before, while <see cref="MemoryUsers"/>
    /// users are adapted together.</summary>
    public long? MemoryAdaptBytes { get; init; }
    /// <summary>The same while their questions are answered one at a time.</summary>
    public long? MemoryAnswerBytes { get; init; }
    /// <summary>How many users those were.</summary>
    public int? MemoryUsers { get; init; }
    /// <summary>Rows of schemas 1 and 2 alone: peak resident memory, while adapting, of the process that ran the cells before.</summary>
    public long? PeakRssAdaptBytes { get; init; }
    /// <summary>Peak resident memory of the process while answering.</summary>
    public long? PeakRssAnswerBytes { get; init; }
    /// <summary>Peak memory of the device while adapting; empty on a CPU.</summary>
    public long? PeakDeviceAdaptBytes { get; init; }
    /// <summary>Peak memory of the device while answering; empty on a CPU.</summary>
    public long? PeakDeviceAnswerBytes { get; init; }
    /// <summary>Rows of schemas 1 and 2 alone: peak keys and values of a batch at once.</summary>
    public long? KvBytes { get; init; }
    /// <summary>Keys and values, or state, of one sequence at its longest; mean over the sequences read in answering.</summary>
    public double? KvBytesPerSequence { get; init; }
    /// <summary>Share of a probe's evidence documents that were in its prompt, mean over probes with evidence.</summary>
    public double? EvidenceRecall { get; init; }
    /// <summary>Share of probes in whose prompt any document stood: for a strategy that looks up what it is unsure of, how often it did.</summary>
    public double? ContextShare { get; init; }
    /// <summary>Bits per byte on general held-out text with the bare base: mean over users, each on texts of its own.</summary>
    public double? HeldOutBitsPerByteBefore { get; init; }
    /// <summary>The same texts with the users' personal models, mean over users: what rose was forgotten.</summary>
    public double? HeldOutBitsPerByteAfter { get; init; }
    /// <summary>How many different texts that were; empty in rows of earlier layouts, as are the next two.</summary>
    public int? HeldOutTexts { get; init; }
    /// <summary>Median over users and their texts of what a text's bits per byte changed by.</summary>
    public double? HeldOutChangeMedian { get; init; }
    /// <summary>Standard error of after minus before: users differ, and so do their texts.</summary>
    public double? HeldOutChangeError { get; init; }

    /// <summary>The base's architecture, such as llama.</summary>
    public string BaseArchitecture { get; init; } = "";
    /// <summary>The base's number of weights, tied ones once.</summary>
    public long? BaseParameters { get; init; }
    /// <summary>SHA-256 of the base's weights, configuration and tokenizer.</summary>
    public string BaseDigest { get; init; } = "";
    /// <summary>SHA-256 of everything in the dataset that could change a result.</summary>
    public string DatasetDigest { get; init; } = "";
    /// <summary>Numeric type of the products: float32 or bfloat16.</summary>
    public string Precision { get; init; } = "";
    /// <summary>Where it was computed: cpu or cuda.</summary>
    public string Device { get; init; } = "";
    /// <summary>What computed it, with its versions and the kernels in use; empty in rows of the first layout.</summary>
    public string Engine { get; init; } = "";
    /// <summary>The processor, as its kernel names it.</summary>
    public string Processor { get; init; } = "";
    /// <summary>Threads of one product on the CPU.</summary>
    public int? Threads { get; init; }
    /// <summary>Version of the measuring code.</summary>
    public string Version { get; init; } = "";
    /// <summary>UTC, ISO 8601.</summary>
    public string Started { get; init; } = "";
}

/// <summary>One row of <c>probes.csv</c>: one probe's score in one cell.</summary>
public sealed record ProbeRecord
{
    /// <summary>The cell, as in <c>runs.csv</c>.</summary>
    public required string Key { get; init; }
    /// <summary>Whose probe it is.</summary>
    public required string UserId { get; init; }
    /// <summary>The probe, unique within the user.</summary>
    public required string ProbeId { get; init; }
    /// <summary>The kind of probe, such as recall.</summary>
    public required string Kind { get; init; }
    /// <summary>exact-match, contains, token-f1, answered, choice, choice-normalized, style or bits-per-byte.</summary>
    public required string Metric { get; init; }
    /// <summary>0..1 for accuracies and style; bits per byte for likelihood.</summary>
    public required double Score { get; init; }
    /// <summary>What guessing scores in expectation (1/pool, 1/choices); empty where there is no such thing.</summary>
    public double? Chance { get; init; }
    /// <summary>What was answered; empty for a scored continuation.</summary>
    public string Answer { get; init; } = "";
    /// <summary>The reference answer, or the text that was scored.</summary>
    public string Gold { get; init; } = "";
    /// <summary>Share of the probe's evidence documents that were in its prompt; empty where it has none.</summary>
    public double? EvidenceRecall { get; init; }
    /// <summary>Tokens of context and question that the model read.</summary>
    public int? PromptTokens { get; init; }
    /// <summary>"true" or "false": whether the user's study material asked about the probe's topic (in other words than the probe's). Empty
    /// where nothing was asked, and for style and likelihood, which have no answer to be studied.</summary>
    public string Anticipated { get; init; } = "";
}
