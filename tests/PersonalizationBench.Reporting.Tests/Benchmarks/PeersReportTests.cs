using System.Text.Json.Nodes;
using System.Xml.Linq;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Reporting.Tests.Benchmarks;

public sealed class PeersReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pbench-peers-test-").FullName;

    private static readonly PeerRecord Step = new()
    {
        Comparison = "training-step",
        Ours = "pbench",
        Reference = "PyTorch",
        Model = "1M",
        Parameters = 1_000_000,
        Precision = "float32",
        DefaultPrecision = "bfloat16",
        Threads = 1,
        Pairs = 3,
        Steps = 5,
        TokensPerStep = 1536,
        OursMsPerStep = 100,
        ReferenceMsPerStep = 125.04,
        Ratio = 1.25,
        RatioMin = 1.1,
        RatioMax = 1.4,
        LossesCompared = 12,
        LossDifference = 2e-5,
        LossTolerance = 1e-3,
        FirstLossDifference = 3e-7,
        FirstLossTolerance = 1e-6,
        Goal = 1,
        Libtorch = "1.13.1",
        ReferenceTorch = "1.13.0",
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_reads_back_and_the_manifest_vouches_for_it()
    {
        PeersReport.Write(_folder, [Step, Step with { Threads = 2 }], new JsonObject { ["pairs"] = 3 }, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

        var csv = Path.Combine(_folder, "peers.csv");
        Assert.Equal([Step, Step with { Threads = 2 }], RecordCsv.ReadFile<PeerRecord>(csv));
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "manifest.json")))!;
        Assert.Equal("2026-01-02T03:04:05Z", (string?)manifest["started"]);
        Assert.Equal(Digest.OfFile(csv), (string?)manifest["files"]!["peers.csv"]);
        Assert.Equal(3, (int?)manifest["settings"]!["pairs"]);
    }

    [Fact]
    public void A_row_of_the_table_shows_ratio_with_range_and_the_agreement_of_the_losses()
    {
        var row = PeersReport.Table([Step]).Split('\n')[2];
        Assert.Equal("| pbench | PyTorch 1.13.0 | 1M | float32 | 1 | 100.0 | 125.0 | 1.25 [1.10, 1.40] | 1.0 met | 2.0e-5 <= 1e-3 | 3.0e-7 <= 1e-6 |  |", row);
    }

    [Fact]
    public void Sides_that_did_not_do_the_same_work_are_said_to_disagree()
    {
        var apart = Step with { LossDifference = 0.02 };
        Assert.False(apart.Agrees());
        Assert.Contains("2.0e-2 ABOVE 1e-3", PeersReport.Table([apart]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_first_loss_of_another_network_is_not_hidden_by_the_tolerance_of_later_ones()
    {
        var apart = Step with { FirstLossDifference = 2e-5 };
        Assert.False(apart.Agrees());
        Assert.Contains("first 2.0e-5 ABOVE 1e-6", PeersReport.Agreement(apart), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1.9e-4, true)]
    [InlineData(2.1e-4, false)]
    public void Ours_may_be_one_bit_further_from_float32_than_the_reference(double ours, bool agrees)
    {
        var record = Step with { Precision = "bfloat16", OursFromFloat32 = ours, ReferenceFromFloat32 = 1e-4 };
        Assert.Equal(agrees, record.Agrees());
        Assert.EndsWith(agrees ? "from float32 1.9e-4 / 1.0e-4" : "from float32 2.1e-4 / 1.0e-4 TOO FAR", PeersReport.Agreement(record), StringComparison.Ordinal);
    }

    [Fact]
    public void The_verdict_is_that_of_the_slowest_row_and_the_default_precision_decides()
    {
        var wide = Step with { Precision = "bfloat16" };
        var users = wide with { Comparison = "many-users", Reference = "one after another", Ratio = 3.14, Goal = 3 };
        PeerRecord[] records = [Step, Step with { Threads = 2, Ratio = 0.97 }, wide, users, users with { Ratio = 2.9 }, users with { Precision = "float32", Ratio = 1.19, Goal = null }];
        Assert.Equal(
            [
                "training-step in float32: 0.97 times as fast as PyTorch at worst (1M, 2 threads), goal 1.0 MISSED; losses agree",
                "training-step in bfloat16, the default here: 1.25 times as fast as PyTorch at worst (1M, 1 thread), goal 1.0 met; losses agree",
                "many-users in bfloat16, the default here: 2.90 times as fast as one after another at worst (1M, 1 thread), goal 3.0 MISSED; losses agree",
                "many-users in float32: no goal for speed here; losses agree",
            ],
            PeersReport.Verdicts(records));
        Assert.Equal([true, true, true, true, false, true], records.Select(r => r.Holds()));
        Assert.False((Step with { LossDifference = 1 }).Holds()); // the losses must agree in any precision
    }

    [Fact]
    public void The_figure_is_a_drawing_that_names_every_row()
    {
        var picture = PeersFigure.Draw([Step, Step with { Threads = 2, Precision = "bfloat16" }]);
        var texts = XDocument.Parse(picture.Svg).Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value).ToList();
        Assert.Contains("1M float32, 1 thread", texts);
        Assert.Contains("1M bfloat16, 2 threads", texts);
    }
}
