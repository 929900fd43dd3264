using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>
/// What <c>-p:Cuda=true</c> changes: which package libtorch comes by, and nothing else. The package for CUDA is half the point of the property
/// and is not restored here; evaluating a project needs no package.
/// </summary>
public sealed class CudaPropertyTests
{
    private const string Engine = "src/PersonalizationBench.Kernels/PersonalizationBench.Kernels.csproj", Program = "src/PersonalizationBench.Cli/PersonalizationBench.Cli.csproj";

    /// <summary>Every kind of item that a project of this repository has, and those that the SDK makes of files.</summary>
    private static readonly string[] Kinds = ["Compile", "Content", "EmbeddedResource", "InternalsVisibleTo", "None", "PackageVersion", "ProjectReference", "FrameworkReference", "Reference", "Analyzer", "Using"];

    private static readonly string[] Properties = ["AssemblyName", "DefineConstants", "OutputPath", "OutputType", "RuntimeIdentifier", "SelfContained", "TargetFramework", "TorchSharpVersion"];

    [Fact]
    public void The_property_stands_only_where_it_has_its_default_and_beside_package_references()
    {
        var findings = Repository.Files.Where(IsRead).SelectMany(file => XDocument.Parse(Repository.ReadText(file)).Descendants().SelectMany(element =>
            Mentions(element).Where(_ => !IsDefault(file, element) && element.Name.LocalName != "PackageReference").Select(said => $"{file}: <{element.Name.LocalName}>: {said}")));
        Repository.AssertNone(findings, "depends on Cuda and is no package reference:");

        static bool IsRead(string file) => new[] { ".csproj", ".props", ".targets" }.Contains(Path.GetExtension(file));
        static bool IsDefault(string file, XElement element) => file == "Directory.Build.props" && element.Name.LocalName == "Cuda";
        static IEnumerable<string> Mentions(XElement element) =>
            element.Attributes().Select(a => a.Value).Concat(element.Nodes().OfType<XText>().Select(t => t.Value)).Append(element.Name.LocalName).Where(text => text.Contains("Cuda", StringComparison.Ordinal));
    }

    [Fact]
    public void With_it_the_engine_takes_libtorch_for_CUDA_in_place_of_that_for_the_CPU_and_stays_as_it_is()
    {
        var (without, with) = (Evaluate(Engine, cuda: false), Evaluate(Engine, cuda: true));
        Assert.Equal(["TorchSharp", "libtorch-cpu-linux-x64"], Packages(without));
        Assert.Equal(["TorchSharp", "TorchSharp-cuda-linux"], Packages(with));
        Assert.Equal(WithoutPackages(without), WithoutPackages(with));
    }

    [Fact]
    public void A_project_that_names_no_libtorch_is_the_same_with_it()
    {
        var (without, with) = (Evaluate(Program, cuda: false), Evaluate(Program, cuda: true));
        Assert.Equal(Packages(without), Packages(with));
        Assert.Equal(WithoutPackages(without), WithoutPackages(with));
    }

    private static List<string> Packages(JsonNode evaluated) => [.. evaluated["Items"]!["PackageReference"]!.AsArray().Select(p => (string)p!["Identity"]!)];

    /// <summary>All else, but for when a file was last looked at.</summary>
    private static string WithoutPackages(JsonNode evaluated)
    {
        var rest = evaluated.DeepClone();
        rest["Items"]!.AsObject().Remove("PackageReference");
        foreach (var item in rest["Items"]!.AsObject().SelectMany(kind => kind.Value!.AsArray())) item!.AsObject().Remove("AccessedTime");
        return rest.ToJsonString();
    }

    /// <summary>A project's items and properties as MSBuild has them before any target runs.</summary>
    private static JsonNode Evaluate(string project, bool cuda)
    {
        string[] arguments = ["msbuild", Repository.Absolute(project), "-nologo", $"-p:Cuda={(cuda ? "true" : "false")}", $"-getItem:PackageReference,{string.Join(',', Kinds)}", $"-getProperty:{string.Join(',', Properties)}"];
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true };
        // What the process of these tests was told is not this one's business.
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList()) start.Environment.Remove(name);
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said);
        return JsonNode.Parse(said)!;
    }
}
