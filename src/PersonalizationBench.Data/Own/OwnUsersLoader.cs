using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Own;

/// <summary>Your own users in a study: <c>dataset: { name: jsonl, users: users.jsonl }</c>.</summary>
public sealed record OwnUsersOptions : IFileOptions
{
    /// <summary>The file of the users reported: JSON Lines, a document or a probe each (<c>docs/own-users.md</c>). Relative to the study file.</summary>
    public required string Users { get; init; }

    /// <summary>A file of other users, for choosing settings and for majority answers; null: those of <see cref="TuningShare"/>.</summary>
    public string? TuningUsers { get; init; }

    /// <summary>Share of the users that are tuned on and not reported, drawn by <see cref="Seed"/>, where <see cref="TuningUsers"/> is null.</summary>
    [Range(0.0, 0.9)]
    public double TuningShare { get; init; }

    /// <summary>A text file of general texts, parted by blank lines: every other one is held out to measure forgetting, the others are
    /// for replay; null: neither is there.</summary>
    public string? GeneralTexts { get; init; }

    /// <summary>What stands between documents, and between the last one and the question.</summary>
    public string DocumentSeparator { get; init; } = "\n\n";

    /// <summary>Longest answer that is read, in characters; longer than every accepted one.</summary>
    [Range(1, 4096)]
    public int MaxAnswerCharacters { get; init; } = 100;

    /// <summary>What is answered where nothing is known, such as "unknown"; null: whether something was answered is not counted.</summary>
    public string? UnknownAnswer { get; init; }

    /// <summary>An answer ends at the first of these.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = ["\n"];

    /// <summary>Which users are tuned on.</summary>
    public long Seed { get; init; } = 1;

    public object In(string folder) => this with
    {
        Users = Path.Combine(folder, Users),
        TuningUsers = TuningUsers is null ? null : Path.Combine(folder, TuningUsers),
        GeneralTexts = GeneralTexts is null ? null : Path.Combine(folder, GeneralTexts),
    };
}

/// <summary>Users from a file of JSON Lines.</summary>
public sealed class OwnUsersLoader : IDatasetLoader
{
    public string Name => "jsonl";

    public string Summary => "Your own users: documents and probes in a file of JSON Lines (docs/own-users.md).";

    public Type OptionsType => typeof(OwnUsersOptions);

    public Dataset Load(object options)
    {
        var own = (OwnUsersOptions)options;
        if (own.TuningUsers is not null && own.TuningShare > 0) throw new PbenchException("dataset jsonl: 'tuning_share': tuning_users names a file already; expected one of the two");
        var all = OwnUsersFile.Read(own.Users);
        var tuning = own.TuningUsers is null ? Drawn(all, own) : OwnUsersFile.Read(own.TuningUsers);
        var general = own.GeneralTexts is null ? [] : TextFile.Paragraphs(own.GeneralTexts);
        return DatasetDigest.Seal(new Dataset(Name, "", [.. all.Except(tuning)], tuning, new PromptFormat(own.DocumentSeparator))
        {
            HeldOutTexts = [.. general.Where((_, i) => i % 2 == 0)],
            ReplayTexts = [.. general.Where((_, i) => i % 2 == 1)],
            MaxAnswerCharacters = own.MaxAnswerCharacters,
            UnknownAnswer = own.UnknownAnswer,
            StopTexts = own.StopTexts,
        });
    }

    /// <summary>Rounded to whole users; at least one user is left to report.</summary>
    private static List<User> Drawn(IReadOnlyList<User> all, OwnUsersOptions own)
    {
        var count = Math.Min(all.Count - 1, (int)Math.Round(own.TuningShare * all.Count, MidpointRounding.AwayFromZero));
        var drawn = DeterministicRandom.For(own.Seed, "tuning users").Sample([.. all.Select(u => u.Id)], count).ToHashSet(StringComparer.Ordinal);
        return [.. all.Where(u => drawn.Contains(u.Id))];
    }
}
