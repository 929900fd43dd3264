using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using PersonalizationBench.Core;

namespace PersonalizationBench.Benchmarks;

/// <summary>What the peer did in one turn.</summary>
/// <param name="Tokens">Of each answer, where it was asked for answers.</param>
public sealed record PeerTurn(IReadOnlyList<double> Losses, IReadOnlyList<double> Seconds, IReadOnlyList<int[]>? Tokens = null);

/// <summary>A Python with a script of <c>peers</c> beside the program: trains when asked, waits in between.</summary>
public sealed class PeerProcess : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private readonly Process _process;
    private readonly Task<string> _errors;

    private PeerProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        var hello = Read<Hello>();
        (TorchVersion, Versions) = (hello.Torch, hello.Peer ?? "");
    }

    /// <summary>PyTorch's own.</summary>
    public string TorchVersion { get; }

    /// <summary>Of what it uses beside PyTorch.</summary>
    public string Versions { get; }

    /// <summary>PyTorch's side of a comparison, as it was built beside this program.</summary>
    public static string Script(string name) => Path.Combine(AppContext.BaseDirectory, "peers", name);

    /// <summary>The first of the given Python, PBENCH_PYTHON, /usr/bin/python3 and python3 that has PyTorch.</summary>
    /// <param name="modules">What it has to have.</param>
    /// <param name="install">How to get them.</param>
    /// <exception cref="PbenchException">The given one lacks them, or none has them.</exception>
    public static string FindPython(string? given, string modules = "numpy, torch", string install = "on Debian: apt-get install -y --no-install-recommends python3-torch python3-numpy")
    {
        var candidates = given is not null ? [given] : new[] { Environment.GetEnvironmentVariable("PBENCH_PYTHON"), "/usr/bin/python3", "python3" };
        foreach (var candidate in candidates)
            if (!string.IsNullOrEmpty(candidate) && Has(candidate, modules)) return candidate;
        throw new PbenchException(
            $"no Python with {modules} found (tried {string.Join(", ", candidates.Where(c => !string.IsNullOrEmpty(c)))}). " +
            $"Give one by --python or PBENCH_PYTHON; {install}");
    }

    /// <summary>With several threads, waiting ones may spin or sleep (OMP_WAIT_POLICY), and which is faster hangs on the machine:
    /// the peer gets the better of libgomp's default and what our process uses.</summary>
    /// <param name="turns">How much of its work a trial does, after half as much to warm up.</param>
    public static PeerProcess StartFastest(string python, string script, PeerJob job, string folder, int turns = 4)
    {
        const string Ours = "passive";
        if (job.Threads == 1) return Start(python, script, job, folder, Ours);
        double SecondsOf(string policy)
        {
            using var trial = Start(python, script, job, folder, policy);
            trial.Train(Math.Max(1, turns / 2));
            return trial.Train(turns).Seconds.Min();
        }
        var best = SecondsOf(Ours) <= SecondsOf("") ? Ours : "";
        return Start(python, script, job, folder, best);
    }

    /// <param name="folder">Where the job's file is written.</param>
    /// <param name="waitPolicy">OMP_WAIT_POLICY for the process; empty for libgomp's default.</param>
    public static PeerProcess Start(string python, string script, PeerJob job, string folder, string waitPolicy)
    {
        var file = Path.Combine(folder, "job.json");
        AtomicFile.WriteText(file, JsonSerializer.Serialize(job, job.GetType(), s_json));
        var start = new ProcessStartInfo(python, [script, file]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("OMP_WAIT_POLICY");
        if (waitPolicy.Length > 0) start.Environment["OMP_WAIT_POLICY"] = waitPolicy;
        return new PeerProcess(Process.Start(start)!);
    }

    /// <summary>So many further steps.</summary>
    public PeerTurn Train(int steps) => Ask(steps.ToString(CultureInfo.InvariantCulture));

    /// <summary>One line of what the script takes.</summary>
    public PeerTurn Ask(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw Died();
        }
        return Read<PeerTurn>();
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private T Read<T>() => _process.StandardOutput.ReadLine() is { } line ? JsonSerializer.Deserialize<T>(line, s_json)! : throw Died();

    private PbenchException Died()
    {
        _process.WaitForExit();
        var lines = _errors.Result.TrimEnd().Split('\n');
        return new PbenchException($"the peer's process ended with status {_process.ExitCode}: {string.Join("\n", lines.TakeLast(5))}");
    }

    private static bool Has(string python, string modules)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(python, ["-c", $"import {modules}"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // there is no such program
        }
    }

    private sealed record Hello(string Torch, int Threads, string? Peer = null);
}
