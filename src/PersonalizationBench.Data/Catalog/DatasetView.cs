using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Catalog;

/// <summary>A dataset for people: how much there is, and some of one user.</summary>
public static class DatasetView
{
    /// <param name="number">Which user, from 1.</param>
    /// <param name="count">Documents and probes to show; of the probes at least one of each kind.</param>
    public static void Write(TextWriter output, Dataset dataset, int number, int count)
    {
        output.WriteLine($"{dataset.Name}: {dataset.Users.Count} users, {dataset.TuningUsers.Count} tuning users, {dataset.Users.Sum(u => u.History.Count)} documents, {dataset.Users.Sum(u => u.Probes.Count)} probes; digest {dataset.Digest}");
        if (number < 1 || number > dataset.Users.Count) throw new PbenchException($"--user: expected 1 to {dataset.Users.Count}, found {number}");
        var user = dataset.Users[number - 1];
        output.WriteLine($"\n# {user.Id} ({user.Name}): {user.History.Count} documents, {user.Probes.Count} probes");
        foreach (var document in user.History.Take(count)) output.WriteLine($"\n## {document.Id}, {document.Kind}\n{document.Text}");
        foreach (var probe in user.Probes.DistinctBy(p => p.Kind).Concat(user.Probes).Distinct().Take(Math.Max(count, user.Probes.DistinctBy(p => p.Kind).Count())))
            output.WriteLine($"\n? {probe.Id}, {probe.Kind}: {probe.Prompt}\n= {probe.Gold}");
    }
}
