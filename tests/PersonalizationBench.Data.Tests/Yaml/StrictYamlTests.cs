using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Data.Tests.Yaml;

public sealed class StrictYamlTests
{
    public sealed record Plan : IValidatableObject
    {
        public required string Name { get; init; }
        public int Steps { get; init; } = 100;
        [Range(1e-6, 1.0)] public double LearningRate { get; init; } = 1e-3;
        public bool Tied { get; init; }
        public Precision Precision { get; init; } = Precision.Auto;
        public DateOnly? Until { get; init; }
        public Shape Shape { get; init; } = new(4, 128);
        [Range(1, 64)] public IReadOnlyList<int> Ranks { get; init; } = [8];
        public IReadOnlyList<Stage> Stages { get; init; } = [];
        public IReadOnlyDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>();
        public string? Note { get; init; }
        public YamlSection? Rest { get; init; }

        public IEnumerable<ValidationResult> Validate(ValidationContext context)
        {
            if (Steps % 10 != 0) yield return new ValidationResult("expected a multiple of 10", [nameof(Steps)]);
        }
    }

    public sealed record Shape([property: Range(1, 100)] int Layers, int Dimension, double Theta = 10000);

    public sealed record Stage
    {
        public required string Name { get; init; }
        public int Batch { get; init; } = 1;
    }

    private static Plan Bind(string yaml) => StrictYaml.Bind<Plan>(StrictYaml.Parse(yaml, "plan.yaml"));

    private static string Error(string yaml) => Assert.Throws<PbenchException>(() => Bind(yaml)).Message;

    [Fact]
    public void Every_kind_of_value_is_bound_and_what_is_not_given_keeps_its_default()
    {
        var plan = Bind("""
            # A comment.
            name: "007"
            steps: 20
            learning-rate: 2e-3
            tied: true
            precision: bfloat16
            until: 2026-03-01
            shape: { layers: 2, dimension: 64 }
            ranks: [1, 2]
            stages:
              - name: one
              - { name: two, batch: 4 }
            weights: { replay-text: 0.5, "b_c": 1 }
            note: ~
            """);
        Assert.Equal("007", plan.Name);
        Assert.Equal(20, plan.Steps);
        Assert.Equal(2e-3, plan.LearningRate);
        Assert.True(plan.Tied);
        Assert.Equal(Precision.BFloat16, plan.Precision);
        Assert.Equal(new DateOnly(2026, 3, 1), plan.Until);
        Assert.Equal(new Shape(2, 64, 10000), plan.Shape);
        Assert.Equal([1, 2], plan.Ranks);
        Assert.Equal([new Stage { Name = "one" }, new Stage { Name = "two", Batch = 4 }], plan.Stages);
        Assert.Equal(0.5, plan.Weights["replay-text"]);
        Assert.Equal(1, plan.Weights["b_c"]);
        Assert.Null(plan.Note);
        Assert.Null(plan.Rest);

        var bare = Bind("name: x");
        Assert.Equal(100, bare.Steps);
        Assert.Equal(new Shape(4, 128), bare.Shape);
    }

    [Fact]
    public void A_section_is_left_for_later_with_its_line_and_path()
    {
        var rest = Bind("name: x\nrest:\n  free:\n    - 1\n    - [2, 3]\n").Rest!;
        var list = rest.Find("free")!.Items[1];
        Assert.Equal(("rest.free[1]", 5, YamlKind.List), (list.Path, list.Line, list.Kind));
        Assert.Equal("plan.yaml:5: rest.free[1]: too long", list.Error("too long").Message);
    }

