using System.Text.Json.Nodes;
using System.Xml.Linq;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Cli.Tests.Bench;

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
        Assert.Equal("| pbench | PyTorch 1.13.0 | 1M | float32 | 1 | 100.0 | 125.0 | 1.25 [1.10, 1.40] | 2.0e-5 <= 1e-3 |", row);
    }

    [Fact]
    public void Sides_that_did_not_do_the_same_work_are_said_to_disagree()
    {
        var apart = Step with { LossDifference = 0.02 };
        Assert.False(apart.Agrees());
        Assert.Contains("2.0e-2 ABOVE 1e-3", PeersReport.Table([apart]), StringComparison.Ordinal);
    }

    [Fact]
    public void The_figure_is_a_drawing_that_names_every_row()
    {
        var svg = PeersFigure.Draw([Step, Step with { Threads = 2, Precision = "bfloat16" }]);
        var texts = XDocument.Parse(svg).Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value).ToList();
        Assert.Contains("1M float32, 1 thread", texts);
        Assert.Contains("1M bfloat16, 2 threads", texts);
    }
}
