namespace PersonalizationBench.Core;

/// <summary>Reads a whole file that a user named; where that fails, the error names it.</summary>
public static class InputFile
{
    public static string ReadText(string path) => Read(path, File.ReadAllText);

    public static byte[] ReadBytes(string path) => Read(path, File.ReadAllBytes);

    /// <summary>What <paramref name="read"/> makes of the file.</summary>
    /// <exception cref="PbenchException">The file is not there, or may not be read.</exception>
    public static T Read<T>(string path, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {(e is FileNotFoundException or DirectoryNotFoundException ? $"there is no such file{Beside(path)}" : e.Message)}", e);
        }
    }

    /// <summary>The file of that folder whose name is nearest, for "did you mean".</summary>
    private static string Beside(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var nearest = Directory.Exists(folder) ? NearestWord.Find(Path.GetFileName(path), Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f))) : null;
        return nearest is null ? "" : $"; did you mean '{nearest}'?";
    }
}
