using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Which of kernel and operators is taken, by a table of what was measured.</summary>
public class KernelChoiceTests
{
    private const string Row = "avx2,RmsNorm,float32,Medium,training,10.5,9.5";

    private static bool[] Table(params string[] rows) => KernelChoice.Parse(new StringReader(string.Join('\n', rows.Prepend(KernelChoice.Header))));

    [Fact]
    public void What_was_measured_faster_is_taken_and_counts_for_higher_levels_where_nothing_was()
    {
        bool[] none = Table(), one = Table(Row), two = Table(Row, "avx512-bf16,RmsNorm,float32,Medium,training,9.5,9.5");
        Assert.All(none, Assert.True);
        // Of the levels avx2, avx512, avx512-bf16 and amx: all lose by one row, and those from the second on win by the other.
        Assert.Equal(4, one.Count(taken => !taken));
        Assert.Equal(2, two.Count(taken => !taken));
    }

    [Theory]
    [InlineData("sse2,RmsNorm,float32,Medium,training,1,1", "level: 'sse2'")]
    [InlineData("avx2,Norm2,float32,Medium,training,1,1", "operation: expected one of RmsNorm")]
    [InlineData("avx2,RmsNorm,float64,Medium,training,1,1", "type: expected float32 or bfloat16")]
    [InlineData("avx2,RmsNorm,float32,Huge,training,1,1", "size: expected one of Small, Medium, Large")]
    [InlineData("avx2,RmsNorm,float32,Medium,backward,1,1", "pass: expected forward or training")]
    [InlineData("avx2,RmsNorm,float32,Medium,training,0,1", "kernel_us: expected microseconds, found '0'")]
    [InlineData("avx2,RmsNorm,float32,Medium,training,1,NaN", "operators_us: expected microseconds, found 'NaN'")]
    [InlineData("avx2,RmsNorm,float32,Medium,training,1", "expected level,operation")]
    [InlineData(Row, "a second time")]
    public void A_bad_line_is_named(string row, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => Table(Row, row));
        Assert.StartsWith("choices.csv:3: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_without_its_header_is_refused() =>
        Assert.Contains("choices.csv:1: expected level,operation", Assert.Throws<InvalidDataException>(() => KernelChoice.Parse(new StringReader(Row))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1, SizeClass.Small)]
    [InlineData(8191, SizeClass.Small)]
    [InlineData(8192, SizeClass.Medium)]
    [InlineData(131071, SizeClass.Medium)]
    [InlineData(131072, SizeClass.Large)]
    [InlineData(1L << 40, SizeClass.Large)]
    public void Sizes_fall_into_three_classes(long elements, SizeClass expected) => Assert.Equal(expected, KernelChoice.ClassOf(elements));
}
