using System.Text.RegularExpressions;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>What no source file may do.</summary>
public sealed partial class SourceTests
{
    private const int LongestFile = 500;

    /// <summary>Where the system's clock or randomness enters, to be injected everywhere else.</summary>
    private static readonly string[] ClockAllowed =
    [
        "src/PersonalizationBench.Core/CostMeter.cs", // the meter that nobody reads
        "src/PersonalizationBench.Models/Training/PretrainConfig.cs", // the default of a clock that callers may set
        "src/PersonalizationBench.Load/", // traffic in real time against real servers
        "src/PersonalizationBench.Benchmarks/", // times whole processes, others' among them
        "src/PersonalizationBench.Cli/", // the composition root
    ];

    [Fact]
    public void No_source_file_is_longer_than_500_lines()
    {
        string[] source = [".cs", ".cpp", ".h", ".cu", ".sh", ".py", ".csproj", ".props", ".targets"];
        var findings = Repository.Files.Where(f => source.Any(e => f.EndsWith(e, StringComparison.Ordinal)) || f == "bench")
            .Select(f => (File: f, Lines: File.ReadLines(Repository.Absolute(f)).Count())).Where(f => f.Lines > LongestFile);
        Repository.AssertNone(findings.Select(f => $"{f.File}: {f.Lines} lines"), $"longer than {LongestFile} lines:");
    }

    [Fact]
    public void Clock_and_randomness_are_injected()
    {
        var findings = Repository.Under("src/", ".cs").Where(f => !ClockAllowed.Any(a => f.StartsWith(a, StringComparison.Ordinal)))
            .SelectMany(f => ClockOrRandomness().Matches(Repository.CodeOnly(Repository.ReadText(f))).Select(m => $"{f}: {m.Value}"));
        Repository.AssertNone(findings, "take a TimeProvider or a seed instead of:");
    }

    [Fact]
    public void Nothing_is_pickled()
    {
        string[] pickled = [".pkl", ".pickle", ".pt", ".pth", ".ckpt"];
        var files = Repository.Files.Where(f => pickled.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)));
        var code = Repository.Files.Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".py", StringComparison.Ordinal))
            .SelectMany(f => Pickling().Matches(f.EndsWith(".cs", StringComparison.Ordinal) ? Repository.CodeOnly(Repository.ReadText(f)) : Repository.ReadText(f)).Select(m => $"{f}: {m.Value}"));
        Repository.AssertNone(files.Concat(code), "safetensors only:");
    }

    [Fact]
    public void No_file_names_a_path_of_the_machine_that_built_it()
    {
        string[] text = [".cs", ".cpp", ".h", ".sh", ".py", ".csproj", ".props", ".targets", ".yaml", ".yml", ".json", ".md", ".ipynb", ".csv", ".svg", ".html", ".sln"];
        var root = new Regex($@"(?<![\w.\-/}}]){Regex.Escape(Repository.Root)}(?![\w\-])");
        var findings = Repository.Files.Where(f => text.Any(e => f.EndsWith(e, StringComparison.Ordinal)) || f == "bench").SelectMany(f =>
        {
            var content = Repository.ReadText(f);
            return HomeFolder().Matches(content).Concat(root.Matches(content)).Select(m => $"{f}: {m.Value}").Distinct();
        });
        Repository.AssertNone(findings, "a path of one machine:");
    }

    [Fact]
    public void Text_files_use_line_feeds_and_no_byte_order_mark()
    {
        string[] text = [".cs", ".cpp", ".h", ".sh", ".py", ".csproj", ".props", ".targets", ".yaml", ".md", ".csv"];
        var findings = Repository.Files.Where(f => text.Any(e => f.EndsWith(e, StringComparison.Ordinal))).Where(f =>
        {
            var bytes = File.ReadAllBytes(Repository.Absolute(f));
            return bytes.Contains((byte)'\r') || bytes.AsSpan().StartsWith("\uFEFF"u8);
        });
        Repository.AssertNone(findings, "carriage return or byte-order mark in:");
    }

    [GeneratedRegex(@"\bDateTime(Offset)?\s*\.\s*(UtcNow|Now|Today)\b|\bStopwatch\b|\bTimeProvider\s*\.\s*System\b|\bnew\s+(System\s*\.\s*)?Random\s*\(|\bRandom\s*\.\s*Shared\b|\bGuid\s*\.\s*(NewGuid|CreateVersion7)\b|\bEnvironment\s*\.\s*TickCount")]
    private static partial Regex ClockOrRandomness();

    [GeneratedRegex(@"\bimport\s+c?[Pp]ickle\b|\bpickle\.(load|dump)|\btorch\.(load|save)\s*\(|\bBinaryFormatter\b")]
    private static partial Regex Pickling();

    [GeneratedRegex(@"(?<![\w.\-/])/(home|Users)/\w+/|(?<![\w.\-/])/root[/]|[A-Za-z]:\\Users\\")]
    private static partial Regex HomeFolder();
}
