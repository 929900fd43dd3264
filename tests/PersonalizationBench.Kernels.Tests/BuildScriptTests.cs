using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>native/build.sh with a compiler that only notes that it was called: when it builds, and when it does not.</summary>
public sealed class BuildScriptTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pbench-build-").FullName;

    public BuildScriptTests()
    {
        Directory.CreateDirectory(Native);
        foreach (var file in Directory.EnumerateFiles(Sources())) File.Copy(file, Path.Combine(Native, Path.GetFileName(file)));
        foreach (var tool in new[] { "g++", "ld", "objcopy" })
        {
            var file = Path.Combine(_root, tool);
            File.WriteAllText(file, """
                #!/bin/bash
                [ "$1" = -dumpfullversion ] && echo "${VERSION:-12}" && exit 0
                [[ "$*" = *"${UNKNOWN:-nothing is}"* ]] && exit 1
                [[ "$*" = */dev/null* ]] && exit 0
                echo "$0 $*" >> "$(dirname "$0")/calls"
                while [ "$#" -gt 1 ]; do [ "$1" = -o ] && echo built > "$2"; shift; done
                exit "${FAIL:-0}"
                """);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        }
    }

    private string Native => Path.Combine(_root, "native");

    private string Library => Path.Combine(_root, "out", "libpbkernels.so");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void It_builds_once_and_again_only_when_something_changed()
    {
        Assert.True(Builds());
        Assert.True(File.Exists(Library));
        Assert.False(Builds());

        // A source that is newer than the library.
        File.SetLastWriteTimeUtc(Path.Combine(Native, "kernels.h"), File.GetLastWriteTimeUtc(Library).AddSeconds(10));
        Assert.True(Builds());
        File.SetLastWriteTimeUtc(Path.Combine(Native, "kernels.h"), File.GetLastWriteTimeUtc(Library).AddSeconds(-10));
        Assert.False(Builds());

        Assert.True(Builds(("VERSION", "13")));
        File.Delete(Library);
        Assert.True(Builds(("VERSION", "13")));
    }

    [Fact]
    public void A_failed_build_fails_and_leaves_the_old_library()
    {
        Assert.True(Builds());
        var (code, said) = Run(("FAIL", "1"), ("VERSION", "13"));
        Assert.NotEqual(0, code);
        Assert.Contains("error: the kernels did not compile", said);
        Assert.Equal("built", File.ReadAllText(Library).Trim());
        Assert.Empty(Directory.GetDirectories(Path.Combine(_root, "out")));
    }

    [Fact]
    public void Without_a_compiler_it_says_so_in_one_line_and_leaves_no_library()
    {
        Assert.True(Builds());
        var (code, said) = Run(("CXX", Path.Combine(_root, "no-compiler")));
        Assert.Equal(0, code);
        Assert.Contains("no C++ compiler", said);
        Assert.Single(said.Trim().Split('\n'));
        Assert.False(File.Exists(Library));
    }

    [Fact]
    public void A_level_that_the_compiler_does_not_know_is_left_out()
    {
        var (code, said) = Run(("UNKNOWN", "-mamx-tile"));
        Assert.Equal(0, code);
        Assert.Contains("does not know amx", said);
        Assert.DoesNotContain("PB_LEVEL=amx", File.ReadAllText(Path.Combine(_root, "calls")));
        Assert.Contains("PB_LEVEL=avx512bf16", File.ReadAllText(Path.Combine(_root, "calls")));
    }

    private bool Builds(params (string, string)[] environment)
    {
        var calls = Path.Combine(_root, "calls");
        File.Delete(calls);
        var (code, said) = Run(environment);
        Assert.True(code == 0, said);
        return File.Exists(calls);
    }

    private (int Code, string Said) Run(params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"bash {Path.Combine(Native, "build.sh")} {Library} 2>&1"]) { RedirectStandardOutput = true };
        start.Environment["CXX"] = Path.Combine(_root, "g++");
        start.Environment["PATH"] = $"{_root}:{Environment.GetEnvironmentVariable("PATH")}";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said);
    }

    private static string Sources([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../src/PersonalizationBench.Kernels/native"));
}
