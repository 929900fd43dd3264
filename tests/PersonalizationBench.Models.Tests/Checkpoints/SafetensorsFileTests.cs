using System.Buffers.Binary;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public class SafetensorsFileTests
{
    private static readonly TensorData[] Tensors =
    [
        TensorData.FromSingles("w", [1f, -2.5f, float.Pi, 0f, 5f, 6f], 2, 3),
        new("ids", "I64", [2], new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0 }),
        new("half", "BF16", [3], BFloat16.FromSingles([1f, 2f, -3f])),
        new("nothing", "F32", [0, 4], ReadOnlyMemory<byte>.Empty),
        new("flag", "BOOL", [], new byte[] { 1 }),
    ];

    private static readonly Dictionary<string, string> Metadata = new() { ["who"] = "a test", ["ü\"\\"] = "escaped" };

    [Fact]
    public void WhatWasWrittenIsRead()
    {
        using var folder = new TemporaryFolder();
        SafetensorsFile.Write(folder.File("a.safetensors"), Tensors, Metadata);
        using var file = SafetensorsFile.Open(folder.File("a.safetensors"));
        Assert.Equal(Metadata.OrderBy(m => m.Key, StringComparer.Ordinal), file.Metadata);
        Assert.Equal(Tensors.Length, file.Tensors.Count);
        foreach (var tensor in Tensors)
        {
            var entry = file.Find(tensor.Name);
            Assert.Equal(tensor.DType, entry.DType);
            Assert.Equal(tensor.Shape, entry.Shape);
            Assert.Equal(tensor.Bytes.ToArray(), file.Read(tensor.Name));
        }
        Assert.Equal([1f, 2f, -3f], file.ReadSingles("half"));
        var part = new byte[4];
        file.Read(file.Find("w"), 8, part);
        Assert.Equal(float.Pi, BitConverter.ToSingle(part));
    }

    [SkippableTheory]
    [InlineData("two-empties-same-offset", 4)]
    [InlineData("metadata-only", 0)]
    public void What_is_odd_but_valid_opens(string name, int tensors)
    {
        using var file = SafetensorsFile.Open(SharedData.Require($"refs/bug-cases/safetensors/{name}.safetensors"));
        Assert.Equal(tensors, file.Tensors.Count);
        Assert.All(file.Tensors, t => Assert.Equal(t.Length, file.Read(t.Name).Length));
    }

    [SkippableFact]
    public void Weights_of_a_type_that_is_no_weights_type_here_are_refused_by_tensor_and_type()
    {
        var path = SharedData.Require("refs/bug-cases/safetensors/dtype-F8_E4M3.safetensors");
        using var file = SafetensorsFile.Open(path);
        Assert.Equal($"{path}: tensor 't': expected a floating-point tensor (F32, F16, BF16 or F64), found F8_E4M3", Assert.Throws<PbenchException>(() => file.ReadSingles("t")).Message);
    }

    [Theory]
    [InlineData("F4")]
    [InlineData("F8_E8M0")]
    [InlineData("F6_E2M3")]
    [InlineData("C64")]
    public void A_type_that_is_not_known_is_refused_by_tensor_and_type(string type)
    {
        var header = Encoding.UTF8.GetBytes($"{{\"t\":{{\"dtype\":\"{type}\",\"shape\":[8],\"data_offsets\":[0,8]}}}}");
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        var error = Assert.Throws<PbenchException>(() => SafetensorsFile.Open(new MemoryStream([.. length, .. header, .. new byte[8]]), "odd.safetensors"));
        Assert.StartsWith($"odd.safetensors: tensor 't': unknown dtype '{type}'; expected one of ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BytesDoNotDependOnTheOrderGivenAndDataAreAligned()
    {
        var bytes = SafetensorsFile.Serialize(Tensors, Metadata);
        Assert.Equal(bytes, SafetensorsFile.Serialize(Tensors.Reverse(), Metadata.Reverse().ToDictionary()));
        using var file = Read(bytes);
        Assert.All(file.Tensors, t => Assert.Equal(0, t.Offset % TensorDTypes.SizeOf(t.DType)!.Value));
        var again = SafetensorsFile.Serialize(file.Tensors.Select(t => new TensorData(t.Name, t.DType, t.Shape, file.Read(t.Name))), file.Metadata);
        Assert.Equal(bytes, again);
    }

    [Fact]
    public void TheLayoutIsTheFormats()
    {
        var bytes = SafetensorsFile.Serialize([TensorData.FromSingles("b", [1f], 1), TensorData.FromSingles("a", [2f, 3f], 2)]);
        const string header = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""";
        var padded = header.PadRight((header.Length + 7) / 8 * 8);
        Assert.Equal((ulong)padded.Length, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        Assert.Equal(padded, Encoding.UTF8.GetString(bytes, 8, padded.Length));
        Assert.Equal([2f, 3f, 1f], System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(8 + padded.Length)).ToArray());
    }

    [Theory]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "'t'", "truncated")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "expected", "belong to none")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "'t'", "gap")]
    [InlineData("""{"s":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'t'", "overlaps")]
    [InlineData("""{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "'t'", "takes 12 bytes")]
    [InlineData("""{"t":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "'t'", "unknown dtype 'F31'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "'t'", "too large")]
    [InlineData("""{"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "'t'", "negative")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "'t'", "begin <= end")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "'t'", "takes 8 bytes")]
    [InlineData("""{"t":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}""", 8, "'t'", "beyond the end")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2]}}""", 8, "'t'", "data_offsets")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", 8, "'t'", "unknown key 'x'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "'t'", "whole number")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "bad.safetensors", "Duplicate")]
    [InlineData("""{"__metadata__":{"a":1},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "__metadata__.a", "a string")]
    [InlineData("""["t"]""", 0, "bad.safetensors", "begin with '{'")]
    [InlineData("""{"t":""", 0, "bad.safetensors", "not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "bad.safetensors", "not valid JSON")]
    public void WhatTheFormatForbidsIsRefusedByName(string header, int dataBytes, string where, string what)
    {
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        Encoding.UTF8.GetBytes(header, bytes.AsSpan(8));
        var error = Assert.Throws<PbenchException>(() => Read(bytes));
        Assert.StartsWith("bad.safetensors", error.Message);
        Assert.Contains(where, error.Message);
        Assert.Contains(what, error.Message);
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 3 }, "truncated")]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255 }, "limit")]
    [InlineData(new byte[] { 200, 0, 0, 0, 0, 0, 0, 0, (byte)'{' }, "truncated")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 }, "begin with")]
    public void AHeaderThatCannotBeIsRefused(byte[] bytes, string what) =>
        Assert.Contains(what, Assert.Throws<PbenchException>(() => Read(bytes)).Message);

    [Fact]
    public void AMissingTensorNamesTheNearestAndAMissingFileItself()
    {
        using var file = Read(SafetensorsFile.Serialize([TensorData.FromSingles("model.norm.weight", [1f], 1)]));
        Assert.Contains("did you mean 'model.norm.weight'?", Assert.Throws<PbenchException>(() => file.Read("model.nrom.weight")).Message);
        Assert.Contains("none.safetensors", Assert.Throws<PbenchException>(() => SafetensorsFile.Open("/nowhere/none.safetensors")).Message);
    }

    [Fact]
    public void AWriterRefusesWhatItCouldNotRead()
    {
        Assert.Contains("taken", Assert.Throws<PbenchException>(() => SafetensorsFile.Serialize([Tensors[0], Tensors[0]])).Message);
        Assert.Contains("'w'", Assert.Throws<PbenchException>(() => SafetensorsFile.Serialize([Tensors[0] with { Shape = [7] }])).Message);
        Assert.Contains("'w'", Assert.Throws<PbenchException>(() => SafetensorsFile.Serialize([Tensors[0] with { DType = "F99" }])).Message);
    }

    [Fact]
    public void DamagedFilesAreReadOrRefused()
    {
        var valid = SafetensorsFile.Serialize(Tensors, Metadata);
        var refused = Mutations.Run(valid, 60_000, seed: 1, allocationLimit: 1 << 20, bytes =>
        {
            using var file = Read(bytes);
            foreach (var tensor in file.Tensors) Assert.Equal(tensor.Length, file.Read(tensor.Name).Length);
        });
        Assert.InRange(refused, 30_000, 59_999);
    }

    private static SafetensorsFile Read(byte[] bytes) => SafetensorsFile.Open(new MemoryStream(bytes), "bad.safetensors");
}
