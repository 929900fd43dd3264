using System.ComponentModel.DataAnnotations;

namespace PersonalizationBench.Data.Real;

/// <summary>Settings that all real datasets share: a user's documents are split by time, and later ones become probes.</summary>
public abstract record RealOptions
{
    /// <summary>Share of a user's documents, the earlier ones, from which the history is taken; probes are from the rest.</summary>
    [Range(0.05, 0.95)]
    public double HistoryShare { get; init; } = 0.75;

    /// <summary>Documents of a history at most: the latest ones of the earlier part.</summary>
    [Range(1, 100_000)]
    public int Documents { get; init; } = 48;

    /// <summary>Probes per user at most: the first ones of the later part.</summary>
    [Range(1, 100_000)]
    public int Probes { get; init; } = 12;

    /// <summary>Longest document of a history in UTF-8 bytes; longer ones are cut at a sentence's end.</summary>
    [Range(80, 1_000_000)]
    public int DocumentBytes { get; init; } = 1200;

    /// <summary>Longest text scored per probe in UTF-8 bytes; longer ones are cut at a sentence's end.</summary>
    [Range(80, 1_000_000)]
    public int ProbeBytes { get; init; } = 400;

    /// <summary>Writes every text on one line, newlines becoming spaces: for character vocabularies without a newline.</summary>
    public bool Flatten { get; init; }

    /// <summary>General texts held out for forgetting, and as many others for replay.</summary>
    [Range(1, 1000)]
    public int GeneralTexts { get; init; } = 64;

    /// <summary>Longest general text in UTF-8 bytes; longer ones are cut at a sentence's end.</summary>
    [Range(80, 1_000_000)]
    public int GeneralTextBytes { get; init; } = 600;

    /// <summary>Which general texts are drawn. Histories and probes know no chance.</summary>
    public long Seed { get; init; } = 1;
}
