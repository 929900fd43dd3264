using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public class BFloat16Tests
{
    [Theory]
    [InlineData(0x3F800000u, 0x3F80)] // 1
    [InlineData(0x3F808000u, 0x3F80)] // halfway, to the even one below
    [InlineData(0x3F808001u, 0x3F81)] // just above halfway
    [InlineData(0x3F818000u, 0x3F82)] // halfway, to the even one above
    [InlineData(0x3F807FFFu, 0x3F80)] // just below halfway
    [InlineData(0x80000000u, 0x8000)] // -0
    [InlineData(0x7F7FFFFFu, 0x7F80)] // the largest single rounds to infinity
    [InlineData(0xFF800000u, 0xFF80)] // -infinity
    [InlineData(0x00000001u, 0x0000)] // the smallest denormal
    public void RoundsToNearestTiesToEven(uint single, int expected) =>
        Assert.Equal((ushort)expected, BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(single)));

    [Theory]
    [InlineData(0x7F800001u)]
    [InlineData(0xFFFFFFFFu)]
    public void NaNStaysNaN(uint bits) => Assert.True(float.IsNaN(BFloat16.ToSingle(BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(bits)))));

    [Fact]
    public void EveryBFloat16ComesBack()
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var value = BFloat16.ToSingle((ushort)bits);
            if (!float.IsNaN(value)) Assert.Equal((ushort)bits, BFloat16.FromSingle(value));
        }
    }

    [Fact]
    public void NoNeighbourIsNearer() => Prop.ForAll(ArbMap.Default.ArbFor<uint>(), bits =>
    {
        var value = BitConverter.UInt32BitsToSingle(bits);
        if (!float.IsFinite(value)) return true;
        var rounded = BFloat16.FromSingle(value);
        var error = Error(rounded);
        return error <= Error((ushort)(rounded + 1)) && ((rounded & 0x7FFF) == 0 || error <= Error((ushort)(rounded - 1)));

        // Past the largest finite value stands infinity, which counts as the next power of two would.
        double Error(ushort candidate) => Math.Abs(value - ((candidate & 0x7FFF) == 0x7F80 ? Math.CopySign(Math.Pow(2, 128), value) : (candidate & 0x7FFF) > 0x7F80 ? double.PositiveInfinity : BFloat16.ToSingle(candidate)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void ManyAtOnceAreRoundedAsOneByOne() => Prop.ForAll(ArbMap.Default.ArbFor<uint[]>(), start =>
    {
        // Long enough for whole vectors, NaNs and infinities among them.
        var values = start.Concat([0x7F800001u, 0xFFFFFFFFu, 0x7F800000u, 0x3F808000u]).SelectMany(bits => Enumerable.Repeat(bits, 11)).Select(BitConverter.UInt32BitsToSingle).ToArray();
        var halves = new ushort[values.Length];
        BFloat16.FromSingles(values, halves);
        return halves.SequenceEqual(values.Select(BFloat16.FromSingle));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void SpansAreConvertedElementByElement() =>
        Assert.Equal([1f, -2f, 0.5f], BFloat16.ToSingles(BFloat16.FromSingles([1f, -2f, 0.5f])));
}
