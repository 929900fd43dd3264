namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One cell of a load, one row of its CSV. Times of first tokens count from when a request was due; shares, times and
/// percentiles are over all rounds, speeds and ratios are medians over rounds with their range.</summary>
public sealed record LoadRecord
{
    public int Schema { get; init; } = 1;
    public required string Load { get; init; }
    public required string Figure { get; init; }
    public required string Base { get; init; }
    public required string Precision { get; init; }
    public required int Threads { get; init; }
    public required int Slots { get; init; }
    public required int Sequences { get; init; }
    /// <summary>Registered.</summary>
    public required int Policies { get; init; }
    /// <summary>Different adapters on the disk; where there are fewer than policies, the others are clones of these.</summary>
    public required int Files { get; init; }
    public required string Rank { get; init; }
    public required int Active { get; init; }
    public required double Zipf { get; init; }
    /// <summary>closed, or poisson.</summary>
    public required string Arrivals { get; init; }
    /// <summary>Share of what the base alone can take; empty in a closed loop.</summary>
    public double? Offered { get; init; }
    public double? OfferedPerSecond { get; init; }
    public required double BaseShare { get; init; }
    public required int Rounds { get; init; }
    public required double Seconds { get; init; }
    public required int Requests { get; init; }
    public required int Cancelled { get; init; }
    public required int Failed { get; init; }

    public required double TokensPerSecond { get; init; }
    public required double TokensPerSecondMin { get; init; }
    public required double TokensPerSecondMax { get; init; }
    /// <summary>The base alone, in the same rounds.</summary>
    public required double AloneTokensPerSecond { get; init; }
    /// <summary>To the base alone; empty where arrivals, and not the server, set the pace.</summary>
    public double? Ratio { get; init; }
    public double? RatioMin { get; init; }
    public double? RatioMax { get; init; }
    public required double MeanSequences { get; init; }
    public required double MeanAdapters { get; init; }
    /// <summary>What the ratio could be if every byte were read once a step and nothing else took time.</summary>
    public required double Ceiling { get; init; }
    /// <summary>The ratio over the ceiling.</summary>
    public double? OfCeiling { get; init; }

    public required double FirstTokenP50Ms { get; init; }
    public required double FirstTokenP95Ms { get; init; }
    public required double FirstTokenP99Ms { get; init; }
    public required double AloneFirstTokenP50Ms { get; init; }
    public required double AloneFirstTokenP99Ms { get; init; }
    /// <summary>Of requests whose adapter was in a slot, in memory, on the disk; empty where there were none.</summary>
    public double? SlotFirstTokenP50Ms { get; init; }
    public double? SlotFirstTokenP99Ms { get; init; }
    public double? MemoryFirstTokenP50Ms { get; init; }
    public double? MemoryFirstTokenP99Ms { get; init; }
    public double? StorageFirstTokenP50Ms { get; init; }
    public double? StorageFirstTokenP99Ms { get; init; }
    public required double SlotShare { get; init; }
    public required double MemoryShare { get; init; }
    public required double StorageShare { get; init; }
    public required double TokenP50Ms { get; init; }
    public required double TokenP95Ms { get; init; }
    public required double TokenP99Ms { get; init; }
    public required double AloneTokenP50Ms { get; init; }
    public required double AloneTokenP99Ms { get; init; }
    /// <summary>Of requests for the base beside the others; empty where there were none.</summary>
    public double? BystanderTokenP50Ms { get; init; }
    public double? BystanderTokenP99Ms { get; init; }

    /// <summary>Parts of the way to an adapter that is nowhere yet, means.</summary>
    public required double AuthoriseMs { get; init; }
    public required double ResolveMs { get; init; }
    public required double ReadAndVerifyMs { get; init; }
    public required double ParseMs { get; init; }
    public required double PackMs { get; init; }
    public required double CopyMs { get; init; }

    public required double RegistryOpenMs { get; init; }
    public required double LookUpP50Ms { get; init; }
    public required double LookUpP99Ms { get; init; }
    public required double RegistryBytesPerPolicy { get; init; }
    public required double ResidentBytesPerAdapter { get; init; }

    public required int Verified { get; init; }
    public required int VerifiedWithAdapter { get; init; }
    /// <summary>Of these, those that the base alone would have answered otherwise.</summary>
    public required int ToldApart { get; init; }
    public required int Mismatches { get; init; }
}
