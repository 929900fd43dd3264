using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Load;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Benchmarks;

/// <summary>What may make llama.cpp faster or slower on a machine.</summary>
/// <param name="WaitPolicy">OMP_WAIT_POLICY; empty for libgomp's default.</param>
public sealed record LlamaVariant(GgufElement Weights, string WaitPolicy)
{
    public static IReadOnlyList<LlamaVariant> All { get; } =
        [.. from weights in new[] { GgufElement.F16, GgufElement.BF16 } from policy in new[] { "", "passive" } select new LlamaVariant(weights, policy)];

    public override string ToString() => $"{Weights.ToString().ToLowerInvariant()} weights, {(WaitPolicy.Length == 0 ? "libgomp's default waiting" : $"{WaitPolicy} waiting")}";
}

/// <summary>llama.cpp's <c>llama-server</c>: a program of another project, built aside and not kept here.</summary>
/// <param name="program">Its path.</param>
public sealed class LlamaServer(string program)
{
    /// <summary>Five lines for a shell.</summary>
    public const string HowToBuild = """
        npm pack node-llama-cpp && tar xzf node-llama-cpp-*.tgz && git clone package/llama/gitRelease.bundle llama.cpp
        cmake -S llama.cpp -B llama.cpp/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF \
          -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
        ninja -C llama.cpp/build llama-server
        ./bench bench llama-cpp ladder-3.5m --server llama.cpp/build/bin/llama-server
        """;

    /// <exception cref="PbenchException">There is no such program, or it does not say which it is.</exception>
    public static LlamaServer Find(string path) => File.Exists(path)
        ? new LlamaServer(Path.GetFullPath(path))
        : throw new PbenchException($"--server: there is no file '{path}'; expected llama.cpp's llama-server, which is built so:\n{HowToBuild}");

    /// <summary>As it says itself: its number and commit.</summary>
    public string Version()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["--version"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var errors = process.StandardError.ReadToEndAsync();
            var said = process.StandardOutput.ReadToEnd() + errors.Result;
            process.WaitForExit();
            const string Key = "version:";
            return said.Split('\n').FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal))?[Key.Length..].Trim()
                ?? throw new PbenchException($"--server: '{program}' names no version; expected llama.cpp's llama-server");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new PbenchException($"--server: '{program}' could not be started: {e.Message}", e);
        }
    }

    /// <summary>Listens on a free port, its adapters loaded and none applied.</summary>
    /// <param name="tokens">The longest sequence.</param>
    public Task<ServerProcess> StartAsync(LlamaVariant variant, string model, IReadOnlyList<string> adapters, int sequences, int tokens, int threads, CancellationToken cancellation)
    {
        static string Text(int number) => FormattableString.Invariant($"{number}");
        var start = new ProcessStartInfo(program,
        [
            "--model", model, "--lora", string.Join(',', adapters), "--lora-init-without-apply", "--host", "127.0.0.1", "--port", "0", "--offline",
            "--parallel", Text(sequences), "--ctx-size", Text(sequences * tokens), "--cont-batching", "--threads", Text(threads),
            // Nothing is kept of what was answered, and nothing is fitted to the machine's memory.
            "--cache-ram", "0", "--fit", "off",
        ]);
        start.Environment.Remove("OMP_WAIT_POLICY");
        if (variant.WaitPolicy.Length > 0) start.Environment["OMP_WAIT_POLICY"] = variant.WaitPolicy;
        return ServerProcess.StartAsync(start, cancellation);
    }
}
