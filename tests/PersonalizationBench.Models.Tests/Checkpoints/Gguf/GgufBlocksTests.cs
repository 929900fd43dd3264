using System.Text.Json.Nodes;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Stored blocks against the values that llama.cpp's own code gives (origin in <c>ggml-blocks.json</c>).</summary>
public sealed class GgufBlocksTests
{
    public static TheoryData<string> Types => [.. Cases().Select(c => (string)c!["type"]!)];

    [Fact]
    public void Every_type_but_plain_floats_has_a_reference() =>
        Assert.Equal(Enum.GetNames<GgufElement>().Except(["F32"]).Order(StringComparer.Ordinal), Cases().Select(c => (string)c!["type"]!).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Types))]
    public void Blocks_are_the_values_of_llama_cpp_to_the_bit(string type)
    {
        var reference = Cases().Single(c => (string)c!["type"]! == type)!;
        var bytes = Convert.FromBase64String((string)reference["bytes"]!);
        Assert.Equal(Singles((string)reference["values"]!), GgufBlocks.ToSingles(Enum.Parse<GgufElement>(type), bytes));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Many_blocks_are_as_each_alone(string type)
    {
        var reference = Cases().Single(c => (string)c!["type"]! == type)!;
        var (bytes, values) = (Convert.FromBase64String((string)reference["bytes"]!), Singles((string)reference["values"]!));
        const int Times = 9001; // several parts of a core's, the last one not full
        var many = GgufBlocks.ToSingles(Enum.Parse<GgufElement>(type), Enumerable.Repeat(bytes, Times).SelectMany(b => b).ToArray());
        Assert.Equal(Times * values.Length, many.Length);
        for (var i = 0; i < Times; i++) Assert.True(values.AsSpan().SequenceEqual(many.AsSpan(i * values.Length, values.Length)), $"copy {i}");
    }

    private static float[] Singles(string base64) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(Convert.FromBase64String(base64)).ToArray();

    private static JsonArray Cases() => JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Checkpoints", "Gguf", "ggml-blocks.json")))!["cases"]!.AsArray();
}
