using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Load;

/// <summary>A server as a process of its own, on a free port of this machine.</summary>
public sealed partial class ServerProcess : IDisposable
{
    private const int LinesKept = 5;

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

    /// <summary><c>pbench serve</c>.</summary>
    /// <param name="program">The assembly of <c>pbench</c>.</param>
    /// <param name="limits">Options that say what it may take.</param>
    public static Task<ServerProcess> StartAsync(string program, string name, string registry, string blobs, IReadOnlyList<string> limits, CancellationToken cancellation) => StartAsync(new ProcessStartInfo("dotnet",
    [
        "exec", program, "serve", name, "--url", "http://127.0.0.1:0", "--registry", registry, "--blobs", blobs,
        "--requests-per-second", "1000000", .. limits,
    ]), cancellation);

    /// <summary>Any program that prints where it listens once it answers.</summary>
    public static async Task<ServerProcess> StartAsync(ProcessStartInfo start, CancellationToken cancellation)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        var started = Stopwatch.GetTimestamp();
        var (said, address) = (new ConcurrentQueue<string>(), new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously));
        var process = new Process { StartInfo = start };
        // Whoever prints and is not read stops some day.
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
        try
        {
            process.Start();
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            var ended = process.WaitForExitAsync(cancellation);
            if (await Task.WhenAny(address.Task, ended) == address.Task) return new ServerProcess(process, await address.Task, Stopwatch.GetElapsedTime(started));
            await ended;
            throw new PbenchException(FormattableString.Invariant($"the server ended with {process.ExitCode}: {string.Join("\n", said)}"));
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            process.Dispose();
            throw new PbenchException($"{start.FileName} could not be started: {e.Message}", e);
        }
        catch
        {
            Stop(process);
            throw;
        }

        void Read(string? line)
        {
            if (line is null || address.Task.IsCompleted) return;
            if (AddressInLine().Match(line) is { Success: true } match) address.TrySetResult(new Uri(match.Groups[1].Value));
            said.Enqueue(line);
            while (said.Count > LinesKept) said.TryDequeue(out _);
        }
    }

    /// <summary>SIGKILL: nothing of it runs on.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose() => Stop(_process);

    private static void Stop(Process process)
    {
        if (!process.HasExited) process.Kill();
        process.Dispose();
    }

    [GeneratedRegex(@"(?:at|listening on) (http://\S+)")]
    private static partial Regex AddressInLine();
}
