using PersonalizationBench.Benchmarks;
using PersonalizationBench.Models;
using PersonalizationBench.Torch;

// Usage: OldEngine REPOSITORY THREADS: turns come by standard input, answers go to standard output.
var (root, threads) = (args[0], int.Parse(args[1]));
var folder = Directory.CreateTempSubdirectory("pbench-old-engine-").FullName;
try
{
    using var driver = new EngineDriver(new BaseCatalog(Path.Combine(root, "datasets", "bases"), null), folder);
    driver.Serve(TorchExtras.Binding, threads, Console.In, Console.Out);
}
finally
{
    Directory.Delete(folder, recursive: true);
}
