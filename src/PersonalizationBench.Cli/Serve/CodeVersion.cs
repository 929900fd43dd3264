using PersonalizationBench.Core;
using PersonalizationBench.Runner.Results;

namespace PersonalizationBench.Cli.Serve;

/// <summary>What a revision's provenance says of the code that trained it.</summary>
internal static class CodeVersion
{
    public static string Now() => $"pbench {typeof(CodeVersion).Assembly.GetName().Version}, measurement {Measurement.Version}, {RunEnvironment.FindCommit() ?? "outside a repository"}";
}
