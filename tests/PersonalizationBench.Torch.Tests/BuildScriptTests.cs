using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

namespace PersonalizationBench.Torch.Tests;

/// <summary>native/build.sh with a compiler that only notes that it was called: when it builds, and when it does not.</summary>
[SupportedOSPlatform("linux")]
public sealed class BuildScriptTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pbench-build-").FullName;

    public BuildScriptTests()
    {
        Directory.CreateDirectory(Native);
        foreach (string file in Directory.EnumerateFiles(Sources()))
            File.Copy(file, Path.Combine(Native, Path.GetFileName(file)));
        Write("torch/lib/libtorch_cpu.so", "one");
        Write("torch/lib/libc10.so", "one");
        Write("g++", """
            #!/bin/bash
            [ "$1" = -dumpfullversion ] && echo "${VERSION:-12}" && exit 0
            echo "$*" >> "$(dirname "$0")/calls"
            while [ "$#" -gt 1 ]; do [ "$1" = -o ] && echo built > "$2"; shift; done
            exit "${FAIL:-0}"
            """);
        File.SetUnixFileMode(Path.Combine(_root, "g++"), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
    }

    private string Native => Path.Combine(_root, "native");
    private string Library => Path.Combine(_root, "out", "libpbtorch.so");

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

        // Another libtorch in the old one's place, another compiler, another folder.
        Write("torch/lib/libtorch_cpu.so", "another");
        Assert.True(Builds());
        Assert.True(Builds(("VERSION", "13")));
        Directory.Move(Path.Combine(_root, "torch"), Path.Combine(_root, "torch2"));
        Assert.True(Builds(("LIBTORCH", Path.Combine(_root, "torch2"))));

        File.Delete(Library);
        Assert.True(Builds(("LIBTORCH", Path.Combine(_root, "torch2"))));
    }

    [Fact]
    public void A_failed_build_fails_and_leaves_the_old_library()
    {
        Assert.True(Builds());
        Write("torch/lib/libtorch_cpu.so", "another");
        Assert.NotEqual(0, Run(("FAIL", "1")).Code);
        Assert.Equal("built", File.ReadAllText(Library).Trim());
        Assert.Empty(Directory.GetDirectories(Path.Combine(_root, "out")));
        Assert.True(Builds());
    }

    [Fact]
    public void It_names_the_one_command_when_something_is_missing()
    {
        (int code, string error) = Run(("LIBTORCH", Path.Combine(_root, "nowhere")));
        Assert.NotEqual(0, code);
        Assert.Contains("error:", error);
        Assert.Contains("apt-get install -y", error);
        (code, error) = Run(("CXX", Path.Combine(_root, "no-compiler")));
        Assert.NotEqual(0, code);
        Assert.Contains("no C++ compiler", error);
    }

    [Fact]
    public void A_libtorch_with_cuda_is_linked_with_it_and_one_with_openmp_shares_it()
    {
        Write("torch/lib/libtorch_cuda.so", "");
        Write("torch/lib/libgomp-1234.so.1", "");
        Write("nvidia/cuda_runtime/include/cuda_runtime_api.h", "");
        Assert.True(Builds(("CUDA_HOME", _root)));
        string calls = File.ReadAllText(Path.Combine(_root, "calls"));
        Assert.Contains("-ltorch_cuda -lc10_cuda", calls);
        Assert.Contains("-DPB_CUDA", calls);
        Assert.Contains("libgomp-1234.so.1", calls.Split('\n')[^2]);
        Assert.DoesNotContain("-fopenmp", calls.Split('\n')[^2]);
    }

    private bool Builds(params (string, string)[] environment)
    {
        string calls = Path.Combine(_root, "calls");
        File.Delete(calls);
        (int code, string error) = Run(environment);
        Assert.True(code == 0, error);
        return File.Exists(calls);
    }

    private (int Code, string Error) Run(params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(Native, "build.sh"), Path.Combine(_root, "out")]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["CXX"] = Path.Combine(_root, "g++");
        start.Environment["LIBTORCH"] = Path.Combine(_root, "torch");
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    private void Write(string path, string text)
    {
        string file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private static string Sources([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../src/PersonalizationBench.Torch/native"));
}
