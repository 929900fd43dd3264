using FsCheck;
using FsCheck.Fluent;

namespace PersonalizationBench.Core.Tests;

public sealed class DeterministicRandomTests
{
    /// <summary>Data are generated from seeds: another sequence is another dataset. The first value for seed 0 follows from
    /// the published code of xoshiro256** seeded by splitmix64: rotl(s1 * 5, 7) * 9 with s1 = 0x6E789E6AA1B965F4.</summary>
    [Fact]
    public void The_sequence_is_xoshiro256_starstar_seeded_by_splitmix64()
    {
        var random = new DeterministicRandom(0);
        Assert.Equal(unchecked(ulong.RotateLeft(0x6E789E6AA1B965F4UL * 5, 7) * 9), random.NextUInt64());
    }

    [Fact]
    public void A_seed_gives_one_sequence_and_names_give_streams_of_their_own()
    {
        ulong[] Take(DeterministicRandom random) => [.. Enumerable.Range(0, 4).Select(_ => random.NextUInt64())];
        Assert.Equal(Take(new DeterministicRandom(5)), Take(new DeterministicRandom(5)));
        Assert.NotEqual(Take(new DeterministicRandom(5)), Take(new DeterministicRandom(6)));
        Assert.Equal(Take(DeterministicRandom.For(1, "a", "b")), Take(DeterministicRandom.For(1, "a", "b")));
        Assert.NotEqual(Take(DeterministicRandom.For(1, "a", "b")), Take(DeterministicRandom.For(1, "ab")));
        Assert.NotEqual(Take(DeterministicRandom.For(1, "a")), Take(DeterministicRandom.For(2, "a")));
    }

    [Fact]
    public void Numbers_stay_in_their_bounds() =>
        Prop.ForAll(ArbMap.Default.ArbFor<long>(), ArbMap.Default.ArbFor<PositiveInt>(), (seed, bound) =>
        {
            var random = new DeterministicRandom(seed);
            var (whole, share) = (random.Next(bound.Get), random.NextDouble());
            return whole >= 0 && whole < bound.Get && share >= 0 && share < 1;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Shuffling_and_sampling_keep_what_there_is() =>
        Prop.ForAll(ArbMap.Default.ArbFor<long>(), ArbMap.Default.ArbFor<int[]>(), (seed, items) =>
        {
            var random = new DeterministicRandom(seed);
            var shuffled = items.ToArray();
            random.Shuffle(shuffled);
            var sample = random.Sample(Enumerable.Range(0, items.Length).ToList(), 3);
            return shuffled.Order().SequenceEqual(items.Order()) && sample.Distinct().Count() == Math.Min(3, items.Length);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void All_values_come_up_about_equally_often()
    {
        var random = new DeterministicRandom(1);
        var counts = new int[6];
        for (var i = 0; i < 6000; i++) counts[random.Next(6)]++;
        Assert.All(counts, c => Assert.InRange(c, 850, 1150));
    }
}
