using System.Diagnostics;
using System.Globalization;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>This assembly as a program of its own, that adds, publishes and rolls back until it is killed; it says what it was told is done.</summary>
internal static class Victim
{
    public const string Policy = "victim";

    public static Process Start(Bench bench, int seed)
    {
        string[] arguments = ["exec", typeof(Victim).Assembly.Location, bench.Connection, bench.BlobFolder, seed.ToString(CultureInfo.InvariantCulture)];
        return Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
    }

    public static int Main(string[] arguments)
    {
        var (connection, folder, random) = (arguments[0], arguments[1], new Random(int.Parse(arguments[2], CultureInfo.InvariantCulture)));
        using var registry = RegistryDatabase.Open(connection, new FolderBlobs(folder, TimeProvider.System), TimeProvider.System);
        // Not for ever, should nobody come to kill it.
        for (var n = 0; n < 5000; n++)
        {
            var current = registry.Resolve(Bench.Alice, Policy).Number;
            var added = registry.AddRevision(Bench.Alice, Policy, new NewRevision(registry.Blobs.Put(Bench.Content(random.Next())), "v1"), Bench.Actor);
            Say($"added {added.Number} {added.Digest}");
            registry.Publish(Bench.Alice, Policy, Pointer.Live, added.Number, current, Bench.Actor);
            Say($"live {added.Number}");
            if (random.Next(2) != 0) continue;
            var earlier = random.Next(1, added.Number);
            registry.Rollback(Bench.Alice, Policy, Pointer.Live, earlier, added.Number, Bench.Actor);
            Say($"live {earlier}");
        }
        return 0;

        static void Say(FormattableString line)
        {
            Console.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
            Console.Out.Flush();
        }
    }
}
