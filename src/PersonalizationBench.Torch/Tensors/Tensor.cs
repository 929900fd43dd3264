using System.Runtime.CompilerServices;
using PersonalizationBench.Torch.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>An n-dimensional array of libtorch. It holds native memory: dispose it, or make it inside a dispose scope.</summary>
    public partial class Tensor : IDisposable
    {
        private nint _handle;

        /// <param name="handle">an owned reference, from the bridge</param>
        internal Tensor(nint handle, bool register = true)
        {
            _handle = handle;
            if (register)
                DisposeScope.Current?.Add(this);
        }

        ~Tensor() => Release();

        /// <summary>A name for the reader; libtorch does not know it.</summary>
        public string? name { get; set; }

        /// <summary>The native tensor.</summary>
        /// <exception cref="ObjectDisposedException">it was disposed</exception>
        public nint Handle
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(Tensor), "the tensor was disposed, perhaps by the scope it was made in");
        }

        /// <summary>True when the tensor was disposed.</summary>
        public bool IsInvalid => _handle == 0;

        internal DisposeScope? OwningDisposeScope { get; set; }

        public void Dispose()
        {
            OwningDisposeScope?.Forget(this);
            Release();
            GC.SuppressFinalize(this);
        }

        private void Release()
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
                Bridge.pb_free(handle);
        }

        /// <summary>Gives the native reference away: this object becomes as if disposed.</summary>
        internal nint MoveHandle()
        {
            nint handle = Handle;
            _handle = 0;
            GC.SuppressFinalize(this);
            return handle;
        }

        /// <summary>Moves the tensor to the scope around the current one, or out of all scopes when there is none.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (OwningDisposeScope is { } owner)
                owner.MoveToOther(other, this);
            else
                other?.Add(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningDisposeScope);

        /// <summary>Takes the tensor out of all scopes: its holder disposes it.</summary>
        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        // ---- what it is ----

        public long dim() => Bridge.pb_dim(Handle);
        public long ndim => dim();
        public long Dimensions => dim();
        public long numel() => Bridge.pb_numel(Handle);
        public long NumberOfElements => numel();
        public long ElementSize => Bridge.pb_element_size(Handle);
        public ScalarType dtype => (ScalarType)Bridge.pb_dtype(Handle);
        public bool is_contiguous() => Bridge.pb_is_contiguous(Handle) != 0;
        public long storage_offset() => Bridge.pb_storage_offset(Handle);
        public bool is_floating_point() => dtype.IsFloatingPoint();
        public bool is_integral() => dtype.IsIntegral();
        public bool is_complex() => dtype.IsComplex();

        public unsafe long[] shape
        {
            get
            {
                var sizes = new long[Bridge.pb_dim(Handle)];
                fixed (long* p = sizes)
                    Bridge.pb_shape(_handle, p, null);
                return sizes;
            }
        }

        public long[] size() => shape;

        public unsafe long size(int dim)
        {
            long rank = Bridge.pb_dim(Handle);
            long at = dim < 0 ? dim + rank : dim;
            if (at < 0 || at >= rank)
                throw new ArgumentOutOfRangeException(nameof(dim), $"dimension {dim} of a tensor with {rank}");
            long* sizes = stackalloc long[(int)rank];
            Bridge.pb_shape(_handle, sizes, null);
            return sizes[at];
        }

        public unsafe long[] stride()
        {
            int rank = (int)Bridge.pb_dim(Handle);
            var strides = new long[rank];
            long* sizes = stackalloc long[rank + 1];
            fixed (long* p = strides)
                Bridge.pb_shape(_handle, sizes, p);
            return strides;
        }

        public long stride(int dim)
        {
            long[] strides = stride();
            return strides[dim < 0 ? dim + strides.Length : dim];
        }

        public unsafe Device device
        {
            get
            {
                long type, index;
                Bridge.pb_device(Handle, &type, &index);
                return type == (long)DeviceType.CPU ? CPU : new Device((DeviceType)type, (int)index);
            }
        }

        public unsafe DeviceType device_type
        {
            get
            {
                long type, index;
                Bridge.pb_device(Handle, &type, &index);
                return (DeviceType)type;
            }
        }

        public unsafe int device_index
        {
            get
            {
                long type, index;
                Bridge.pb_device(Handle, &type, &index);
                return (int)index;
            }
        }

        public bool is_cpu() => device_type == DeviceType.CPU;
        public bool is_cuda => device_type == DeviceType.CUDA;

        /// <summary>Element type and shape, such as <c>[2x3], type = Float32, device = cpu</c>; not the values.</summary>
        public override string ToString() =>
            IsInvalid ? "disposed tensor" : $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";

        public override bool Equals(object? obj) => ReferenceEquals(this, obj);
        public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

        // ---- gradients ----

        public bool requires_grad
        {
            get => Bridge.pb_requires_grad(Handle) != 0;
            set => Bridge.Check(Bridge.pb_set_requires_grad(Handle, value ? 1 : 0), "requires_grad");
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public bool is_leaf => Bridge.pb_is_leaf(Handle) != 0;

        /// <summary>The gradient that backward accumulated, or null.</summary>
        public unsafe Tensor? grad
        {
            get
            {
                long handle;
                Bridge.Check(Bridge.pb_grad_of(Handle, &handle), "grad");
                return handle == 0 ? null : new Tensor((nint)handle);
            }
            set
            {
                Bridge.Check(Bridge.pb_set_grad(Handle, value?.Handle ?? 0), "grad");
                GC.KeepAlive(value);
            }
        }

        public void backward() => autograd.backward([this]);

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);

        // ---- its elements ----

        /// <summary>The elements in order; a tensor of another device is copied first.</summary>
        public Utils.TensorAccessor<T> data<T>() where T : unmanaged
        {
            if (Elements.TypeOf<T>() != dtype)
                throw new ArgumentException($"data<{typeof(T).Name}>() of a tensor of {dtype}");
            return new Utils.TensorAccessor<T>(is_cpu() ? this : cpu());
        }

        /// <summary>The only element.</summary>
        public T item<T>() where T : unmanaged
        {
            if (numel() != 1)
                throw new ArgumentException($"item() of a tensor with {numel()} elements");
            if (is_cpu())
                return data<T>()[0];
            using Tensor here = cpu();
            return here.data<T>()[0];
        }

        /// <summary>The memory of a contiguous CPU tensor, below 2 GB.</summary>
        public unsafe Span<byte> bytes
        {
            get
            {
                long length = numel() * ElementSize;
                if (length > int.MaxValue)
                    throw new NotSupportedException($"bytes of a tensor of {length} bytes; the limit is {int.MaxValue}");
                if (!is_cpu() || !is_contiguous())
                    throw new InvalidOperationException($"bytes needs a contiguous CPU tensor, not {this}");
                return new Span<byte>((void*)Bridge.pb_data(Handle), (int)length);
            }
            set
            {
                Span<byte> to = bytes;
                if (value.Length != to.Length)
                    throw new ArgumentException($"{value.Length} bytes for a tensor of {to.Length}");
                value.CopyTo(to);
            }
        }

        /// <summary>Copies the memory of a contiguous CPU tensor of any size to a stream.</summary>
        public unsafe void WriteBytesToStream(Stream stream, int bufferSize = 1024)
        {
            byte* at = (byte*)Bridge.pb_data(Handle);
            for (long left = numel() * ElementSize; left > 0;)
            {
                int count = (int)Math.Min(left, 1 << 30);
                stream.Write(new ReadOnlySpan<byte>(at, count));
                at += count;
                left -= count;
            }
            GC.KeepAlive(this);
        }

        /// <summary>Fills the memory of a contiguous CPU tensor of any size from a stream.</summary>
        public unsafe void ReadBytesFromStream(Stream stream, int bufferSize = 1024)
        {
            byte* at = (byte*)Bridge.pb_data(Handle);
            for (long left = numel() * ElementSize; left > 0;)
            {
                int count = (int)Math.Min(left, 1 << 30);
                stream.ReadExactly(new Span<byte>(at, count));
                at += count;
                left -= count;
            }
            GC.KeepAlive(this);
        }

        internal unsafe nint DataPointer => Bridge.pb_data(Handle);
    }
}
