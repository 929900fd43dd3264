using System.Diagnostics;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>A PostgreSQL of the tests' own on a Unix socket in a temporary folder; none where its programs are not installed.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    public const string Collection = "PostgreSQL";

    private readonly Process? _server;
    private readonly string? _programs;
    private readonly string _folder = "";
    private int _schemas;

    public PostgresServer()
    {
        _programs = FindPrograms();
        if (_programs is null) return;
        _folder = Run("mktemp", "-d", "/tmp/pbench-pg-XXXXXX").Trim();
        var data = Path.Combine(_folder, "data");
        Run(Program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync");
        // Nothing here survives the machine anyway: what is tested is the death of processes.
        _server = Process.Start(StartInfo(Program("postgres"), "-D", data, "-k", _folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"))!;
        _server.ErrorDataReceived += (_, _) => { };
        _server.BeginErrorReadLine();
        _server.BeginOutputReadLine();
        for (var tries = 0; !IsReady(); tries++)
        {
            if (_server.HasExited || tries > 600) throw new InvalidOperationException($"PostgreSQL in {_folder} did not start");
            Thread.Sleep(100);
        }

        bool IsReady()
        {
            using var asked = Process.Start(StartInfo(Program("pg_isready"), "-q", "-h", _folder))!;
            asked.WaitForExit();
            return asked.ExitCode == 0;
        }
    }

    /// <summary>A connection string for a schema that nobody else has; skips the test where there is no server.</summary>
    public string NewSchema()
    {
        Skip.If(_server is null, "PostgreSQL is not installed (package postgresql)");
        return FormattableString.Invariant($"Host={_folder};Username=postgres;Database=postgres;Search Path=s{Interlocked.Increment(ref _schemas)}");
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync()
    {
        if (_server is null) return Task.CompletedTask;
        Run(Program("pg_ctl"), "-D", Path.Combine(_folder, "data"), "-m", "immediate", "stop");
        _server.WaitForExit();
        _server.Dispose();
        Run("rm", "-rf", _folder);
        return Task.CompletedTask;
    }

    private string Program(string name) => Path.Combine(_programs!, name);

    private static string? FindPrograms()
    {
        const string root = "/usr/lib/postgresql";
        return !Directory.Exists(root) ? null : Directory.EnumerateDirectories(root).Select(v => Path.Combine(v, "bin"))
            .Where(b => File.Exists(Path.Combine(b, "initdb"))).OrderByDescending(b => b.Length).ThenByDescending(b => b, StringComparer.Ordinal).FirstOrDefault();
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(StartInfo(program, arguments))!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} exited with {process.ExitCode}: {errors.Result}");
    }

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private static ProcessStartInfo StartInfo(string program, params string[] arguments)
    {
        var (first, all) = Environment.IsPrivilegedProcess ? ("runuser", ["-u", "postgres", "--", program, .. arguments]) : (program, arguments);
        return new ProcessStartInfo(first, all) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
    }
}

[CollectionDefinition(PostgresServer.Collection)]
public sealed class PostgresCollection : ICollectionFixture<PostgresServer>;
