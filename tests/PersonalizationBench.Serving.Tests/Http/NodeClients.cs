using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace PersonalizationBench.Serving.Tests;

/// <summary>Programs of <c>tests/clients</c>, which need node and that folder's packages (<c>npm ci</c>); tests are skipped where they are not.</summary>
internal static class NodeClients
{
    /// <summary>Runs <c>NAME.mjs</c> to its end and gives the JSON that it printed.</summary>
    /// <param name="package">What it imports, and what must be there.</param>
    public static async Task<JsonElement> RunAsync(string package, params string[] arguments)
    {
        using var node = Start(package, arguments);
        var (output, error) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await error);
        return JsonDocument.Parse(await output).RootElement;
    }

    public static Process Start(string package, params string[] arguments)
    {
        var clients = Folder();
        Skip.If(clients is null, "not measured: no tests/clients here");
        Skip.IfNot(Directory.Exists(Path.Combine(clients!, "node_modules", package)) && HasNode(), "not measured: 'npm ci' in tests/clients, and node, are what this test needs");
        return Process.Start(new ProcessStartInfo("node", [Path.Combine(clients!, package + ".mjs"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    private static bool HasNode()
    {
        try
        {
            using var node = Process.Start(new ProcessStartInfo("node", ["--version"]) { RedirectStandardOutput = true })!;
            node.WaitForExit();
            return node.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static string? Folder()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (Directory.Exists(Path.Combine(at.FullName, "tests", "clients"))) return Path.Combine(at.FullName, "tests", "clients");
        return null;
    }
}
