using PersonalizationBench.Cli.Tests.Fakes;

namespace PersonalizationBench.Cli.Tests.Bench;

/// <summary>What is said where llama.cpp is not there, or is something else.</summary>
public sealed class LlamaCppTests : IDisposable
{
    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task A_server_that_is_not_there_is_said_and_how_to_build_it()
    {
        Assert.NotEqual(0, await _desk.Run("bench", "llama-cpp", "tiny", "--server", Path.Combine(_desk.Folder, "llama-server")));
        Assert.Contains("--server: there is no file 'llama-server'", _desk.Error, StringComparison.Ordinal);
        Assert.Contains("ninja -C llama.cpp/build llama-server", _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("#!/bin/sh\necho hello\n", "names no version")]
    [InlineData("no program\n", "could not be started")]
    public async Task A_program_that_is_no_server_is_said(string program, string expected)
    {
        var path = _desk.Write("llama-server", program);
        if (program[0] == '#' && !OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.NotEqual(0, await _desk.Run("bench", "llama-cpp", "tiny", "--server", path));
        Assert.Contains(expected, _desk.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rounds", "0")]
    [InlineData("--seconds", "0")]
    public async Task Settings_that_measure_nothing_are_refused(string option, string value)
    {
        Assert.NotEqual(0, await _desk.Run("bench", "llama-cpp", "tiny", "--server", "x", option, value));
        Assert.Contains(option, _desk.Error, StringComparison.Ordinal);
    }
}
