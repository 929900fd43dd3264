namespace PersonalizationBench.Core;

/// <summary>Paths in what is printed.</summary>
public static class ShownPath
{
    /// <summary>A path as a person standing here would write it.</summary>
    public static string Of(string path)
    {
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
