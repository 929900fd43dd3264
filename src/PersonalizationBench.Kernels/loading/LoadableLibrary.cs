using System;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies TorchSharp's library; where the system's libstdc++ lacks the version that it asks for, the copy's entry of that version gets the
/// flag "weak" (ELF gABI with the GNU extensions, section .gnu.version_r: VER_FLG_WEAK of vna_flags), so that the loader goes on without it.
/// That is safe for the files listed here alone: what they take of that version is emitted by a header and never called.
/// </summary>
public sealed class LoadableLibrary : Task
{
    private const string Version = "GLIBCXX_3.4.32", Library = "libstdc++.so.6";

    /// <summary>SHA-256 of the files that were looked at: TorchSharp 0.107.0.</summary>
    private static readonly string[] Known = { "cf33b1b0bb6bbb9754a768fb5c5d04d9f498603be50e73f55621a0b40ee608b8" };

    private static readonly string[] SystemFolders = { "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib" };

    [Required]
    public string Source { get; set; }

    [Required]
    public string Target { get; set; }

    public override bool Execute()
    {
        var image = File.ReadAllBytes(Source);
        if (!SystemHasVersion())
        {
            string digest;
            using (var sha = SHA256.Create()) digest = string.Concat(sha.ComputeHash(image).Select(b => b.ToString("x2")));
            if (!Known.Contains(digest))
            {
                Log.LogError($"{Source}: this system's {Library} lacks {Version}, and nothing is known of a file with SHA-256 {digest}. Take a newer system (Debian 13, Ubuntu 24.04), or the version of TorchSharp in Directory.Packages.props");
                return false;
            }
            if (!Weaken(image))
            {
                Log.LogError($"{Source}: asks for no {Version} of {Library}");
                return false;
            }
        }
        Directory.CreateDirectory(Path.GetDirectoryName(Target));
        var temporary = $"{Target}.{Guid.NewGuid():N}";
        File.WriteAllBytes(temporary, image);
        File.Delete(Target);
        File.Move(temporary, Target);
        return true;
    }

    private static bool SystemHasVersion()
    {
        var file = SystemFolders.Select(f => Path.Combine(f, Library)).FirstOrDefault(File.Exists);
        return file == null || Encoding.ASCII.GetString(File.ReadAllBytes(file)).IndexOf(Version + "\0", StringComparison.Ordinal) >= 0;
    }

    /// <summary>Sets the flag in a 64-bit little-endian image.</summary>
    private static bool Weaken(byte[] image)
    {
        const int NeededVersions = 0x6ffffffe, Weak = 2;
        int sections = (int)Wide(0x28), size = Half(0x3A), count = Half(0x3C);
        for (int i = 0; i < count; i++)
        {
            int section = sections + i * size;
            if (Word(section + 4) != NeededVersions) continue;
            int strings = (int)Wide(sections + (int)Word(section + 0x28) * size + 0x18);
            for (int need = (int)Wide(section + 0x18), next = 1; next != 0; need += next)
            {
                next = (int)Word(need + 12);
                int entries = Half(need + 2);
                for (int entry = need + (int)Word(need + 8); entries > 0; entries--, entry += (int)Word(entry + 12))
                {
                    if (Text(strings + (int)Word(need + 4)) != Library || Text(strings + (int)Word(entry + 8)) != Version) continue;
                    image[entry + 4] |= Weak;
                    return true;
                }
            }
        }
        return false;

        ushort Half(int at) => BitConverter.ToUInt16(image, at);
        uint Word(int at) => BitConverter.ToUInt32(image, at);
        ulong Wide(int at) => BitConverter.ToUInt64(image, at);
        string Text(int at) => Encoding.ASCII.GetString(image, at, Array.IndexOf(image, (byte)0, at) - at);
    }
}
