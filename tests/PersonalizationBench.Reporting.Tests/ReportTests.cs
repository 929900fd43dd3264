using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Analysis;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting.Tests;

public sealed class ReportTests
{
    private static readonly Lazy<StudyResults> World = new(() => SyntheticStudy.World().Results());
    private static readonly Lazy<StudyResults> Mail = new(() => SyntheticStudy.Mail().Results());

    private static Arm ArmOf(StudyResults results, string name) => results.Arms.Single(a => a.Name == name);

    [Fact]
    public void A_report_needs_no_network_and_shows_everything()
    {
        using var folder = new TemporaryFolder();
        ReportWriter.Write(SyntheticStudy.World().WriteTo(folder.Path));
        var html = File.ReadAllText(Path.Combine(folder.Path, "report.html"));
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("src=", html);
        Assert.DoesNotContain("href=", html);
        Assert.DoesNotContain("url(", html);
        Assert.Equal(11, html.Split("<svg ").Length - 1);
        foreach (var expected in new[] { "Cells that were not measured", "lora r=16", "diverged", "the loss became NaN", "pbench run experiments/quickstart.yaml", "0123abc", "b0b0", "When training pays", "Hypothesis", "rag k=4 (wrong user)" })
            Assert.Contains(expected, html);
    }

    [Fact]
    public void A_table_of_several_machines_says_which_measured_what()
    {
        var study = new SyntheticStudy("quickstart", 4, 2) { EngineOf = _ => "TorchSharp 1, kernels" };
        study.Add("none", "none", SyntheticStudy.WorldKinds, [0.01, 0.02, 0.50, 0.10, 0.97], prompt: 18);
        Assert.DoesNotContain("machine", study.Results().Table().Header);
        study.EngineOf = seed => seed == 1 ? "TorchSharp 1, kernels" : "TorchSharp 2";
        study.Add("lora", "lora r=8", SyntheticStudy.WorldKinds, [0.5, 0.5, 0.5, 0.5, 0.5], prompt: 18, parameters: 10, rank: 8);
        var results = study.Results();
        foreach (var table in new[] { Tables.Key(results), Tables.Cost(results) })
        {
            Assert.Equal("machine", table.Header[^1]);
            Assert.Equal(["1", "1, 2"], table.Rows.Select(r => r[^1].Text));
        }
        Assert.Contains(("measured by, 2", "TorchSharp 2, A processor, 2 threads"), Provenance.Of(results));
    }

    [Fact]
    public void Only_what_is_ahead_beyond_doubt_is_bold()
    {
        var rows = World.Value.Table().Rows;
        Assert.DoesNotContain(rows, row => row.Any(f => f.IsBold) && (row[0].Text.Contains("oracle") || row[0].Text.Contains("wrong user")));
        Assert.DoesNotContain(Mail.Value.Table().Rows, row => row.Any(f => f.IsBold));
        var continued = Assert.Single(SyntheticStudy.Mail(users: 12).Results().Table().Rows, row => row.Any(f => f.IsBold));
        Assert.Equal("continued-pretraining", continued[0].Text);
    }

    [Fact]
    public void Every_score_in_the_key_table_has_its_interval() =>
        Assert.All(World.Value.Table().Rows, row => Assert.All(row.Skip(1).Take(5), field => Assert.Matches(@"^\d+\.\d \[\d+\.\d, \d+\.\d\]$", field.Text)));

    [Fact]
    public void Clear_differences_from_no_personalisation_are_found_and_controls_are_not()
    {
        AgainstBaseline Of(string arm, string kind) => World.Value.Analysis.AgainstBaseline.Single(c => c.Arm.Name == arm && c.Measure.Name == kind);
        Assert.Equal(Verdict.Better, Of("full-history", "recall").Verdict);
        Assert.Equal(Verdict.Better, Of("lora r=8", "recall").Verdict);
        Assert.Equal(Verdict.Better, Of("lora r=8", "style").Verdict);
        Assert.Equal(Verdict.Open, Of("lora r=8 (wrong user)", "recall").Verdict);
        Assert.Equal(Verdict.Open, Of("rag k=4 (wrong user)", "recall").Verdict);
        // Three users cannot show anything, however clear it looks.
        Assert.All(Mail.Value.Analysis.AgainstBaseline, c => Assert.Equal((Verdict.Open, double.PositiveInfinity), (c.Verdict, c.Comparison.SmallestDetectable)));
    }

