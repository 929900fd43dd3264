namespace PersonalizationBench.Core;

/// <summary>A stretch of text and how much its tokens count in the loss (0: read only).</summary>
public readonly record struct TextSegment(string Text, float Weight);

/// <summary>What comes at one position, and with what probability: some tokens, of which the probabilities need not add up to 1.</summary>
public sealed record TokenDistribution(IReadOnlyList<int> Ids, IReadOnlyList<float> Probabilities);

/// <summary>One training sequence: segments that follow each other in one context.</summary>
public sealed record TrainingText(IReadOnlyList<TextSegment> Segments)
{
    /// <summary>What is to be predicted in place of the text's last tokens, one distribution for each; null: the tokens themselves.</summary>
    public IReadOnlyList<TokenDistribution>? SoftEnding { get; init; }
}

/// <summary>A question of an exam: what the base reads, and the only right continuation.</summary>
public readonly record struct ExamQuestion(string Prompt, string Gold);

/// <summary>Questions asked of a base while it is trained, to see what it can do by now; never trained on.</summary>
public sealed record Exam(string Name, IReadOnlyList<ExamQuestion> Questions);

/// <summary>An endless, seeded source of training sequences.</summary>
public interface ITrainingCorpus
{
    /// <summary>SHA-256 over what determines the stream.</summary>
    string Digest { get; }

    /// <summary>The stream from its start; the same seed gives the same sequences.</summary>
    IEnumerable<TrainingText> Stream(long seed);

    /// <summary>Held-out sequences for measuring the loss; never in any stream.</summary>
    IReadOnlyList<TrainingText> HeldOut { get; }

    /// <summary>What a base trained on this should be able to answer.</summary>
    IReadOnlyList<Exam> Exams => [];
}
