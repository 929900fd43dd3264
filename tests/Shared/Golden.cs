using System.Runtime.CompilerServices;

namespace PersonalizationBench.Tests;

/// <summary>Compares a text with a file of <c>Goldens/</c> beside the test; PBENCH_UPDATE_GOLDEN=1 writes it anew.</summary>
internal static class Golden
{
    public static void Check(string name, string actual, [CallerFilePath] string caller = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(caller)!, "Goldens", name);
        if (Environment.GetEnvironmentVariable("PBENCH_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
        }
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