    [Fact]
    public void The_headline_names_no_winner_where_there_is_none()
    {
        Assert.Contains(Headline.Of(World.Value), s => s.StartsWith("recall: no single place") && s.Contains("not to be told apart"));
        Assert.Contains(Headline.Of(SyntheticStudy.Mail(users: 12).Results()), s => s.Contains("continued-pretraining is ahead of every other strategy"));
    }

    [Fact]
    public void Declared_contrasts_come_first_with_their_verdicts()
    {
        using var folder = new TemporaryFolder();
        var study = SyntheticStudy.World();
        study.Contrasts = """
            [ { "arms": ["lora r=8", "none"], "kind": "recall", "metric": null, "margin": null },
              { "arms": ["rag k=4 (wrong-user)", "none"], "kind": "recall", "metric": "choice", "margin": null },
              { "arms": ["full-history", "full-history"], "kind": "preference", "margin": 0.3 },
              { "arms": ["lora r=9", "none"], "kind": "recall" } ]
            """;
        var results = ReportWriter.Write(study.WriteTo(folder.Path));
        Assert.Equal(
            [("lora r=8 against no personalisation, recall", Verdict.Better), ("rag k=4 (wrong user) against no personalisation, recall (choice)", Verdict.Open), ("full-history against full-history, preference", Verdict.Equivalent)],
            results.Analysis.Contrasts.Select(c => (c.Name, c.Verdict)));
        var summary = File.ReadAllText(Path.Combine(folder.Path, "summary.md"));
        Assert.Contains("equivalent (within 30.0 points)", summary);
        Assert.True(summary.IndexOf("lora r=8 against no personalisation", StringComparison.Ordinal) < summary.IndexOf("no single place", StringComparison.Ordinal));
        var html = File.ReadAllText(Path.Combine(folder.Path, "report.html"));
        Assert.True(html.IndexOf("What the study was made to find out", StringComparison.Ordinal) < html.IndexOf("<h2>Results</h2>", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_shown_on_a_screen_fits_a_hundred_columns_and_loses_nothing()
    {
        var study = SyntheticStudy.World();
        study.Contrasts = """[ { "arms": ["continued-pretraining replay_share=0.25", "none"], "kind": "recall" } ]""";
        var results = study.Results();
        var tables = Tables.ForScreen(results).ToList();
        Assert.All(tables, t => Assert.InRange(t.Header.Select((h, i) => t.Rows.Select(r => r[i].Text.Length).Append(h.Length).Max() + 3).Sum() + 1, 1, 100));
        Assert.Contains(tables, t => t.Header[0] == "contrast");
        foreach (var column in new[] { "recall %", "update %", "preference %", "style %", "absence %", "stored", "tokens" })
            Assert.Equal(results.Arms.Count, Assert.Single(tables, t => t.Header.Contains(column)).Rows.Count);
    }

    [Fact]
    public void What_was_anticipated_and_what_was_not_have_rows_of_their_own_where_there_is_both()
    {
        Assert.Null(Tables.Anticipation(World.Value));
        var study = new SyntheticStudy("quickstart", 8, 1) { AnticipatedOf = probe => probe < 3 };
        study.Add("lora", "lora", [new("recall", "exact-match", 6)], [0.9], prompt: 10);
        var results = study.Results();
        Assert.Equal(["lora: anticipated", "lora: not anticipated"], Tables.Anticipation(results)!.Rows.Select(r => r[0].Text));
        var (arm, recall) = (results.Arms.Single(), results.Measures.Single());
        Assert.Equal(results.Mean(arm, recall)!.Mean.Estimate, (results.Mean(arm, recall, true)!.Estimate + results.Mean(arm, recall, false)!.Estimate) / 2, 12);
    }

    [Fact]
    public void What_is_answered_stands_beside_what_is_recalled()
    {
        var study = new SyntheticStudy("quickstart", 8, 1);
        study.Add("none", "none", [new("recall", "exact-match", 6, Answered: 0.5)], [0.3], prompt: 10);
        study.Add("lora", "lora", [new("recall", "exact-match", 6, Answered: 1)], [0.9], prompt: 10);
        var results = study.Results();
        var recall = results.Measures.Single(m => !m.IsSecondary);
        foreach (var arm in results.Arms)
        {
            var (right, answered) = (results.Mean(arm, recall)!.Mean.Estimate, results.Mean(arm, new Measure("recall", "answered", true))!.Mean.Estimate);
            Assert.Equal(right / answered, results.RightWhereAnswered(arm, recall)!.Estimate, 12);
        }
        Assert.Contains("recall: right where answered, %", results.Table().Header);
        Assert.Equal(2, Tables.OtherLooks(results)!.Rows.Count);
        Assert.All(results.Analysis.AgainstBaseline, c => Assert.Equal("exact-match", c.Measure.Metric));
    }

    [Fact]
    public void Forgetting_has_its_median_and_an_interval_over_users_and_seeds()
    {
        var study = SyntheticStudy.Small();
        var table = Tables.Forgetting(study.Results())!;
        Assert.Equal(["lora r=1", "lora r=4", "lora r=4 (wrong user)"], table.Rows.Select(r => r[0].Text));
        Assert.All(table.Rows, r => Assert.Equal("64", r[3].Text));
        // 0.01 with 0.004 and 0.008 more by seed: the users' error of 0.002 widens it.
        var forgotten = Forgotten.Of(study.Results().Arms.Single(a => a.Name == "lora r=1"))!;
        Assert.Equal(0.016, forgotten.Estimate, 9);
        Assert.Equal(double.Hypot(0.002, 0.002), forgotten.StandardError, 6);
    }

    [Fact]
    public void Findings_say_what_a_careful_reader_would()
    {
        var world = Findings.Of(World.Value);
        Assert.Contains(world, s => s.StartsWith("1 of 44 cells were not measured: lora r=16 seed 2 (diverged)"));
        Assert.Contains(world, s => s.StartsWith("On absence, who knows nothing of the user already scores at least 90.0 %"));
        Assert.Contains(world, s => s.StartsWith("General held-out text became harder to predict: lora r=1"));
        Assert.Contains(Findings.Of(Mail.Value), s => s.StartsWith("There are 3 users: with fewer than 6 no comparison can reach 5 %"));
        Assert.Contains(Findings.Of(SyntheticStudy.World(seeds: 3).Results()), s => s.StartsWith("Trained with fewer than 5 seeds: lora r=1"));
    }

    [Fact]
    public void Bits_per_parameter_are_counted_for_adapters_that_answer_alone()
    {
        var capacities = World.Value.Analysis.Capacities;
        Assert.Equal(["lora r=1", "lora r=2", "lora r=4", "lora r=8", "continued-pretraining replay_share=0.25"], capacities.Select(c => c.Arm.Name));
        // At most 4 + 2 facts of 64 values each: 36 bits.
        Assert.All(capacities, c => Assert.InRange(c.BitsPerParameter.Estimate, 0, 36.0 / c.Arm.First.TrainableParameters!.Value));
    }

    [Fact]
    public void Training_pays_after_as_many_queries_as_its_cost_says()
    {
        var repayment = Costs.Repayments(World.Value).Single(r => r.Invested.Name == "lora r=1" && r.Alternative.Name == "full-history" && r.Unit == "FLOPs");
        Assert.Equal(4.0e11 / (2.1e6 * (620 - 18)), repayment.Queries, 6);
        Assert.NotNull(repayment.Interval);
    }

    [Fact]
    public void A_history_that_is_read_once_is_paid_for_later_by_training()
    {
        var repayment = Costs.Repayments(World.Value).Single(r => r.Invested.Name == "lora r=1" && r.Alternative.Name == "full-history" && r.Unit == Costs.FlopsWithKeptKeys);
        Assert.Equal((4.0e11 + 2.1e6 - (2.1e6 * 632 * 608 / 620)) / (2.1e6 * (60 - 30)), repayment.Queries, 6);
        var figure = CostFigures.WhenTrainingPays(World.Value)!;
        foreach (var panel in new[] { "In seconds", "In FLOPs", "In FLOPs, keys and values kept" }) Assert.Contains(panel, figure.Picture.Svg, StringComparison.Ordinal);
    }

    [Fact]
    public void What_never_pays_is_said_to()
    {
        // An adapter that reads more at every query than the whole history takes.
        var study = new SyntheticStudy("never", 6, 2);
        SyntheticStudy.Kind[] kinds = [new("recall", "exact-match", 4)];
        study.Add("full-history", "full-history", kinds, [0.9], prompt: 40, stored: 100);
        study.Add("lora", "lora r=1", kinds, [0.5], prompt: 18, stored: 100, parameters: 100, rank: 1);
        study.Add("lora-rag", "lora-rag r=1", kinds, [0.5], prompt: 200, stored: 100, parameters: 100, rank: 1);
        var svg = CostFigures.WhenTrainingPays(study.Results())!.Picture.Svg;
        Assert.Contains("never", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("not measured", svg, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kind_of_probe_is_drawn_along_a_sweep()
    {
        var ranks = KindFigures.ByRank(World.Value)!;
        foreach (var measure in World.Value.Measures.Where(m => !m.IsSecondary)) Assert.Contains($">{measure.Name}<", ranks.Picture.Svg, StringComparison.Ordinal);
        var scaling = SyntheticStudy.Scaling().Results();
        var sizes = KindFigures.ByBaseSize(scaling)!;
        foreach (var measure in scaling.Measures) Assert.Contains($">{measure.Name}<", sizes.Picture.Svg, StringComparison.Ordinal);
        Assert.Null(KindFigures.ByBaseSize(World.Value));
    }

    [Fact]
    public void Accuracy_is_drawn_against_every_cost_that_was_measured()
    {
        var names = Figures.All(World.Value).Select(f => f.Name).ToList();
        foreach (var name in new[] { "accuracy-by-cost", "accuracy-by-latency", "accuracy-by-memory", "accuracy-by-stored-bytes", "when-training-pays", "kinds-by-rank" }) Assert.Contains(name, names);
    }

    [Fact]
    public void The_first_line_says_who_was_tuned_with_which_budget_and_who_was_not()
    {
        using var folder = new TemporaryFolder();
        SyntheticStudy.Small().WriteTo(folder.Path);
        Assert.Equal("Untuned, their settings not chosen with the same budget as others': rag, lora.", TuningLine.Of(StudyResults.Load(folder.Path)));
        var manifest = Path.Combine(folder.Path, "manifest.json");
        const string strategies = """
              "strategies": [
                { "type": "none", "tuned": null },
                { "type": "rag", "tuned": { "family": "rag", "objective": "mean", "configurations": 4, "seeds": 2, "users": 16 } },
                { "type": "lora", "tuned": { "family": "self-study", "objective": "mean", "configurations": 4, "seeds": 2, "users": 16 } },
                { "type": "recent-history", "tuned": null }
              ],
            """;
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"schema\": 1,", $"\"schema\": 1,{strategies}", StringComparison.Ordinal));
        var line = TuningLine.Of(StudyResults.Load(folder.Path));
        Assert.Equal("Tuned: rag, self-study (4 configurations x 2 seeds each, on 16 tuning users by mean). Untuned, their settings not chosen with the same budget as others': recent-history.", line);
        ReportWriter.Write(folder.Path);
        Assert.Equal(line, File.ReadAllLines(Path.Combine(folder.Path, "summary.md"))[2]);
        Assert.Contains($"</h1>\n<p><b>{System.Net.WebUtility.HtmlEncode(line)}</b></p>", File.ReadAllText(Path.Combine(folder.Path, "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_front_keeps_what_none_beats()
    {
        (double, double)[] points = [(1, 0.2), (2, 0.1), (2, 0.5), (3, 0.5), (4, 0.9)];
        Assert.Equal([(1, 0.2), (2, 0.5), (4, 0.9)], CostFigures.Front(points, isHigherBetter: true));
        Assert.Equal([(1, 0.2), (2, 0.1)], CostFigures.Front(points, isHigherBetter: false));
    }

    [Fact]
    public void A_study_without_some_ingredients_is_reported_all_the_same()
    {
        var study = new SyntheticStudy("bare", 2, 1);
        study.Add("rag", "rag", [new("recall", "exact-match", 2)], [0.5], prompt: 10);
        using var folder = new TemporaryFolder();
        var results = ReportWriter.Write(study.WriteTo(folder.Path));
        Assert.Null(Figures.ByAdapterBytes(results));
        Assert.Null(Figures.Forgetting(results));
        Assert.Null(Figures.LikelihoodByStrategy(results));
        Assert.Empty(results.Analysis.AgainstBaseline);
        Assert.DoesNotContain("When training pays", File.ReadAllText(Path.Combine(folder.Path, "report.html")));
    }

    [Fact]
    public void A_study_of_which_every_cell_failed_is_reported_all_the_same()
    {
        var study = new SyntheticStudy("broken", 2, 1);
        study.Fail("lora", "lora r=8", 1, "failed", "<no> & such");
        using var folder = new TemporaryFolder();
        ReportWriter.Write(study.WriteTo(folder.Path));
        Assert.Contains("&lt;no&gt; &amp; such", File.ReadAllText(Path.Combine(folder.Path, "report.html")));
    }

    [Fact]
    public void Results_that_are_not_what_they_should_be_are_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("runs.csv: no such file", Message());
        SyntheticStudy.Small().WriteTo(folder.Path);
        var probes = Path.Combine(folder.Path, "probes.csv");
        var text = File.ReadAllText(probes);
        File.AppendAllText(probes, "nobody,u0,p,recall,exact-match,1,,,,,,\n");
        Assert.Contains("no run in", Message());
        File.WriteAllText(probes, text);
        var runs = Path.Combine(folder.Path, "runs.csv");
        var rows = File.ReadAllText(runs);
        File.WriteAllText(runs, rows.Replace($"\n{RunRecord.CurrentSchema},", $"\n{RunRecord.CurrentSchema + 1},"));
        Assert.Contains("of a newer version", Message());
        File.WriteAllText(runs, rows);
        File.WriteAllText(Path.Combine(folder.Path, "manifest.json"), "{");
        Assert.Contains("manifest.json: is not JSON", Message());

        string Message() => Assert.Throws<PbenchException>(() => StudyResults.Load(folder.Path)).Message;
    }

    [Fact]
    public void All_kinds_together_leave_out_the_choices_beside_an_exact_match()
    {
        var all = World.Value.Accuracy(byKind: false);
        Assert.All(all, m => Assert.Equal("all", m.Measure.Kind));
        var none = all.Single(m => m.Arm == ArmOf(World.Value, "no personalisation"));
        var scores = World.Value.Measures.Where(m => !m.IsSecondary).SelectMany(m => World.Value.Scores(none.Arm, m)).ToList();
        Assert.Equal(12 * 11, scores.Count);
        Assert.Equal(scores.Average(s => s.Score), none.Mean.Estimate, 12);
    }
}

public sealed class FormatTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(1.0 / 3, "0.333")]
    [InlineData(12.345, "12.3")]
    [InlineData(1234.6, "1235")]
    [InlineData(2.5e6, "2.5e+6")]
    [InlineData(0.00001234, "1.23e-5")]
    [InlineData(double.PositiveInfinity, "never")]
    public void Numbers_have_three_digits(double value, string text) => Assert.Equal(text, Format.Number(value));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1200, "1.2 kB")]
    [InlineData(74760, "74.8 kB")]
    [InlineData(4.2e6, "4.2 MB")]
    public void Bytes_have_decimal_prefixes(double bytes, string text) => Assert.Equal(text, Format.Bytes(bytes));

    [Fact]
    public void Ticks_are_round_and_span_the_values()
    {
        var scale = Scale.Linear([-0.137, 0.02], 4);
        Assert.Equal(["-0.15", "-0.10", "-0.05", "0.00", "0.05"], scale.Ticks.Select(t => t.Label));
        Assert.Equal((0.0, 1.0), (Math.Round(scale.Position(-0.15), 9), Math.Round(scale.Position(0.05), 9)));
        Assert.Equal(["10 B", "100 B", "1 kB", "10 kB"], Scale.Log([9, 10_500], Format.Bytes).Ticks.Select(t => t.Label));
        Assert.NotEmpty(Scale.Linear([0], 4).Ticks);
        Assert.Equal(["250", "300", "400"], Scale.Log([300, 301], Format.Number).Ticks.Select(t => t.Label));
    }
}
