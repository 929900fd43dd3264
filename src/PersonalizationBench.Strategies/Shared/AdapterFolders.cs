namespace PersonalizationBench.Strategies.Shared;

/// <summary>Where the users' adapters lie in a folder: one folder each, named by the user's id.</summary>
internal static class AdapterFolders
{
    /// <summary>Ids are data: no character of theirs may lead out of the folder.</summary>
    public static string NameOf(string userId) => Uri.EscapeDataString(userId).Replace(".", "%2E", StringComparison.Ordinal);

    public static string PathOf(string folder, string userId) => Path.Combine(folder, NameOf(userId));
}
