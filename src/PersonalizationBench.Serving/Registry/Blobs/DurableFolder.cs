using System.Runtime.InteropServices;

namespace PersonalizationBench.Serving;

/// <summary>A rename is on the disk only once its folder is, which .NET has no call for.</summary>
internal static class DurableFolder
{
    private const int ReadOnly = 0;

    /// <summary>Throws <see cref="IOException"/> naming the folder. Nothing on Windows, whose renames need no more.</summary>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var file = Open(folder, ReadOnly);
        if (file < 0) throw Failed("opened");
        try
        {
            if (Fsync(file) != 0) throw Failed("flushed to disk");
        }
        finally
        {
            _ = Close(file);
        }

        IOException Failed(string what) => new($"{folder}: could not be {what}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int file);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int file);
}
