using FsCheck;
using FsCheck.Fluent;

namespace PersonalizationBench.Models.Tests;

public sealed class LengthBatchesTests
{
    [Fact]
    public void Every_item_is_in_one_batch_and_every_batch_fits() =>
        Prop.ForAll<PositiveInt[]>(items =>
        {
            var lengths = items.Select(i => i.Get % 50 + 1).ToList();
            var batches = LengthBatches.Of(lengths, Fits).Select(b => b.ToList()).ToList();
            return batches.SelectMany(b => b).Order().SequenceEqual(Enumerable.Range(0, lengths.Count))
                && batches.All(b => b.Count == 1 || Fits(b));

            bool Fits(IReadOnlyList<int> members) => members.Count * members.Max(m => lengths[m]) <= 80;
        }).QuickCheckThrowOnFailure();
}
