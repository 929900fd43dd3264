using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public sealed class GgufFileTests
{
    [Fact]
    public void What_is_written_is_read() => Prop.ForAll(ArbMap.Default.ArbFor<(string[] Texts, float[] Numbers, int[] Whole, bool Flag, byte[] Bytes)>(), c =>
    {
        string[] texts = [.. c.Texts.Select(t => t is null ? "" : new string([.. t.Where(l => !char.IsSurrogate(l))]))];
        float[] values = [.. c.Bytes.Select(b => b / 3f)];
        using var file = Open(Written(
            [("a.texts", texts), ("a.numbers", c.Numbers), ("a.whole", c.Whole), ("a.flag", c.Flag), ("a.text", string.Concat(texts)), ("a.count", (uint)texts.Length), ("a.number", 0.25f)],
            [Tensor("first", [1], [7]), Tensor("second", [1, values.Length], values), Tensor("third", [2, 3], [1, 2, 3, 4, 5, 6])]));
        Assert.Equal(texts, (string[])file.Metadata["a.texts"]);
        Assert.Equal(c.Numbers.Select(n => (double)n), (double[])file.Metadata["a.numbers"]);
        Assert.Equal(c.Whole.Select(n => (long)n), (long[])file.Metadata["a.whole"]);
        Assert.Equal((c.Flag, string.Concat(texts), (long)texts.Length, 0.25), (file.Metadata["a.flag"], file.Metadata["a.text"], file.Metadata["a.count"], file.Metadata["a.number"]));
        Assert.Equal([2, 3], file.Find("third").Shape);
        Assert.Equal(values, file.ReadSingles("second"));
        Assert.Equal([1, 2, 3, 4, 5, 6], file.ReadSingles("third"));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_file_is_its_header_then_tensors_at_multiples_of_32()
    {
        const string Header =
            "47475546 03000000 0200000000000000 0200000000000000" +
            "0100000000000000 61 04000000 07000000" +
            "0200000000000000 6263 09000000 08000000 0100000000000000 0100000000000000 78" +
            "0100000000000000 74 02000000 0300000000000000 0200000000000000 01000000 0000000000000000" +
            "0100000000000000 75 01000000 0100000000000000 00000000 2000000000000000";
        var header = Convert.FromHexString(Header.Replace(" ", "", StringComparison.Ordinal));
        var data = (header.Length + 31) / 32 * 32;
        var bytes = Written([("a", 7u), ("bc", new[] { "x" })], [new GgufTensor("t", GgufElement.F16, [2, 3], new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }), new GgufTensor("u", GgufElement.F32, [1], new byte[] { 9, 9, 9, 9 })]);
        Assert.Equal(header, bytes[..header.Length]);
        Assert.All(bytes[header.Length..data], b => Assert.Equal(0, b));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], bytes[data..(data + 12)]);
        Assert.Equal([9, 9, 9, 9], bytes[(data + 32)..(data + 36)]);
        Assert.Equal(data + 64, bytes.Length);
    }

    // Places of a file with one key 'k' of a u32 and one tensor 't' of 64 floats: version 4, tensors 8, keys 16, the key's length 24, kind 33, value 37,
    // the tensor's name 41, dimensions 50, size 54, type 62, offset 66, data from 96 on.
    public static TheoryData<string, int, int, ulong, string> Damages => new()
    {
        { "another first letter", 0, 1, 'X', "expected a file that begins with 'GGUF'" },
        { "version 1", 4, 4, 1, "version 1 of GGUF is not read; expected 2 or 3" },
        { "the highest byte first", 4, 4, 0x03000000, "for machines that write the highest byte first" },
        { "more tensors than there can be", 8, 8, 1UL << 60, "the number of tensors: 1152921504606846976 do not fit" },
        { "more keys than there can be", 16, 8, ulong.MaxValue, "the number of keys: 18446744073709551615 do not fit" },
        { "a key of a length beyond the file", 24, 8, 1UL << 62, "key 0: its text's bytes: 4611686018427387904 do not fit" },
        { "a kind that is none", 33, 4, 13, "key 'k': expected a kind of value from 0 to 12, found 13" },
        { "no dimensions", 50, 4, 0, "tensor 't': expected 1 to 4 dimensions, found 0" },
        { "five dimensions", 50, 4, 5, "tensor 't': expected 1 to 4 dimensions, found 5" },
        { "a negative size", 54, 8, ulong.MaxValue, "tensor 't': the shape [-1] is negative or too large" },
        { "a size beyond the file", 54, 8, 65, "tensor 't': ends at byte 260 of the data, of which the file has 256; it is truncated" },
        { "a size of 2^62", 54, 8, 1UL << 62, "tensor 't': its bytes are beyond the end of the file" },
        { "a type that is not read", 62, 4, 16, "tensor 't': its type IQ2_XXS is not read; expected one of F32, F16" },
        { "a type that is none", 62, 4, 4711, "tensor 't': its type number 4711 is not read" },
        { "an offset between", 66, 8, 4, "tensor 't': begins at byte 4 of the data; expected a multiple of 32" },
        { "an offset beyond", 66, 8, 1UL << 63, "tensor 't': its bytes are beyond the end of the file" },
        { "an offset at the end", 66, 8, 256, "tensor 't': ends at byte 512 of the data, of which the file has 256" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void What_cannot_be_is_refused_saying_where(string damage, int at, int length, ulong value, string expected)
    {
        var bytes = Written([("k", 5u)], [Tensor("t", [64], new float[64])]);
        var eight = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(eight, value);
        eight.AsSpan(0, length).CopyTo(bytes.AsSpan(at));
        Refused(bytes, expected, damage);
    }

    [Fact]
    public void Names_that_are_there_twice_overlaps_and_counts_beyond_the_file_are_refused()
    {
        Refused(Written([("k", 1u), ("k", 2u)], []), "key 'k' is there twice");
        Refused(Written([], [Tensor("t", [1], [1]), Tensor("t", [1], [1])]), "tensor 't' is there twice");
        var bytes = Written([], [Tensor("t", [64], new float[64]), Tensor("u", [64], new float[64])]);
        // The second one's offset, 256, is the last thing of the head.
        var at = bytes.AsSpan().LastIndexOf(new byte[] { 0, 1, 0, 0, 0, 0, 0, 0 });
        bytes[at + 1] = 0;
        bytes[at] = 32;
        Refused(bytes, "tensor 'u': begins at byte 32 of the data, which is another tensor's");
        bytes = Written([("k", new[] { 7 })], []);
        bytes[41 + 5] = 1; // the array's count
        Refused(bytes, "key 'k': its elements: 1099511627777 do not fit");
        Refused(Written([("general.alignment", 12u)], []), "general.alignment: expected a multiple of 8 up to 65536, found 12");
        Refused(Written([], [new GgufTensor("t", GgufElement.Q4_0, [31], new byte[18])]), "tensor 't': the shape [31]: rows of Q4_0 hold a multiple of 32");
    }

    [Fact]
    public void A_truncated_file_is_refused_wherever_it_ends()
    {
        var bytes = Written([("k", 5u), ("texts", new[] { "one", "two" })], [Tensor("t", [64], new float[64])]);
        for (var length = 0; length < bytes.Length; length++) Refused(bytes[..length], "", $"{length} bytes");
    }

    [Fact]
    public void Damaged_files_are_read_or_refused()
    {
        var valid = Written(
            [("general.architecture", "llama"), ("texts", new[] { "one", "two", "three" }), ("numbers", new[] { 1f, 2f }), ("whole", new[] { 1, 2, 3 }), ("flag", true)],
            [Tensor("t", [2, 8], new float[16]), new GgufTensor("q", GgufElement.Q4_K, [256], new byte[144]), new GgufTensor("h", GgufElement.BF16, [3], new byte[6])]);
        var refused = Mutations.Run(valid, 30_000, seed: 4, allocationLimit: 1 << 20, bytes =>
        {
            using var file = Open(bytes);
            foreach (var tensor in file.Tensors) Assert.Equal(tensor.Shape.Aggregate(1L, (a, b) => a * b), file.ReadSingles(tensor.Name).LongLength);
        });
        Assert.InRange(refused, 10_000, 29_999);
    }

    internal static GgufTensor Tensor(string name, long[] shape, float[] values) => new(name, GgufElement.F32, shape, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private static byte[] Written(IReadOnlyList<(string Key, object Value)> metadata, IReadOnlyList<GgufTensor> tensors)
    {
        using var stream = new MemoryStream();
        GgufWriter.Write(stream, metadata, tensors);
        return stream.ToArray();
    }

    private static GgufFile Open(byte[] bytes) => GgufFile.Open(new MemoryStream(bytes), "bad.gguf");

    private static void Refused(byte[] bytes, string expected, string what = "")
    {
        var error = Record.Exception(() => Open(bytes).Dispose());
        Assert.True(error is PbenchException, $"{what}: {error}");
        Assert.StartsWith("bad.gguf: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
