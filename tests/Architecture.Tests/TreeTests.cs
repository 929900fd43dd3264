namespace PersonalizationBench.Architecture.Tests;

/// <summary>The tree is the design's: a stranger finds what the README names, and nothing else.</summary>
public sealed class TreeTests
{
    /// <summary>The design's names, and the files that MSBuild and NuGet look for by name. Dotted names belong to tools.</summary>
    private static readonly string[] TopLevel =
    [
        "PersonalizationBench.sln", "README.md", "LICENSE", "bench", "docs", "src", "datasets", "experiments", "results", "notebooks", "tests",
        "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json", "nuget.config", "NuGet.config",
    ];

    [Fact]
    public void The_top_level_holds_the_designs_names()
    {
        var names = Repository.Files.Select(f => f.Split('/')[0]).Distinct().Where(n => n[0] != '.' && !TopLevel.Contains(n));
        Repository.AssertNone(names, "not a name of the design:");
    }

    [Fact]
    public void Every_folder_of_src_is_a_project_of_its_name()
    {
        var findings = Repository.Files.Where(f => f.StartsWith("src/", StringComparison.Ordinal)).Select(f => f.Split('/')[1]).Distinct()
            .Where(folder => !Repository.Files.Contains($"src/{folder}/{folder}.csproj"));
        Repository.AssertNone(findings, "a folder of src without a project of its name:");
    }

    [Fact]
    public void Every_test_project_is_named_after_what_it_tests()
    {
        var findings = Repository.Projects("tests/").Keys
            .Where(p => p is not ("Conformance.Tests" or "Architecture.Tests") && !Repository.Projects("src/").ContainsKey(p.Replace(".Tests", "", StringComparison.Ordinal)));
        Repository.AssertNone(findings, "a test project that tests no project:");
    }

    [Fact]
    public void A_file_declares_the_namespace_of_its_project()
    {
        var findings = Repository.Under("src/", ".cs")
            .Where(f => !f.StartsWith("src/PersonalizationBench.Kernels/", StringComparison.Ordinal)) // holds TorchSharp's namespaces, by design
            .Where(f => Path.GetFileName(f) is not ("Program.cs" or "GlobalUsings.cs" or "AssemblyInfo.cs"))
            .Where(f => !Repository.ReadText(f).Contains($"namespace {f.Split('/')[1]}", StringComparison.Ordinal));
        Repository.AssertNone(findings, "a file outside its project's namespace:");
    }

    /// <summary>Beside commands the command line has what puts them together and what they print with.</summary>
    private static readonly string[] Composition =
    [
        "Program.cs", "PbenchApp.cs", "Workbench.cs", // what is started, with what
        "Output/LiveProgress.cs", "Output/ResultTable.cs", // how it looks on a terminal
        "Bench/ServerTrial.cs", "Commands/CompatibilityPage.cs", "Serve/RegistryOptions.cs", // what several commands share
        "Adapt/LoraMethod.cs", "Serve/StudyPublishing.cs", // where one project's interface gets another's implementation
    ];

    [Fact]
    public void The_command_line_holds_commands_and_their_composition_and_is_short()
    {
        const string Cli = "src/PersonalizationBench.Cli/";
        const int Longest = 2500;
        var files = Repository.Under(Cli, ".cs").ToList();
        Repository.AssertNone(files.Where(f => !f.EndsWith("Command.cs", StringComparison.Ordinal) && !Composition.Contains(f[Cli.Length..])), "no command, and not what puts commands together:");
        Assert.InRange(files.Sum(f => File.ReadLines(Repository.Absolute(f)).Count()), 1, Longest);
    }
}
