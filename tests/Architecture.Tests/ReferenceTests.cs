using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>Which project may use which: read from the project files, and again from what the compiler recorded.</summary>
public sealed class ReferenceTests
{
    private const string Prefix = "PersonalizationBench.";

    /// <summary>Beside Core, which everything may use.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Core"] = [],
        ["Kernels"] = [],
        ["Data"] = [],
        ["Tokenizers"] = [],
        ["Models"] = ["Kernels", "Tokenizers"],
        ["Strategies"] = ["Models"],
        ["Evaluation"] = [],
        ["Runner"] = ["Data", "Evaluation"],
        ["Reporting"] = ["Evaluation"],
        ["Serving"] = ["Models", "Tokenizers"],
        ["Load"] = [],
        ["Pretraining"] = ["Kernels", "Data", "Tokenizers", "Models", "Evaluation", "Reporting"],
        ["Benchmarks"] = ["Kernels", "Data", "Tokenizers", "Models", "Strategies", "Evaluation", "Reporting", "Serving", "Load"],
        ["MicroBenchmarks"] = ["Kernels", "Tokenizers", "Models", "Evaluation"],
        ["Cli"] = ["Kernels", "Data", "Tokenizers", "Models", "Strategies", "Evaluation", "Runner", "Reporting", "Serving", "Load", "Pretraining", "Benchmarks"],
    };

    public static TheoryData<string> Projects => [.. Repository.Projects("src/").Keys.Select(p => p[Prefix.Length..])];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_file_refers_only_to_what_the_design_allows(string project)
    {
        Assert.True(Allowed.ContainsKey(project), $"{project} is not a project of the design");
        var file = Repository.Projects("src/")[Prefix + project];
        var referred = Repository.Items(file, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));
        Repository.AssertNone(Forbidden(project, referred), $"{file} refers to what the design forbids:");
    }

    /// <summary>References of project files are transitive, so code can use what its project file does not name; the compiler's record tells.</summary>
    [SkippableTheory]
    [MemberData(nameof(Projects))]
    public void A_compiled_project_uses_only_what_the_design_allows(string project)
    {
        Repository.AssertNone(Forbidden(project, UsedBy(project)), $"{project} uses what the design forbids:");
    }

    /// <summary>CsvHelper, because the rows of every table are records of Core's, and all projects that store some share one strict mapping.</summary>
    [Fact]
    public void Core_needs_nothing_but_the_base_class_library_and_what_reads_its_tables() =>
        Assert.Equal(["CsvHelper"], Repository.Items(Repository.Projects("src/")[Prefix + "Core"], "PackageReference").Select(r => (string?)r.Attribute("Include")));

    /// <summary>What plans, measures, tells and asks: a tensor is none of its business.</summary>
    [SkippableTheory]
    [InlineData("Core")]
    [InlineData("Data")]
    [InlineData("Tokenizers")]
    [InlineData("Evaluation")]
    [InlineData("Runner")]
    [InlineData("Reporting")]
    [InlineData("Load")]
    public void What_needs_no_tensor_does_not_know_TorchSharp(string project)
    {
        Assert.DoesNotContain(Repository.Items(Repository.Projects("src/")[Prefix + project], "PackageReference"), r => ((string?)r.Attribute("Include"))!.Contains("torch", StringComparison.OrdinalIgnoreCase));
        Repository.AssertNone(UsedBy(project).Where(a => a.Contains("torch", StringComparison.OrdinalIgnoreCase)), $"{project} uses:");
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = Repository.ReadText("PersonalizationBench.sln").Replace('\\', '/');
        var projects = Repository.Projects("src/").Values.Concat(Repository.Projects("tests/").Values);
        Repository.AssertNone(projects.Where(f => !solution.Contains(f, StringComparison.Ordinal)), "not in the solution:");
    }

    [Fact]
    public void Package_versions_stand_in_one_file()
    {
        var findings = Repository.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal) || f.EndsWith(".targets", StringComparison.Ordinal))
            .SelectMany(f => Repository.Items(f, "PackageReference").Where(r => r.Attribute("Version") is not null || r.Attribute("VersionOverride") is not null || r.Element("Version") is not null)
                .Select(r => $"{f}: {(string?)r.Attribute("Include")}"));
        Repository.AssertNone(findings, "a version belongs into Directory.Packages.props:");
    }

    [Fact]
    public void Source_projects_do_not_use_test_packages()
    {
        string[] testing = ["xunit", "FsCheck", "Microsoft.NET.Test.Sdk", "Xunit.SkippableFact"];
        var findings = Repository.Projects("src/").Values.SelectMany(f => Repository.Items(f, "PackageReference")
            .Select(r => (string?)r.Attribute("Include")).Where(p => testing.Contains(p)).Select(p => $"{f}: {p}"));
        Repository.AssertNone(findings, "a test package in src:");
    }

    private static IEnumerable<string> Forbidden(string project, IEnumerable<string> referred) =>
        referred.Select(r => r == "pbench" ? Prefix + "Cli" : r).Where(r => r.StartsWith(Prefix, StringComparison.Ordinal)).Select(r => r[Prefix.Length..])
            .Where(r => (r != "Core" || project == "Core") && !Allowed[project].Contains(r));

    /// <summary>Names of the assemblies that a compiled project uses.</summary>
    private static List<string> UsedBy(string project)
    {
        var assembly = CompiledAssembly(project);
        Skip.If(assembly is null, $"{project} has not been built in this configuration");
        using var stream = File.OpenRead(assembly!);
        using var image = new PEReader(stream);
        var metadata = image.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(h => metadata.GetString(metadata.GetAssemblyReference(h).Name))];
    }

    /// <summary>The project's own output in the configuration that these tests were built in.</summary>
    private static string? CompiledAssembly(string project)
    {
        var framework = new DirectoryInfo(AppContext.BaseDirectory);
        var name = project == "Cli" ? "pbench" : Prefix + project;
        var path = Repository.Absolute($"src/{Prefix}{project}/bin/{framework.Parent!.Name}/{framework.Name}/{name}.dll");
        return File.Exists(path) ? path : null;
    }
}
