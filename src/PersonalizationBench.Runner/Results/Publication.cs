using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Results;

/// <summary>From what this machine measured (<c>runs/</c>) to what the repository holds (<c>results/</c>).</summary>
public static class Publication
{
    private static readonly string[] s_files = [ResultStore.ProbesFile, ResultStore.RunsFile, Manifest.FileName, "report.html", "summary.md"];

    /// <summary>Refuses where the numbers could not be made again from a commit.</summary>
    /// <param name="commit">As <see cref="RunEnvironment.FindCommit"/> gives it.</param>
    /// <exception cref="PbenchException">There is no commit, or files differ from it.</exception>
    public static void RequireCommit(string? commit)
    {
        if (commit is null) throw new PbenchException("--publish: this is no git repository: nothing would say what made the results");
        if (commit.EndsWith("-dirty", StringComparison.Ordinal)) throw new PbenchException($"--publish: the working tree differs from {commit[..12]}: commit first, so that the results can be made again");
    }

    /// <summary>Replaces what was published of a study. Other files of the folder, such as its page, stay.</summary>
    /// <param name="measured">The study's folder in <c>runs/</c>, with its report.</param>
    /// <param name="published">The study's folder in <c>results/</c>; made where it is missing.</param>
    public static void Publish(string measured, string published)
    {
        var chosen = File.Exists(Path.Combine(measured, ChosenRecord.FileName)) ? [ChosenRecord.FileName] : Array.Empty<string>();
        foreach (var name in s_files.Concat(chosen)) Copy(Path.Combine(measured, name), Path.Combine(published, name));
        var (from, to) = (Path.Combine(measured, "figures"), Path.Combine(published, "figures"));
        var figures = Directory.GetFiles(from).Select(f => Path.GetFileName(f)).ToHashSet();
        foreach (var figure in figures) Copy(Path.Combine(from, figure), Path.Combine(to, figure));
        foreach (var gone in Directory.GetFiles(to).Where(f => !figures.Contains(Path.GetFileName(f)))) File.Delete(gone);
    }

    private static void Copy(string from, string to) => AtomicFile.Write(to, stream =>
    {
        using var source = File.OpenRead(from);
        source.CopyTo(stream);
    });
}
