using System.Runtime.CompilerServices;

namespace PersonalizationBench.Reporting.Tests;

/// <summary>Compares a text with a file in <c>Golden/</c> beside the tests; with PBENCH_UPDATE_GOLDEN=1 writes it anew.</summary>
internal static class GoldenFile
{
    public static string TestFolder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;

    public static void Matches(string name, string text)
    {
        var path = Path.Combine(TestFolder(), "Golden", name);
        if (Environment.GetEnvironmentVariable("PBENCH_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
        Assert.True(File.Exists(path), $"{path} is missing; PBENCH_UPDATE_GOLDEN=1 writes it");
        Assert.Equal(File.ReadAllText(path), text);
    }
}
