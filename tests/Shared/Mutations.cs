using System.Diagnostics;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tests;

/// <summary>Fuzzing by mutation: every damaged input must either be read or be refused with a <see cref="PbenchException"/>.</summary>
internal static class Mutations
{
    private static readonly byte[] Interesting = [0x00, 0x01, 0x7F, 0x80, 0xFF, (byte)'"', (byte)'{', (byte)'}', (byte)'[', (byte)'-', (byte)'9', (byte)'\\'];

    /// <summary>Feeds <paramref name="count"/> damaged copies to <paramref name="read"/>; returns how many were refused.</summary>
    /// <param name="allocationLimit">Bytes that reading one of them may allocate at most.</param>
    public static int Run(byte[] valid, int count, long seed, long allocationLimit, Action<byte[]> read)
    {
        var random = new DeterministicRandom(seed);
        var refused = 0;
        for (var i = 0; i < count; i++)
        {
            var damaged = Mutate(valid, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(damaged);
            }
            catch (PbenchException e)
            {
                Assert.NotEqual("", e.Message);
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                throw new UnreachableException($"mutation {i} of seed {seed} let a {e.GetType().Name} escape: {e.Message}", e);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, allocationLimit);
        }
        return refused;
    }

    private static byte[] Mutate(byte[] valid, DeterministicRandom random)
    {
        var bytes = valid.ToList();
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            // Half of all damage is done to the first bytes, where headers are.
            var at = random.Next(random.Chance(0.5) ? Math.Min(bytes.Count, 64) + 1 : bytes.Count + 1);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1 when at < bytes.Count: bytes[at] = random.Pick(Interesting); break;
                case 2: bytes.Insert(at, random.Pick(Interesting)); break;
                case 3 when at < bytes.Count: bytes.RemoveAt(at); break;
                case 4: bytes.RemoveRange(at, bytes.Count - at); break;
                case 5:
                    var length = Math.Min(random.Next(1, 32), bytes.Count - at);
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
            }
        }
        return [.. bytes];
    }
}
