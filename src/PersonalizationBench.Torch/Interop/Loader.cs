using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace PersonalizationBench.Torch.Interop;

/// <summary>Loads the bridge once, with the process set up for it.</summary>
internal static partial class Loader
{
    private static readonly Lock s_gate = new();
    private static nint s_library;

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    internal static void Prepare()
    {
        NativeLibrary.SetDllImportResolver(typeof(Loader).Assembly, Resolve);
        Bridge.pb_keep_memory();
        // Some builds of libtorch start with one thread whatever the machine has.
        Bridge.pb_set_threads(Threads());
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name == "pbtorch" ? Load() : 0;

    private static nint Load()
    {
        lock (s_gate)
        {
            if (s_library != 0)
                return s_library;
            // .NET's own setter does not reach native code, and libgomp reads this when it is loaded:
            // threads that spin after a parallel region starve OpenBLAS's own on a small machine.
            _ = setenv("OMP_WAIT_POLICY", "passive", 0);
            // OpenBLAS 0.3.21 takes processors newer than itself for Haswells, which makes products in f32 a fifth slower.
            if (System.Runtime.Intrinsics.X86.Avx512F.IsSupported)
                _ = setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
            string file = Path.Combine(AppContext.BaseDirectory, "libpbtorch.so");
            if (!File.Exists(file))
                file = Path.Combine(Path.GetDirectoryName(typeof(Loader).Assembly.Location) ?? ".", "libpbtorch.so");
            if (!File.Exists(file))
                throw new DllNotFoundException($"{file}: not there; build the project again (native/build.sh makes it)");
            return s_library = NativeLibrary.Load(file);
        }
    }

    private static int Threads() =>
        int.TryParse(Environment.GetEnvironmentVariable("PBENCH_THREADS"), NumberStyles.None, CultureInfo.InvariantCulture, out int threads) && threads > 0
            ? threads
            : Environment.ProcessorCount;
}
