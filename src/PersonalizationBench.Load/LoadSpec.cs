using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace PersonalizationBench.Load;

/// <summary>A load, as its file (such as <c>experiments/scale-out.yaml</c>) says it: a server, the adapters behind it, and the cells in
/// which it is asked.</summary>
public sealed record LoadSpec : IValidatableObject
{
    /// <summary>The file's own name; results go to the folder of that name.</summary>
    public required string Load { get; init; }

    public string? Description { get; init; }

    public required string Base { get; init; }

    public long Seed { get; init; } = 1;

    public LoadServer Server { get; init; } = new();

    /// <summary>Different adapters that are drawn and stored as files; policies beyond share theirs (clones).</summary>
    [Range(1, 1 << 20)] public int Files { get; init; } = 512;

    /// <summary>Tokens of a prompt and of an answer: one number, or the least and the most.</summary>
    public IReadOnlyList<int> Prompt { get; init; } = [32];

    public IReadOnlyList<int> Answer { get; init; } = [16];

    /// <summary>How long a cell is measured in one round; as long again is taken by the base alone.</summary>
    [Range(0.01, 86400.0)] public double Seconds { get; init; } = 4;

    /// <summary>A closed loop ends after so many requests, and the base alone after a tenth of them; default: after <see cref="Seconds"/>.</summary>
    [Range(1, int.MaxValue)] public int? Requests { get; init; }

    [Range(1, 1000)] public int Rounds { get; init; } = 3;

    /// <summary>Answers of each cell and round that are computed again alone; one that differs fails the run.</summary>
    [Range(0, int.MaxValue)] public int Verified { get; init; } = 64;

    [MinLength(1, ErrorMessage = "expected at least one")]
    public required IReadOnlyList<LoadFigure> Cells { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext context)
    {
        if (!IsRange(Prompt)) yield return new ValidationResult("expected one number of at least 1, or the least and the most", [nameof(Prompt)]);
        if (!IsRange(Answer)) yield return new ValidationResult("expected one number of at least 1, or the least and the most", [nameof(Answer)]);
    }

    private static bool IsRange(IReadOnlyList<int> range) => range.Count is 1 or 2 && range[0] >= 1 && range[^1] >= range[0];
}

/// <summary>What the server may take.</summary>
public sealed record LoadServer
{
    /// <summary>Adapters that one batch can use.</summary>
    [Range(1, 4096)] public int Slots { get; init; } = 16;

    /// <summary>Sequences in one batch; as many requests at a time where arrivals are a closed loop.</summary>
    [Range(1, 4096)] public int Sequences { get; init; } = 32;

    /// <summary>MiB of adapters in memory.</summary>
    [Range(1, 1 << 20)] public int AdapterMemory { get; init; } = 64;

    /// <summary>MiB of keys and values.</summary>
    [Range(1, 1 << 20)] public int KvMemory { get; init; } = 64;
}

/// <summary>Cells of one figure: all combinations of what is listed.</summary>
public sealed record LoadFigure : IValidatableObject
{
    public required string Figure { get; init; }

    /// <summary>Registered policies.</summary>
    public IReadOnlyList<int> Policies { get; init; } = [1000];

    /// <summary>Of the adapters, in all modules: numbers, or <c>mixed</c>: 8, 16 and 64 in turn.</summary>
    public IReadOnlyList<string> Rank { get; init; } = ["8"];

    /// <summary>Popularity: the i-th most popular policy is asked in proportion to i^-s.</summary>
    public IReadOnlyList<double> Zipf { get; init; } = [1];

    /// <summary>Only so many of the policies are asked; default: all.</summary>
    public IReadOnlyList<int>? Active { get; init; }

    /// <summary>Poisson arrivals at this share of what the base alone can take; default: a closed loop, as many requests at a time as
    /// fit a batch.</summary>
    public IReadOnlyList<double>? Arrivals { get; init; }

    /// <summary>Share of requests that ask the base.</summary>
    [Range(0.0, 1.0)] public double BaseShare { get; init; }

    /// <summary>Share of requests that are cancelled within their first milliseconds.</summary>
    [Range(0.0, 1.0)] public double CancelShare { get; init; }

    /// <summary>Log-probabilities are asked for and compared, too: every bit of the logits counts.</summary>
    public bool Bits { get; init; }

    public IEnumerable<LoadCell> Cells =>
        from policies in Policies
        from rank in Rank
        from active in Active?.Select(a => (int?)a) ?? [null]
        from zipf in Zipf
        from arrivals in Arrivals?.Select(a => (double?)a) ?? [null]
        select new LoadCell(Figure, policies, rank, Math.Min(active ?? policies, policies), zipf, arrivals, BaseShare, CancelShare, Bits);

    public IEnumerable<ValidationResult> Validate(ValidationContext context)
    {
        if (Policies.Any(p => p is < 1 or > 10_000_000)) yield return new ValidationResult("expected numbers of 1 to 10,000,000", [nameof(Policies)]);
        if (Active?.Any(a => a < 1) == true) yield return new ValidationResult("expected numbers of at least 1", [nameof(Active)]);
        if (Zipf.Any(s => s is not (>= 0 and <= 10))) yield return new ValidationResult("expected exponents of 0 to 10", [nameof(Zipf)]);
        if (Arrivals?.Any(a => a is not (> 0 and <= 10)) == true) yield return new ValidationResult("expected shares of the base's capacity above 0", [nameof(Arrivals)]);
        if (Rank.FirstOrDefault(r => r != LoadCell.Mixed && !(int.TryParse(r, CultureInfo.InvariantCulture, out var n) && n is >= 1 and <= 256)) is { } bad)
            yield return new ValidationResult($"'{bad}' is neither a rank of 1 to 256 nor {LoadCell.Mixed}", [nameof(Rank)]);
    }
}

/// <summary>One way in which the server is asked.</summary>
/// <param name="Arrivals">Null: a closed loop.</param>
public sealed record LoadCell(string Figure, int Policies, string Rank, int Active, double Zipf, double? Arrivals, double BaseShare, double CancelShare, bool Bits)
{
    public const string Mixed = "mixed";

    /// <summary>Of the adapters, in turn.</summary>
    public IReadOnlyList<int> Ranks => Rank == Mixed ? [8, 16, 64] : [int.Parse(Rank, CultureInfo.InvariantCulture)];

    /// <summary>The same arrivals, all for the base.</summary>
    public LoadCell Alone() => this with { BaseShare = 1 };

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Figure}: {Policies} policies, {Active} active, Zipf {Zipf}, rank {Rank}, {(Arrivals is { } share ? $"arrivals {share}" : "closed loop")}, base {BaseShare}, cancelled {CancelShare}");
}
