using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>The repository that these tests were built from, read as files.</summary>
internal static partial class Repository
{
    /// <summary>What builds, editors and git leave behind; never part of the source.</summary>
    private static readonly HashSet<string> NotSource = new(StringComparer.Ordinal)
    {
        ".git", "bin", "obj", ".vs", ".idea", "artifacts", "out", "TestResults", "BenchmarkDotNet.Artifacts", "__pycache__", "node_modules",
    };

    /// <summary>What the program leaves in the folder that it is started in; <c>results/serving</c> is source.</summary>
    private static readonly string[] OfTheProgram = ["runs", "serving"];

    /// <summary>Absolute path of the folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Every source file, as a path relative to <see cref="Root"/> with forward slashes, sorted.</summary>
    public static IReadOnlyList<string> Files { get; } = Walk(Root).Select(Relative).Where(f => !OfTheProgram.Contains(f.Split('/')[0])).Order(StringComparer.Ordinal).ToList();

    public static string Absolute(string relative) => Path.Combine(Root, relative);

    public static string ReadText(string relative) => File.ReadAllText(Absolute(relative));

    /// <summary>Source files under a folder, with one of the given endings.</summary>
    public static IEnumerable<string> Under(string folder, params string[] endings) =>
        Files.Where(f => f.StartsWith(folder, StringComparison.Ordinal) && endings.Any(e => f.EndsWith(e, StringComparison.Ordinal)));

    /// <summary>Project files of src or tests by project name.</summary>
    public static IReadOnlyDictionary<string, string> Projects(string folder) =>
        Under(folder, ".csproj").ToDictionary(f => Path.GetFileNameWithoutExtension(f), f => f);

    /// <summary>The Include attributes of a kind of item in a project file.</summary>
    public static IReadOnlyList<XElement> Items(string project, string kind) =>
        XDocument.Parse(ReadText(project)).Descendants(kind).ToList();

    /// <summary>C# without comments and without what stands in string literals, so that words in prose do not count.</summary>
    public static string CodeOnly(string csharp) => CommentsAndStrings().Replace(csharp, m => m.Value[0] == '/' ? " " : "\"\"");

    /// <summary>Fails with one line per finding.</summary>
    public static void AssertNone(IEnumerable<string> findings, string rule)
    {
        var all = findings.ToList();
        Assert.True(all.Count == 0, $"{rule}\n  {string.Join("\n  ", all)}");
    }

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "PersonalizationBench.sln"))) return at.FullName;
        }
        throw new InvalidOperationException($"no PersonalizationBench.sln above {AppContext.BaseDirectory}");
    }

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder).Where(f => !NotSource.Contains(Path.GetFileName(f)))) yield return file; // .git is a file in a work tree beside the first
        foreach (var sub in Directory.EnumerateDirectories(folder).Where(d => !NotSource.Contains(Path.GetFileName(d))))
        {
            foreach (var file in Walk(sub)) yield return file;
        }
    }

    private static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/|""{3}.*?""{3}|@""(?:[^""]|"""")*""|""(?:\\.|[^""\\\n])*""", RegexOptions.Singleline)]
    private static partial Regex CommentsAndStrings();
}
