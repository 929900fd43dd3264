using PersonalizationBench.Evaluation.Simulations;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

/// <summary>A small part of <c>pbench bench statistics</c>, whose whole table is in <c>results/statistics</c>.</summary>
public sealed class SimulationTests
{
    [Fact]
    public void Nominal_intervals_of_95_percent_hold_the_truth_about_so_often()
    {
        var cells = StatisticsSimulation.Coverage(40, default, [6, 30]).ToList();
        // Of differences the pseudo-user, between -1 and 1, errs on the wide side.
        foreach (var kind in cells.GroupBy(c => c.Scores)) Assert.InRange(kind.Average(c => c.Coverage), 0.9, kind.Key == "difference" ? 1 : 0.985);
        Assert.InRange(cells.Min(c => c.Coverage), 0.75, 1);
    }

    [Fact]
    public void Families_without_a_difference_have_a_finding_in_one_of_twenty() =>
        Assert.InRange(StatisticsSimulation.Errors(100, default, [12]).Average(e => e.FamilyWiseError), 0.005, 0.075);

    [Fact]
    public void The_stated_smallest_difference_is_found_about_four_times_in_five()
    {
        foreach (var cells in StatisticsSimulation.Power(80, default, [12, 30], [0.1, 0.18, 0.26]).GroupBy(p => (p.Users, p.Method)))
        {
            var power = cells.ToDictionary(p => p.Difference, p => p.Power);
            var stated = cells.Average(p => p.StatedSmallestDetectable!.Value);
            Assert.True(power[0.1] <= power[0.26]);
            Assert.InRange(StatisticsSimulation.Power(80, default, [cells.Key.Users], [stated]).Single(p => p.Method == cells.Key.Method).Power, 0.65, 0.95);
        }
    }
}
