using System.Globalization;
using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>How many elements an operation's first tensor has. What a call costs beside its work counts less the more there are.</summary>
public enum SizeClass
{
    /// <summary>Fewer than 2^13: a token of a few sequences.</summary>
    Small,

    /// <summary>Fewer than 2^17: a prompt.</summary>
    Medium,

    /// <summary>From 2^17 on: a batch that is trained on.</summary>
    Large,
}

/// <summary>
/// Whether a kernel or libtorch's operators do an operation: what <c>pbench bench kernels</c> found faster (choices.csv), by level, operation,
/// type, size, and whether a gradient is wanted. Where nothing was measured at a level the next lower one counts, and the kernel where none was.
/// </summary>
public static class KernelChoice
{
    /// <summary>The table's columns.</summary>
    public const string Header = "level,operation,type,size,pass,kernel_us,operators_us";

    /// <summary>Values of the column <c>pass</c>: a result alone; a result and its gradients.</summary>
    public const string Forward = "forward", Training = "training";

    /// <summary>Of the project, and in the assembly.</summary>
    public const string FileName = "choices.csv";

    private static readonly int s_operations = Enum.GetValues<TorchExtras.Operation>().Length, s_sizes = Enum.GetValues<SizeClass>().Length;
    private static readonly bool[] s_table = Load();

    /// <summary>True takes a kernel wherever there is one, whatever the table says: for measuring, and for tests of the kernels.</summary>
    public static bool Always { get; set; }

    public static SizeClass ClassOf(long elements) => BitOperations.Log2((ulong)elements) switch { < 13 => SizeClass.Small, < 17 => SizeClass.Medium, _ => SizeClass.Large };

    /// <summary>Whether the kernel of a level does an operation.</summary>
    /// <param name="type">f32 or bf16</param>
    /// <param name="elements">of the operation's first tensor</param>
    /// <param name="learns">a gradient is wanted</param>
    public static bool Takes(KernelLevel level, TorchExtras.Operation operation, ScalarType type, long elements, bool learns) =>
        Always || s_table[Index(level, operation, type == ScalarType.BFloat16, ClassOf(elements), learns)];

    /// <summary>One entry for each level, operation, type, size and pass.</summary>
    /// <exception cref="InvalidDataException">A line is not as <see cref="Header"/> has it; it is named.</exception>
    internal static bool[] Parse(TextReader text)
    {
        var found = new bool?[Enum.GetValues<KernelLevel>().Length * s_operations * 2 * s_sizes * 2];
        var (number, header) = (1, text.ReadLine());
        if (header != Header) throw Bad($"expected {Header}, found {header}");
        while (text.ReadLine() is { } line)
        {
            number++;
            var fields = line.Split(',');
            if (fields.Length != Header.Split(',').Length) throw Bad($"expected {Header}, found {line}");
            var level = Enum.GetValues<KernelLevel>().Where(l => KernelLibrary.Name(l) == fields[0]).Cast<KernelLevel?>().FirstOrDefault() ?? throw Bad($"level: '{fields[0]}' is unknown");
            var operation = Named<TorchExtras.Operation>("operation", fields[1]);
            var isBFloat16 = fields[2] switch { "float32" => false, "bfloat16" => true, _ => throw Bad($"type: expected float32 or bfloat16, found '{fields[2]}'") };
            var learns = fields[4] switch { Forward => false, Training => true, _ => throw Bad($"pass: expected {Forward} or {Training}, found '{fields[4]}'") };
            var index = Index(level, operation, isBFloat16, Named<SizeClass>("size", fields[3]), learns);
            var kernelWins = Microseconds("kernel_us", fields[5]) <= Microseconds("operators_us", fields[6]);
            if (found[index] is not null) throw Bad($"{line}: a second time");
            found[index] = kernelWins;
        }
        // From the lowest level up.
        var perLevel = found.Length / Enum.GetValues<KernelLevel>().Length;
        return [.. Enumerable.Range(0, found.Length).Select(i => Enumerable.Range(0, i / perLevel + 1).Select(lower => found[i - lower * perLevel]).FirstOrDefault(f => f is not null) ?? true)];

        T Named<T>(string column, string value) where T : struct, Enum =>
            Enum.GetNames<T>().Contains(value) ? Enum.Parse<T>(value) : throw Bad($"{column}: expected one of {string.Join(", ", Enum.GetNames<T>())}, found '{value}'");

        double Microseconds(string column, string value) => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var time) && time > 0 && double.IsFinite(time)
            ? time
            : throw Bad($"{column}: expected microseconds, found '{value}'");

        InvalidDataException Bad(string what) => new($"{FileName}:{number}: {what}");
    }

    private static int Index(KernelLevel level, TorchExtras.Operation operation, bool isBFloat16, SizeClass size, bool learns) =>
        ((((int)level * s_operations + (int)operation) * 2 + (isBFloat16 ? 1 : 0)) * s_sizes + (int)size) * 2 + (learns ? 1 : 0);

    private static bool[] Load()
    {
        using var stream = typeof(KernelChoice).Assembly.GetManifestResourceStream(FileName) ?? throw new InvalidOperationException($"{FileName} is not in the assembly");
        using var reader = new StreamReader(stream);
        return Parse(reader);
    }
}
