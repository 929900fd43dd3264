using System.Diagnostics;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Cli.Load;

/// <summary><c>pbench serve</c> as a process of its own, on a free port of this machine.</summary>
internal sealed partial class ServerProcess : IDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process, Uri address, TimeSpan start) => (_process, Address, StartTime) = (process, address, start);

    public Uri Address { get; }

    /// <summary>From its start to when it said that it listens.</summary>
    public TimeSpan StartTime { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>Bytes of memory that it has in use now.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public static async Task<ServerProcess> StartAsync(string name, string registry, string blobs, CancellationToken cancellation)
    {
        string[] arguments =
        [
            "exec", typeof(ServerProcess).Assembly.Location, "serve", name, "--url", "http://127.0.0.1:0", "--registry", registry, "--blobs", blobs,
            "--slots", "8", "--sequences", "16", "--adapter-memory", "4", "--kv-memory", "16", "--requests-per-second", "1000000",
        ];
        var started = Stopwatch.GetTimestamp();
        var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true }) ?? throw new PbenchException("dotnet could not be started");
        // Whoever prints and is not read stops some day.
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line)
        {
            if (AddressInLine().Match(line) is not { Success: true } match) continue;
            _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return new ServerProcess(process, new Uri(match.Value), Stopwatch.GetElapsedTime(started));
        }
        await process.WaitForExitAsync(cancellation);
        var said = (await errors).Trim();
        throw new PbenchException(FormattableString.Invariant($"the server ended with {process.ExitCode}: {said}"));
    }

    /// <summary>SIGKILL: nothing of it runs on.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    [GeneratedRegex(@"http://\S+")]
    private static partial Regex AddressInLine();
}
