using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using TorchSharp;

// In this process: libtorch, its bridge and its environment are then those of a study. One thread, so that a kernel is
// compared with its composed form and not with how two threads find each other; --threads N for more.
var arguments = args.ToList();
var at = arguments.IndexOf("--threads");
torch.set_num_threads(at >= 0 ? int.Parse(arguments[at + 1], System.Globalization.CultureInfo.InvariantCulture) : 1);
if (at >= 0) arguments.RemoveRange(at, 2);

var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(3).WithIterationCount(10);
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. arguments], DefaultConfig.Instance.AddJob(job));
