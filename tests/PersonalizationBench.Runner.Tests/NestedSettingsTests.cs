using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Tests;

public sealed class NestedSettingsTests
{
    public enum Kind
    {
        Documents,
        SelfStudy,
    }

    public sealed record Material
    {
        public Kind Kind { get; init; }
        public double Anticipated { get; init; } = 1;
        public int? Forms { get; init; }
    }

    public sealed record Options
    {
        public int Rank { get; init; } = 8;
        public double LearningRate { get; init; } = 0.1;
        public int Batch { get; init; } = 8;
        public Material Study { get; init; } = new();
    }

    private static List<string> Points(string yaml) =>
        [.. Grid.Expand(StrictYaml.Parse(yaml, "x.yaml"), typeof(Options)).Select(p => (Options)StrictYaml.Bind(typeof(Options), p)).Select(o => $"{o.Rank} {o.Study.Kind} {o.Study.Anticipated} {o.Study.Forms}")];

    private static IReadOnlyList<string> Names(params Options[] points) => Labels.For([.. points.Select(p => ("lora", CanonicalJson.Of(p).AsObject(), (IReadOnlyList<string>)["b"]))], _ => typeof(Options));

    private static Options Studies(int rank = 8, double rate = 0.1, double anticipated = 1, int? forms = null, Kind kind = Kind.SelfStudy) =>
        new() { Rank = rank, LearningRate = rate, Study = new Material { Kind = kind, Anticipated = anticipated, Forms = forms } };

    [Fact]
    public void Settings_within_a_setting_have_axes() =>
        Assert.Equal(
            ["1 SelfStudy 0 ", "1 SelfStudy 0.5 ", "4 SelfStudy 0 ", "4 SelfStudy 0.5 "],
            Points("{ rank: [1, 4], study: { kind: self-study, anticipated: [0, 0.5] } }"));

    [Fact]
    public void The_last_axis_is_the_fastest_within_too() =>
        Assert.Equal(["8 SelfStudy 0 1", "8 SelfStudy 0 2", "8 SelfStudy 1 1", "8 SelfStudy 1 2"], Points("study: { kind: self-study, anticipated: [0, 1], forms: [1, 2] }"));

    [Fact]
    public void A_list_of_mappings_is_an_axis_with_axes_of_its_own() =>
        Assert.Equal(["8 Documents 1 ", "8 SelfStudy 0 ", "8 SelfStudy 1 "], Points("study: [{ kind: documents }, { kind: self-study, anticipated: [0, 1] }]"));

    [Theory]
    [InlineData("study: { anticipated: [] }", "x.yaml:1: study.anticipated: expected at least one value")]
    [InlineData("study: { anticipatd: 1 }", "x.yaml:1: unknown key 'anticipatd' in study; did you mean 'anticipated'?")]
    [InlineData("study: { kind: selfstudy }", "x.yaml:1: study.kind: unknown value 'selfstudy'; did you mean 'self-study'?")]
    [InlineData("study: { anticipated: [0, half] }", "x.yaml:1: study.anticipated[1]: expected a number, found 'half'")]
    [InlineData("study: self-study", "x.yaml:1: study: expected a mapping with the keys kind, anticipated, forms, found 'self-study'")]
    [InlineData("rank: [[1, 2], [3]]", "x.yaml:1: rank[0]: expected a whole number, found a list")]
    public void Mistakes_within_are_told_with_their_place(string yaml, string message) =>
        Assert.Equal(message, Assert.ThrowsAny<PbenchException>(() => Points(yaml)).Message);

    [Fact]
    public void What_kind_it_is_stands_by_itself_and_what_is_within_where_it_is_no_default() =>
        Assert.Equal(
            ["lora r=8 documents", "lora r=1 self-study", "lora r=8 self-study", "lora r=8 self-study anticipated=0.5"],
            Names(Studies(kind: Kind.Documents), Studies(1), Studies(), Studies(anticipated: 0.5)));

    [Fact]
    public void A_kind_that_is_no_default_is_always_named()
    {
        Assert.Equal(["lora self-study"], Names(Studies()));
        Assert.Equal(["lora"], Names(Studies(kind: Kind.Documents)));
        Assert.Equal(["lora r=1 self-study forms=1", "lora r=4 self-study"], Names(Studies(1, forms: 1), Studies(4)));
    }

    [Fact]
    public void A_rate_that_goes_with_the_rest_is_not_named_and_one_that_is_swept_is()
    {
        Assert.Equal(["lora documents", "lora self-study"], Names(Studies(kind: Kind.Documents, rate: 0.2), Studies(rate: 0.05)));
        Assert.Equal(["lora lr=0.2 self-study", "lora lr=0.05 self-study"], Names(Studies(rate: 0.2), Studies(rate: 0.05)));
    }
}