    [Theory]
    [InlineData("name: x\nstages:\n  - name: a\n    bacth: 2\n", "plan.yaml:4: unknown key 'bacth' in stages[0]; did you mean 'batch'?")]
    [InlineData("name: x\nsteps_: 2\n", "plan.yaml:2: unknown key 'steps_'; did you mean 'steps'?")]
    [InlineData("name: x\nshape: { layers: 1, dimension: 2, quux: 3 }\n", "plan.yaml:2: unknown key 'quux' in shape; expected the keys layers, dimension, theta")]
    [InlineData("name: x\nName: y\n", "plan.yaml:2: unknown key 'Name'; did you mean 'name'?")]
    [InlineData("steps: 10\n", "plan.yaml:1: key 'name' is missing")]
    [InlineData("name: x\nstages:\n  - batch: 2\n", "plan.yaml:3: key 'name' is missing in stages[0]")]
    [InlineData("name: x\nshape: { layers: 2 }\n", "plan.yaml:2: key 'dimension' is missing in shape")]
    [InlineData("name: x\nlearning_rate: 1\nlearning-rate: 1\n", "plan.yaml:3: key 'learning-rate' is given twice")]
    [InlineData("name: x\nstages: [{ name: a, batch: 1, batch: 2 }]\n", "plan.yaml:2: key 'batch' is given twice")]
    [InlineData("name: x\nsteps: ten\n", "plan.yaml:2: steps: expected a whole number, found 'ten'")]
    [InlineData("name: x\nsteps: \"10\"\n", "plan.yaml:2: steps: expected a whole number, found the text \"10\"")]
    [InlineData("name: x\nsteps: 1.5\n", "plan.yaml:2: steps: expected a whole number, found '1.5'")]
    [InlineData("name: x\nsteps: 99999999999\n", "plan.yaml:2: steps: expected a whole number, found '99999999999'")]
    [InlineData("name: x\nsteps: [1]\n", "plan.yaml:2: steps: expected a whole number, found a list")]
    [InlineData("name: x\nsteps:\n", "plan.yaml:2: steps: expected a whole number, found nothing")]
    [InlineData("name:\n", "plan.yaml:1: name: expected a text, found nothing")]
    [InlineData("name: x\nlearning_rate: .nan\n", "plan.yaml:2: learning_rate: expected a number, found '.nan'")]
    [InlineData("name: x\nlearning_rate: 2\n", "plan.yaml:2: learning_rate: expected a value between 1E-06 and 1, found 2")]
    [InlineData("name: x\nranks:\n  - 1\n  - 65\n", "plan.yaml:2: ranks: expected a value between 1 and 64, found 65")]
    [InlineData("name: x\nranks: 4\n", "plan.yaml:2: ranks: expected a list, found '4'")]
    [InlineData("name: x\nranks: [1, ~]\n", "plan.yaml:2: ranks[1]: expected a whole number, found nothing")]
    [InlineData("name: x\nshape: { layers: 0, dimension: 2 }\n", "plan.yaml:2: shape.layers: expected a value between 1 and 100, found 0")]
    [InlineData("name: x\nshape: 4\n", "plan.yaml:2: shape: expected a mapping with the keys layers, dimension, theta, found '4'")]
    [InlineData("name: x\ntied: yes\n", "plan.yaml:2: tied: expected true or false, found 'yes'")]
    [InlineData("name: x\nprecision: float23\n", "plan.yaml:2: precision: unknown value 'float23'; did you mean 'float32'?")]
    [InlineData("name: x\nprecision: ternary\n", "plan.yaml:2: precision: unknown value 'ternary'; expected one of auto, float32, bfloat16")]
    [InlineData("name: x\nuntil: 1.3.2026\n", "plan.yaml:2: until: expected a date such as 2026-03-01, found '1.3.2026'")]
    [InlineData("name: x\nweights: { a: b }\n", "plan.yaml:2: weights.a: expected a number, found 'b'")]
    [InlineData("name: x\n\nsteps: 15\n", "plan.yaml:3: steps: expected a multiple of 10")]
    [InlineData("- name: x\n", "plan.yaml:1: expected a mapping with the keys name, steps, learning_rate, tied, precision, until, shape, ranks, stages, weights, note, rest, found a list")]
    [InlineData("name: [x\n", "plan.yaml:2: not valid YAML: While parsing a flow sequence, did not find expected ',' or ']'.")]
    [InlineData("name: x\n---\nname: y\n", "plan.yaml:3: a second document begins here; expected one")]
    [InlineData("", "plan.yaml:1: the file is empty")]
    public void What_is_wrong_is_said_with_file_line_and_key(string yaml, string message) => Assert.Equal(message, Error(yaml));

