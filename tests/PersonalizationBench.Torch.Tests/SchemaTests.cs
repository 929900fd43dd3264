using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using PersonalizationBench.Torch.Interop;

namespace PersonalizationBench.Torch.Tests;

public partial class SchemaTests
{
    // Operators that this libtorch may lack; the code asks before it calls them.
    private static readonly HashSet<string> s_optional = ["aten::scaled_dot_product_attention", "aten::_scaled_dot_product_attention"];

    [Fact]
    public void Every_operator_the_sources_name_exists()
    {
        string[] names = [.. Directory.EnumerateFiles(Sources(), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}"))
            .SelectMany(file => Name().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))
            .Distinct()
            .Where(name => !s_optional.Contains(name))];

        Assert.True(names.Length > 200, $"only {names.Length} names found");
        Assert.All(names, name => Assert.True(Op.Exists(name), name));
    }

    private static string Sources([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../src/PersonalizationBench.Torch"));

    [GeneratedRegex("\"(aten::[A-Za-z0-9_.]+)\"")]
    private static partial Regex Name();
}
