using FsCheck;
using FsCheck.Fluent;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>Publishing and rolling back against a model: a dictionary from pointers to revisions.</summary>
public abstract partial class RegistryConformance
{
    private const int Revisions = 4;
    private static readonly string[] Names = [Pointer.Live, Pointer.Canary];

    /// <param name="Expected">Where the caller believes the pointer to be; 0: nowhere.</param>
    private sealed record Attempt(bool IsRollback, string Pointer, int Revision, int Expected);

    private static readonly Gen<Attempt[]> Attempts = Gen.ArrayOf(
        from rollback in Gen.Elements(true, false)
        from pointer in Gen.Elements(Names)
        from revision in Gen.Choose(1, Revisions + 1)
        from expected in Gen.Choose(0, Revisions)
        select new Attempt(rollback, pointer, revision, expected));

    [SkippableFact]
    public void Any_sequence_of_publishing_and_rolling_back_does_what_the_model_does()
    {
        using var bench = Begin();
        var policies = 0;
        Prop.ForAll(Arb.From(Attempts), attempts =>
        {
            var policy = FormattableString.Invariant($"p{policies++}");
            bench.Create(policy, 0);
            for (var n = 1; n <= Revisions; n++) bench.Add(policy, n);
            var model = new SortedDictionary<string, int>(StringComparer.Ordinal);
            foreach (var attempt in attempts)
            {
                var error = Try(bench.Registry, policy, attempt);
                Assert.Equal(Predict(model, attempt), error);
                if (error is null) model[attempt.Pointer] = attempt.Revision;
                Assert.Equal(model, bench.Registry.Pointers(Bench.Alice, policy).ToDictionary(p => p.Name, p => p.Revision));
            }
            Assert.Equal(model, AuditReplay.PointersAt(bench.Registry.Audit(Bench.Alice, policy), bench.Clock.Now));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void Any_interleaving_of_several_callers_is_some_sequence(int seed)
    {
        using var bench = Begin();
        const int callers = 4, attempts = 20;
        bench.Create("p", 0);
        for (var n = 1; n <= Revisions; n++) bench.Add("p", n);
        SqlRegistry[] ways = [bench.Registry, bench.Open()];
        var moved = 0;
        var threads = Enumerable.Range(0, callers).Select(caller => new Thread(() =>
        {
            var random = new Random(seed * 100 + caller);
            for (var i = 0; i < attempts; i++)
            {
                var (registry, name) = (ways[caller % ways.Length], Names[random.Next(Names.Length)]);
                // What was true a moment ago, mostly.
                var expected = random.Next(5) == 0 ? random.Next(Revisions + 1) : registry.Pointers(Bench.Alice, "p").FirstOrDefault(p => p.Name == name)?.Revision ?? 0;
                if (Try(registry, "p", new Attempt(random.Next(3) == 0, name, random.Next(1, Revisions + 1), expected)) is null) Interlocked.Increment(ref moved);
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        // Each entry says where the pointer was before: that they fit one behind the other is what makes them a sequence.
        var log = bench.Registry.Audit(Bench.Alice, "p");
        Assert.Equal(bench.Registry.Pointers(Bench.Alice, "p").ToDictionary(p => p.Name, p => p.Revision), AuditReplay.PointersAt(log, bench.Clock.Now));
        Assert.Equal(moved, log.Count(a => a.Pointer is not null));
        Assert.True(moved > attempts / 2, $"only {moved} moves");
    }

    /// <summary>Null: it was done.</summary>
    private static RegistryError? Try(SqlRegistry registry, string policy, Attempt attempt)
    {
        try
        {
            if (attempt.IsRollback && attempt.Expected > 0) registry.Rollback(Bench.Alice, policy, attempt.Pointer, attempt.Revision, attempt.Expected, Bench.Actor);
            else registry.Publish(Bench.Alice, policy, attempt.Pointer, attempt.Revision, attempt.Expected == 0 ? null : attempt.Expected, Bench.Actor);
            return null;
        }
        catch (RegistryException e)
        {
            return e.Error;
        }
    }

    private static RegistryError? Predict(SortedDictionary<string, int> model, Attempt attempt)
    {
        if (attempt.Revision == attempt.Expected) return RegistryError.Invalid;
        if (attempt.IsRollback && attempt.Expected > 0 && attempt.Revision > attempt.Expected) return RegistryError.Invalid;
        if (attempt.Revision > Revisions) return RegistryError.Missing;
        return model.GetValueOrDefault(attempt.Pointer) == attempt.Expected ? null : RegistryError.Conflict;
    }
}