    /// <summary>What an anchor repeats is a graph; a reader of trees never comes to the end of one that holds itself.</summary>
    [Theory]
    [InlineData("name: x\nnote: &a [*a]\n", "plan.yaml:2: '*a' stands within what it repeats")]
    [InlineData("name: x\nshape: &a\n  layers: 1\n  dimension: [1, { deep: *a }]\n", "plan.yaml:4: '*a' stands within what it repeats")]
    [InlineData("&a\nname: *a\n", "plan.yaml:2: '*a' stands within what it repeats")]
    [InlineData("? &a [*a]\n: x\n", "plan.yaml:1: '*a' stands within what it repeats")]
    [InlineData("name: *b\n", "plan.yaml:1: not valid YAML: ")]
    public void An_alias_of_itself_is_refused_with_its_line(string yaml, string message) => Assert.StartsWith(message, Error(yaml));

    [Fact]
    public void An_alias_repeats_what_its_anchor_names() =>
        Assert.Equal([1, 2], Bind("name: &n x\nnote: *n\nranks: &r [1, 2]\nrest: *r\n").Rest!.Items.Select(i => int.Parse(i.Text, System.Globalization.CultureInfo.InvariantCulture)));

    [Fact]
    public void Aliases_that_multiply_and_lists_without_end_are_refused()
    {
        var billions = string.Concat(Enumerable.Range(1, 10).Select(i => $"l{i}: &l{i} [{string.Join(", ", Enumerable.Repeat($"*l{i - 1}", 10))}]\n"));
        Assert.Contains("more than 100000 values", Error($"name: x\nrest:\n  l0: &l0 [1]\n{string.Concat(billions.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => $"  {l}\n"))}"));
        Assert.Equal("plan.yaml:2: more than 100 lists and mappings within each other", Error($"name: x\nnote: {new string('[', 100_000)}"));
    }

    [Theory]
    [InlineData("name: x\nshape: &s { layers: 1, dimension: 2 }\nstages:\n  - { <<: *s, name: a }\n", "plan.yaml:4: '<<', which merges mappings in YAML 1.1, is not read in stages[0]; write out what it would add")]
    [InlineData("name: x\n<<: { steps: 10 }\n", "plan.yaml:2: '<<', which merges mappings in YAML 1.1, is not read; write out what it would add")]
    public void A_merge_key_is_named_with_its_line(string yaml, string message) => Assert.Equal(message, Error(yaml));

    [SkippableTheory]
    [InlineData("selfalias.yaml", ":9: '*a' stands within what it repeats")]
    [InlineData("merge.yaml", ":9: '<<', which merges mappings in YAML 1.1, is not read in strategies[2]; write out what it would add")]
    public void The_studies_that_fell_are_refused_with_file_and_line(string file, string message)
    {
        var path = SharedData.Require($"refs/bug-cases/yaml/{file}");
        var error = Assert.Throws<PbenchException>(() => StrictYaml.ReadFile(path));
        Assert.Equal((path + message, 2), (error.Message, error.ExitCode));
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Equal("nowhere.yaml: could not be read: there is no such file", Assert.Throws<PbenchException>(() => StrictYaml.ReadFile<Plan>("nowhere.yaml")).Message);

    [Fact]
    public void A_mapping_over_another_keeps_what_it_does_not_give()
    {
        var defaults = StrictYaml.Parse("name: a\nshape: { layers: 3, dimension: 32 }\nranks: [1, 2]\n", "plan.yaml");
        var own = StrictYaml.Parse("ranks: [4]\nshape: { layers: 5 }\n", "plan.yaml");
        var plan = StrictYaml.Bind<Plan>(own.Over(defaults));
        Assert.Equal(("a", new Shape(5, 32)), (plan.Name, plan.Shape));
        Assert.Equal([4], plan.Ranks);
    }

    [Fact]
    public void Members_and_lists_are_known_by_key()
    {
        Assert.Equal(typeof(double), StrictYaml.MemberType(typeof(Plan), "learning-rate"));
        Assert.Null(StrictYaml.MemberType(typeof(Plan), "rank"));
        Assert.True(StrictYaml.IsList(typeof(IReadOnlyList<int>)));
        Assert.False(StrictYaml.IsList(typeof(string)));
    }
}
