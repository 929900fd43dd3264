using System.Text.RegularExpressions;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>A strategy is one folder, one line of the catalogue and one class of the conformance suite, and leans on no other strategy.</summary>
public sealed partial class StrategyTests
{
    private const string Source = "src/PersonalizationBench.Strategies/";

    /// <summary>What strategies share; any of them may use it, and it may use none of them.</summary>
    private const string Shared = "Shared";

    /// <summary>No strategy of its own but a control over any: the suite runs it over each of them.</summary>
    private const string Control = "WrongUser";

    private static readonly IReadOnlyList<string> Folders = Repository.Under(Source, ".cs").Select(f => f[Source.Length..].Split('/'))
        .Where(parts => parts.Length > 1).Select(parts => parts[0]).Distinct().ToList();

    public static TheoryData<string> StrategyFolders => [.. Folders.Where(f => f != Shared)];

    [Theory]
    [MemberData(nameof(StrategyFolders))]
    public void A_strategy_is_in_the_catalogue(string folder)
    {
        Assert.Contains($"{Source}{folder}/{folder}Strategy.cs", Repository.Files);
        Assert.Matches($@"\bnew {folder}Strategy\(", Repository.CodeOnly(Repository.ReadText(Source + "StrategyCatalog.cs")));
    }

    [Theory]
    [MemberData(nameof(StrategyFolders))]
    public void A_strategy_has_a_class_in_the_conformance_suite(string folder)
    {
        var entry = folder == Control ? @"\.WithWrongUsers\(" : $@"\bclass {folder}Conformance\b";
        Assert.Contains(Repository.Under("tests/Conformance.Tests/", ".cs"), f => Regex.IsMatch(Repository.CodeOnly(Repository.ReadText(f)), entry));
    }

    [Fact]
    public void No_strategy_uses_another()
    {
        var declared = Folders.ToDictionary(f => f, f => CodeOf(f).SelectMany(c => Declaration().Matches(c.Code).Select(m => m.Groups["name"].Value)).ToHashSet());
        var findings = from user in Folders
                       from other in Folders
                       where other != user && other != Shared
                       from file in CodeOf(user)
                       from word in Word().Matches(file.Code).Select(m => m.Value).Distinct()
                       where declared[other].Contains(word)
                       select $"{file.File} uses {other}'s {word}";
        Repository.AssertNone(findings, "a strategy may use Shared, never another strategy:");
    }

    private static IEnumerable<(string File, string Code)> CodeOf(string folder) =>
        Repository.Under($"{Source}{folder}/", ".cs").Select(f => (f, Repository.CodeOnly(Repository.ReadText(f))));

    [GeneratedRegex(@"\b(class|record|struct|interface|enum)\s+(?<name>[A-Z]\w*)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\b[A-Z]\w*\b")]
    private static partial Regex Word();
}
