using PersonalizationBench.Strategies;

namespace PersonalizationBench.Conformance.Tests;

public sealed class CatalogTests
{
    [Fact]
    public void Every_strategy_has_a_class_of_the_suite_or_several()
    {
        var tested = typeof(StrategyConformance).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(StrategyConformance)) && !t.IsAbstract).Select(t =>
        {
            using var suite = (StrategyConformance)Activator.CreateInstance(t)!;
            return suite.Type;
        });
        Assert.Equal(new StrategyCatalog().Strategies.Select(s => s.Type).Order(StringComparer.Ordinal), tested.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Types_are_different_words_for_a_study_file()
    {
        var strategies = new StrategyCatalog().Strategies;
        Assert.Equal(strategies.Count, strategies.Select(s => s.Type).Distinct().Count());
        Assert.All(strategies, s => Assert.Matches("^[a-z]+(-[a-z]+)*$", s.Type));
        Assert.All(strategies, s => Assert.False(string.IsNullOrWhiteSpace(s.Summary)));
    }
}
