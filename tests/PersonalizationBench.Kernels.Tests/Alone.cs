using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

// The count is of the whole process: no other test may run beside these.
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
