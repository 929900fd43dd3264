using System.Text.RegularExpressions;

namespace PersonalizationBench.Architecture.Tests;

/// <summary>Nothing in the source is for the CPU alone without saying so.</summary>
public sealed partial class DeviceTests
{
    [Fact]
    public void Every_tensor_is_made_on_a_device_that_is_named()
    {
        // Measure kernels, which are for the CPU.
        string[] exempt = ["src/PersonalizationBench.MicroBenchmarks/", "src/PersonalizationBench.Benchmarks/Kernels/"];
        var findings = Repository.Under("src/", ".cs").Where(f => !exempt.Any(e => f.StartsWith(e, StringComparison.Ordinal))).SelectMany(f =>
        {
            var code = Repository.CodeOnly(Repository.ReadText(f));
            return !code.Contains("TorchSharp", StringComparison.Ordinal) ? [] : Factories().Matches(code).Select(m => Call(code, m.Index)).Where(call => !NamesDevice().IsMatch(call)).Select(call => $"{f}: {call}");
        });
        Repository.AssertNone(findings, "made on the CPU, wherever the rest is:");
    }

    // From the name to the bracket that ends its arguments.
    private static string Call(string code, int start)
    {
        var (at, open) = (code.IndexOf('(', start), 0);
        do open += code[at] switch { '(' => 1, ')' => -1, _ => 0 };
        while (open > 0 && ++at < code.Length);
        return code[start..Math.Min(code.Length, at + 1)];
    }

    [GeneratedRegex(@"(?<![\w.]|torch\.nn\.init\.)(?:torch\.)?\b(?:zeros|ones|empty|full|arange|rand|randn|randint|linspace|eye)\(")]
    private static partial Regex Factories();

    [GeneratedRegex(@"[dD]evice|\bCPU\b")]
    private static partial Regex NamesDevice();
}
