using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;

namespace PersonalizationBench.Torch.Interop;

/// <summary>Calls operators by name ("aten::add.Tensor"); a name is looked up in libtorch once.</summary>
internal static unsafe class Op
{
    private static readonly ConcurrentDictionary<string, nint> s_handles = new(StringComparer.Ordinal);

    internal static bool Exists(string name) => Find(name) != 0;

    internal static torch.Tensor Call(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg result;
        Invoke(name, args, &result, 1);
        return new torch.Tensor((nint)result.A);
    }

    internal static (torch.Tensor, torch.Tensor) Call2(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg* results = stackalloc NativeArg[2];
        Invoke(name, args, results, 2);
        return (new torch.Tensor((nint)results[0].A), new torch.Tensor((nint)results[1].A));
    }

    internal static (torch.Tensor, torch.Tensor, torch.Tensor) Call3(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg* results = stackalloc NativeArg[3];
        Invoke(name, args, results, 3);
        return (new torch.Tensor((nint)results[0].A), new torch.Tensor((nint)results[1].A), new torch.Tensor((nint)results[2].A));
    }

    internal static torch.Tensor[] CallList(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg result;
        Invoke(name, args, &result, 1);
        long* handles = (long*)result.A;
        var tensors = new torch.Tensor[result.B];
        for (int i = 0; i < tensors.Length; i++)
            tensors[i] = new torch.Tensor((nint)handles[i]);
        Bridge.pb_free_list(handles);
        return tensors;
    }

    internal static bool CallBool(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg result;
        Invoke(name, args, &result, 1);
        return result.A != 0;
    }

    /// <summary>An operator that works in place and whose result, the same tensor, is not wanted a second time.</summary>
    internal static void CallVoid(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg result = default;
        Invoke(name, args, &result, 1);
        if (result.Tag == Tag.Tensor)
            Bridge.pb_free((nint)result.A);
    }

    /// <summary>An operator without a result.</summary>
    internal static void CallNothing(string name, params ReadOnlySpan<Arg> args)
    {
        NativeArg unused;
        Invoke(name, args, &unused, 0);
    }

    private static void Invoke(string name, ReadOnlySpan<Arg> args, NativeArg* results, long capacity)
    {
        nint op = Find(name);
        if (op == 0)
            throw new NotSupportedException($"{name}: this libtorch ({TorchVersion()}) has no such operator");
        NativeArg* native = stackalloc NativeArg[args.Length];
        // Lists and strings are copied beside the arguments; most are a few dimensions.
        long* room = stackalloc long[96];
        long free = 96;
        List<nint>? rented = null;
        for (int i = 0; i < args.Length; i++)
            native[i] = Marshal(args[i], ref room, ref free, ref rented);
        int failed = Bridge.pb_call(op, native, args.Length, results, &capacity);
        foreach (Arg arg in args)
            GC.KeepAlive(arg.Ref);
        if (rented is not null)
            foreach (nint block in rented)
                NativeMemory.Free((void*)block);
        if (failed != 0)
            throw Bridge.Failure(name);
    }

    private static NativeArg Marshal(in Arg arg, ref long* room, ref long free, ref List<nint>? rented)
    {
        switch (arg.Tag)
        {
            case Tag.Tensor:
                return new NativeArg { Tag = Tag.Tensor, A = ((torch.Tensor)arg.Ref!).Handle };
            case Tag.Device:
                return new NativeArg { Tag = Tag.Device, A = arg.Bits, B = ((torch.Device)arg.Ref!).index };
            case Tag.Generator:
                return new NativeArg { Tag = Tag.Generator, A = ((torch.Generator)arg.Ref!).Handle };
            case Tag.IntList:
                var ints = (long[])arg.Ref!;
                long* to = Take(ints.Length, ref room, ref free, ref rented);
                ints.CopyTo(new Span<long>(to, ints.Length));
                return new NativeArg { Tag = arg.Tag, A = (long)to, B = ints.Length };
            case Tag.DoubleList:
                var doubles = (double[])arg.Ref!;
                to = Take(doubles.Length, ref room, ref free, ref rented);
                doubles.CopyTo(new Span<double>(to, doubles.Length));
                return new NativeArg { Tag = arg.Tag, A = (long)to, B = doubles.Length };
            case Tag.TensorList or Tag.OptionalTensorList:
                var tensors = (torch.Tensor?[])arg.Ref!;
                to = Take(tensors.Length, ref room, ref free, ref rented);
                for (int i = 0; i < tensors.Length; i++)
                    to[i] = tensors[i]?.Handle ?? 0;
                return new NativeArg { Tag = arg.Tag, A = (long)to, B = tensors.Length };
            case Tag.String:
                var text = (string)arg.Ref!;
                int bytes = Encoding.UTF8.GetByteCount(text);
                to = Take((bytes + 7) / 8, ref room, ref free, ref rented);
                Encoding.UTF8.GetBytes(text, new Span<byte>(to, bytes));
                return new NativeArg { Tag = arg.Tag, A = (long)to, B = bytes };
            default:
                return new NativeArg { Tag = arg.Tag, A = arg.Bits };
        }
    }

    private static long* Take(long count, ref long* room, ref long free, ref List<nint>? rented)
    {
        if (count > free)
        {
            void* block = NativeMemory.Alloc((nuint)count, sizeof(long));
            (rented ??= []).Add((nint)block);
            return (long*)block;
        }
        long* taken = room;
        room += count;
        free -= count;
        return taken;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Find(string name) => s_handles.TryGetValue(name, out nint handle) ? handle : LookUp(name);

    private static nint LookUp(string name) => s_handles.GetOrAdd(name, static full =>
    {
        int dot = full.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? Bridge.pb_find_op(full, "") : Bridge.pb_find_op(full[..dot], full[(dot + 1)..]);
    });

    internal static string TorchVersion() => System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)Bridge.pb_version())!;
}
