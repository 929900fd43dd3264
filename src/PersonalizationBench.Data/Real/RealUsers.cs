using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Real;

/// <summary>What the real loaders share: which users, and the dataset made of them.</summary>
internal static class RealUsers
{
    /// <summary>Names must be known, given once, and reported users no tuning users.</summary>
    public static void Check(string dataset, IReadOnlyList<string> users, IReadOnlyList<string> tuning, IReadOnlyList<string> known)
    {
        if (users.Count == 0) throw new PbenchException($"dataset {dataset}: 'users': expected at least one of {string.Join(", ", known)}");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (key, name) in users.Select(u => ("users", u)).Concat(tuning.Select(u => ("tuning_users", u))))
        {
            if (!known.Contains(name))
            {
                var nearest = NearestWord.Find(name, known);
                throw new PbenchException($"dataset {dataset}: '{key}': there is no user '{name}'; {(nearest is null ? $"expected of {string.Join(", ", known)}" : $"did you mean '{nearest}'?")}");
            }
            if (!seen.Add(name)) throw new PbenchException($"dataset {dataset}: '{key}': '{name}' is named twice; a user is reported or tuned on, once");
        }
    }

    public static Dataset Assemble(string name, RealOptions options, IReadOnlyList<string> users, IReadOnlyList<string> tuning, IReadOnlyDictionary<string, string> paths, Func<string, User> make)
    {
        var (heldOut, replay) = GeneralTexts.Draw(paths, options);
        var format = new PromptFormat(options.Flatten ? " " : "\n\n");
        return DatasetDigest.Seal(new Dataset(name, "", [.. users.Select(make)], [.. tuning.Select(make)], format)
        {
            HeldOutTexts = heldOut,
            ReplayTexts = replay,
        });
    }
}
