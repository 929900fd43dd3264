using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A stream of random numbers, the same for the same seed.</summary>
    public class Generator : IDisposable
    {
        private nint _handle;

        public unsafe Generator(ulong seed = 0, Device? device = null)
        {
            this.device = device ?? CPU;
            long handle;
            Bridge.Check(Bridge.pb_generator_new(seed, (long)this.device.type, this.device.index, &handle), "Generator");
            _handle = (nint)handle;
        }

        private Generator(nint handle) => (_handle, device) = (handle, CPU);

        ~Generator() => Dispose();

        /// <summary>The process's own for the CPU.</summary>
        public static Generator Default => new(Bridge.pb_generator_default());

        public Device device { get; }

        public nint Handle => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(Generator));

        public Generator manual_seed(long seed)
        {
            Bridge.pb_generator_seed(Handle, (ulong)seed);
            return this;
        }

        public long initial_seed() => (long)Bridge.pb_generator_seed_of(Handle);

        /// <summary>Sets a seed of the machine's randomness and answers it.</summary>
        public long seed()
        {
            long seed = System.Security.Cryptography.RandomNumberGenerator.GetInt32(int.MaxValue);
            manual_seed(seed);
            return seed;
        }

        public unsafe Tensor get_state()
        {
            long state;
            Bridge.Check(Bridge.pb_generator_state(Handle, &state), "Generator.get_state");
            return new Tensor((nint)state);
        }

        public void set_state(Tensor value)
        {
            Bridge.Check(Bridge.pb_generator_set_state(Handle, value.Handle), "Generator.set_state");
            GC.KeepAlive(value);
        }

        public void Dispose()
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
                Bridge.pb_generator_free(handle);
            GC.SuppressFinalize(this);
        }
    }

    /// <summary>Seeds the default generators of all devices.</summary>
    public static Generator manual_seed(long seed)
    {
        Bridge.pb_manual_seed((ulong)seed);
        return Generator.Default;
    }

    public static partial class random
    {
        public static Generator manual_seed(long seed) => torch.manual_seed(seed);
        public static long initial_seed() => Generator.Default.initial_seed();
    }

    public static partial class cuda
    {
        public static bool is_available() => device_count() > 0;
        public static int device_count() => (int)Bridge.pb_cuda_count();
        public static void manual_seed(long seed) => torch.manual_seed(seed);
        public static void manual_seed_all(long seed) => torch.manual_seed(seed);
        public static void synchronize(Device? device = null) => Bridge.Check(Bridge.pb_cuda_synchronize(device?.index ?? -1), "cuda.synchronize");
    }

    public static bool cuda_is_available() => cuda.is_available();

    public static int get_num_threads() => (int)Bridge.pb_threads();
    public static void set_num_threads(int num) => Bridge.pb_set_threads(num);

    private static ScalarType s_default = ScalarType.Float32;

    public static ScalarType get_default_dtype() => s_default;

    public static void set_default_dtype(ScalarType dtype)
    {
        if (!dtype.IsFloatingPoint())
            throw new ArgumentException($"the default type must be a floating one, not {dtype}");
        s_default = dtype;
    }

    public static string __version__ => Op.TorchVersion();

    public static void InitializeDeviceType(DeviceType deviceType)
    {
        if (!TryInitializeDeviceType(deviceType))
            throw new InvalidOperationException($"this libtorch ({__version__}) has no {deviceType} device here");
    }

    public static bool TryInitializeDeviceType(DeviceType deviceType) =>
        deviceType == DeviceType.CPU || (deviceType == DeviceType.CUDA && cuda.is_available());
}
