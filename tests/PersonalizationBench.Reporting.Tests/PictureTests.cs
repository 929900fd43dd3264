using System.Globalization;
using System.Text;
using System.Xml.Linq;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Charts;
using SkiaSharp;

namespace PersonalizationBench.Reporting.Tests;

public sealed class PictureTests
{
    private static readonly Lazy<StudyResults> World = new(() => SyntheticStudy.World().Results());
    private static readonly Lazy<StudyResults> Mail = new(() => SyntheticStudy.Mail().Results());

    private static readonly ScatterPoint[] Points = [new(1, 10, 5, 25, "ahead"), new(2, 20, null, null, "behind") { IsNamed = false }];

    private static Picture Small(string title = "Points", Look? look = null) => ScatterChart.Draw(title,
        [new ScatterPanel("Panel", "below", Scale.Linear([0, 3], 3), "across", Scale.Linear([0, 30], 3), "up", [new ScatterSeries(look ?? Look.Nth(0, "one"), Points, IsJoined: false)])]);

    private static IEnumerable<XElement> Texts(Picture picture) => XDocument.Parse(picture.Svg).Descendants().Where(e => e.Name.LocalName == "text");

    private static double Value(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    [Fact]
    public void Every_figure_is_well_formed_and_its_texts_are_inside_and_large_enough()
    {
        foreach (var picture in Figures.All(World.Value).Concat(Figures.All(Mail.Value)).Select(f => f.Picture))
        {
            foreach (var text in Texts(picture))
            {
                Assert.True(Value(text, "font-size") >= 10, $"{picture.Title}: '{text.Value}' is too small");
                if (text.Attribute("transform") is not null) continue;
                Assert.InRange(Value(text, "y"), 0, picture.Height);
                Assert.True(Value(text, "x") >= -1 && Value(text, "x") + Value(text, "textLength") <= picture.Width + 1, $"{picture.Title}: '{text.Value}' sticks out");
            }
        }
    }

    [Fact]
    public void Labels_of_points_do_not_lie_on_each_other()
    {
        foreach (var picture in new[] { World.Value, Mail.Value }.Select(r => CostFigures.AccuracyByCost(r)!.Picture))
        {
            var labels = Texts(picture).Where(t => t.Attribute("stroke") is not null).Select(e => (X: Value(e, "x"), Y: Value(e, "y"), Width: Value(e, "textLength"), e.Value)).ToList();
            Assert.True(labels.Count >= 14);
            foreach (var a in labels)
                Assert.DoesNotContain(labels, b => b != a && Math.Abs(a.Y - b.Y) < 9 && a.X < b.X + b.Width && b.X < a.X + a.Width);
        }
    }

    [Fact]
    public void A_point_that_is_not_named_still_says_what_it_is()
    {
        var svg = XDocument.Parse(Small().Svg);
        var written = Texts(Small()).Select(e => e.Value).ToList();
        Assert.Contains("ahead", written);
        Assert.DoesNotContain("behind", written);
        Assert.Contains(svg.Descendants(), e => e.Name.LocalName == "title" && e.Value == "behind");
    }

    [Fact]
    public void A_drawing_has_a_title_scales_and_holds_nothing_of_the_process_that_drew_it()
    {
        var first = Small("A & B").Svg;
        Assert.Equal(first, Small("A & B").Svg);
        var root = XDocument.Parse(first).Root!;
        Assert.Equal($"0 0 {root.Attribute("width")!.Value} {root.Attribute("height")!.Value}", root.Attribute("viewBox")!.Value);
        Assert.Equal("A & B", root.Elements().First(e => e.Name.LocalName == "title").Value);
        Assert.DoesNotContain("id=", first, StringComparison.Ordinal);
        Assert.DoesNotContain("clip-path", first, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_picture_is_the_same_file_in_every_format()
    {
        Assert.Equal(Small().Png(), Small().Png());
        Assert.Equal(Small().Pdf(), Small().Pdf());
        Assert.Equal("%PDF-", Encoding.ASCII.GetString(Small().Pdf()[..5]));
    }

    [Theory]
    [InlineData(PictureFormat.Svg, "points.svg", "<svg ")]
    [InlineData(PictureFormat.Png, "points.png", "\u0089PNG")]
    [InlineData(PictureFormat.Pdf, "points.pdf", "%PDF-")]
    public void A_picture_is_saved_under_its_formats_ending(PictureFormat format, string file, string begins)
    {
        using var folder = new TemporaryFolder();
        Small().Save(folder.Path, "points", format);
        Assert.StartsWith(begins, Encoding.Latin1.GetString(File.ReadAllBytes(Path.Combine(folder.Path, file))), StringComparison.Ordinal);
    }

    /// <summary>The build of Skia that is used knows no font of any machine: without the shipped one there would be no dark pixel here.</summary>
    [Fact]
    public void Text_is_there_on_a_machine_without_fonts()
    {
        Assert.True(SKTypeface.Default.GlyphCount == 0, "this Skia finds fonts of the machine, so the test would prove nothing");
        var picture = Small();
        using var bitmap = SKBitmap.Decode(picture.Png());
        var scale = bitmap.Width / picture.Width;
        foreach (var text in Texts(picture).Where(t => t.Attribute("transform") is null && t.Attribute("stroke") is null))
        {
            var (left, right, bottom) = (Value(text, "x") * scale, (Value(text, "x") + Value(text, "textLength")) * scale, Value(text, "y") * scale);
            var (dark, all) = (0, 0);
            for (var y = (int)(bottom - (7 * scale)); y < bottom; y++)
            {
                for (var x = (int)left; x < right; x++, all++)
                    if (bitmap.GetPixel(x, y).Red < 150) dark++;
            }
            Assert.True(dark > all / 25, $"'{text.Value}': {dark} of {all} pixels are dark");
        }
        Assert.Contains("Liberation", Encoding.Latin1.GetString(picture.Pdf()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Marker.Circle)]
    [InlineData(Marker.Square)]
    [InlineData(Marker.Diamond)]
    [InlineData(Marker.TriangleUp)]
    [InlineData(Marker.TriangleDown)]
    [InlineData(Marker.Cross)]
    public void A_control_has_its_strategys_shape_and_is_white_inside(Marker marker)
    {
        var look = new Look("a", "#0072B2", marker);
        DotPanel[] panels = [new("Panel", "", Scale.Share(4), "share", 0.5, [new Dot(0.25, 0.2, 0.8), new Dot(0.75, null, null)])];
        var picture = DotChart.Draw("Dots", [new DotRow("own", look), new DotRow("other", look, IsHollow: true)], panels);
        using var bitmap = SKBitmap.Decode(picture.Png());
        var hints = XDocument.Parse(picture.Svg).Descendants().Where(e => e.Name.LocalName == "circle").ToList();
        Assert.Equal(["own: 0.250 [0.200, 0.800]", "other: 0.750"], hints.Select(h => h.Value));
        Assert.Equal([SKColor.Parse(look.Colour), SKColors.White], hints.Select(h => bitmap.GetPixel((int)(Value(h, "cx") * 2), (int)(Value(h, "cy") * 2))));
    }

    /// <summary>The estimate is nearer to its lower end here; ScottPlot's error bars take the upper length first.</summary>
    [Fact]
    public void Bars_reach_from_the_lower_end_to_the_upper()
    {
        var picture = Small();
        using var bitmap = SKBitmap.Decode(picture.Png());
        var point = XDocument.Parse(picture.Svg).Descendants().First(e => e.Name.LocalName == "circle");
        var x = (int)Math.Round(Value(point, "cx") * 2);
        var rows = Enumerable.Range(0, bitmap.Height).Where(y => bitmap.GetPixel(x, y) == SKColor.Parse("#0072B2")).ToList();
        var (above, below) = ((Value(point, "cy") * 2) - rows[0], rows[^1] - (Value(point, "cy") * 2));
        Assert.InRange(above / below, 2.8, 3.2);
    }
}
