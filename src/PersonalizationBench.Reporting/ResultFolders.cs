using PersonalizationBench.Core;

namespace PersonalizationBench.Reporting;

/// <summary>Results by what people call them.</summary>
public static class ResultFolders
{
    /// <summary>A folder as given, else the one of that name that this machine measured, else the one that was published.</summary>
    /// <exception cref="PbenchException">There is none; names the nearest.</exception>
    public static string Find(string given, string measured, string published)
    {
        if (new[] { given, Path.Combine(measured, given), Path.Combine(published, given) }.FirstOrDefault(Directory.Exists) is { } found) return found;
        var names = new[] { measured, published }.Where(Directory.Exists).SelectMany(Directory.GetDirectories).Select(d => Path.GetFileName(d)).Distinct().Order(StringComparer.Ordinal).ToList();
        var nearest = NearestWord.Find(given, names);
        throw new PbenchException($"{given}: no such folder, nor results of that name in {ShownPath.Of(measured)} or {ShownPath.Of(published)}; {(nearest is not null ? $"did you mean '{nearest}'?" : names.Count > 0 ? $"expected a folder or one of {string.Join(", ", names)}" : "nothing was run yet")}");
    }
}
