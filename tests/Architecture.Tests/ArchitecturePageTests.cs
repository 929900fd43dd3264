using System.Text.RegularExpressions;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>docs/architecture.md says what is so.</summary>
public sealed partial class ArchitecturePageTests
{
    private const string Page = "docs/architecture.md", Prefix = "PersonalizationBench.";

    private static readonly string s_text = Repository.ReadText(Page);

    [Fact]
    public void Every_project_has_a_row_with_the_references_of_its_file()
    {
        var rows = Row().Matches(s_text).ToDictionary(m => m.Groups["project"].Value, m => Sorted(m.Groups["references"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));
        var projects = Repository.Projects("src/").ToDictionary(p => p.Key[Prefix.Length..], p => Sorted(Repository.Items(p.Value, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!)[Prefix.Length..])));
        Repository.AssertNone(projects.Keys.Except(rows.Keys), $"{Page} does not name:");
        Repository.AssertNone(rows.Keys.Except(projects.Keys), $"{Page} names a project that is not there:");
        Repository.AssertNone(rows.Where(r => r.Value != projects[r.Key]).Select(r => $"{r.Key}: the page has '{r.Value}', its project file '{projects[r.Key]}'"), "other references:");
    }

    [Fact]
    public void Every_path_is_there()
    {
        var targets = Link().Matches(s_text).Select(m => m.Groups["target"].Value.Replace("../", "", StringComparison.Ordinal)).Concat(CodePath().Matches(s_text).Select(m => m.Value));
        Repository.AssertNone(targets.Where(t => !Repository.Files.Any(f => f == t || f.StartsWith(t + "/", StringComparison.Ordinal))), $"{Page} names a path that is not there:");
    }

    [Fact]
    public void Every_type_is_declared_in_the_file_that_its_link_goes_to_and_has_the_member()
    {
        var links = Link().Matches(s_text).Where(m => m.Groups["target"].Value.EndsWith(".cs", StringComparison.Ordinal)).ToList();
        Assert.True(links.Count > 20, "the links were not found");
        Repository.AssertNone(links.Where(m => !Declares(m.Groups["target"].Value.Replace("../", "", StringComparison.Ordinal), m.Groups["text"].Value.Split('.'))).Select(m => m.Value), $"{Page} names what its file does not have:");
    }

    private static bool Declares(string file, string[] name)
    {
        if (!Repository.Files.Contains(file)) return false;
        var code = Repository.CodeOnly(Repository.ReadText(file));
        // The top-level program is a type without a declaration.
        var declares = Regex.IsMatch(code, $@"\b(class|record|struct|interface|enum)\s+{name[0]}\b") || (name[0] == "Program" && Path.GetFileName(file) == "Program.cs");
        return declares && (name.Length == 1 || Regex.IsMatch(code, $@"\b{name[1]}\s*(<\w+>)?\("));
    }

    private static string Sorted(IEnumerable<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal));

    [GeneratedRegex(@"^\| (?<project>[A-Z]\w*) \|[^|]*\|(?<references>[^|]*)\|\r?$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\[(?<text>[^\]]+)\]\((?<target>[^)]+)\)")]
    private static partial Regex Link();

    /// <summary>A file or folder of the repository inside a code span.</summary>
    [GeneratedRegex(@"(?<=`[^`\n]*)\b(src|tests|experiments|datasets|results|docs)/[\w./-]+(?=[^`\n]*`)")]
    private static partial Regex CodePath();
}
