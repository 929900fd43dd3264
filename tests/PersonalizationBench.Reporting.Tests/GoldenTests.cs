namespace PersonalizationBench.Reporting.Tests;

public sealed class GoldenTests
{
    [Fact]
    public void The_fixture_is_what_the_synthetic_study_writes()
    {
        using var folder = new TemporaryFolder();
        SyntheticStudy.Small().WriteTo(folder.Path);
        foreach (var file in Directory.GetFiles(folder.Path)) GoldenFile.Matches(Path.Combine("..", "Fixtures", "quickstart", Path.GetFileName(file)), File.ReadAllText(file));
    }

    [Fact]
    public void Summary_figures_and_specifications_are_as_they_were()
    {
        using var folder = new TemporaryFolder();
        ReportWriter.Write(SyntheticStudy.Small().WriteTo(folder.Path));
        GoldenFile.Matches("summary.md", File.ReadAllText(Path.Combine(folder.Path, "summary.md")));
        foreach (var file in Directory.GetFiles(Path.Combine(folder.Path, "figures"))) GoldenFile.Matches(Path.GetFileName(file), File.ReadAllText(file));
    }

    [Fact]
    public void How_strategies_scale_is_drawn_as_it_was()
    {
        var results = SyntheticStudy.Scaling().Results();
        foreach (var figure in ScalingFigures.All(results)) GoldenFile.Matches($"scaling-{figure.Name}.svg", figure.Picture.Svg);
    }

    [Fact]
    public void A_study_of_likelihoods_is_drawn_as_it_was() =>
        GoldenFile.Matches("likelihood.svg", Figures.LikelihoodByStrategy(SyntheticStudy.Mail().Results())!.Picture.Svg);
}
