using PersonalizationBench.Core;
using SkiaSharp;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>A kind of file that figures are written as.</summary>
public enum PictureFormat
{
    /// <summary>Text that stays text, sharp at any size: what GitHub shows best.</summary>
    Svg,

    /// <summary>For slides and word processors; two dots for a pixel.</summary>
    Png,

    /// <summary>For papers.</summary>
    Pdf,
}

/// <summary>Words that show when a reader points at a place of a picture, in pixels.</summary>
internal readonly record struct Hint(float X, float Y, string Text);

/// <summary>A drawn figure, which can be written in every format.</summary>
public sealed class Picture
{
    private const float PngScale = 2;

    private readonly Action<SKCanvas> _draw;
    private readonly IReadOnlyList<Hint> _hints;
    private readonly Lazy<string> _svg;

    /// <param name="draw">Draws on a white canvas, in pixels from the upper left corner; called once for each file.</param>
    internal Picture(string title, float width, float height, Action<SKCanvas> draw, IReadOnlyList<Hint> hints)
    {
        (Title, Width, Height, _draw, _hints) = (title, MathF.Ceiling(width), MathF.Ceiling(height), draw, hints);
        _svg = new Lazy<string>(DrawSvg);
    }

    public string Title { get; }

    /// <summary>In pixels, 96 to the inch.</summary>
    public float Width { get; }

    public float Height { get; }

    /// <summary>The picture as an SVG document, the same text every time.</summary>
    public string Svg => _svg.Value;

    public byte[] Png()
    {
        using var surface = SKSurface.Create(new SKImageInfo((int)(Width * PngScale), (int)(Height * PngScale), SKColorType.Rgba8888, SKAlphaType.Premul));
        surface.Canvas.Scale(PngScale);
        DrawOn(surface.Canvas);
        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    public byte[] Pdf()
    {
        const float PointsPerPixel = 72 / 96f;
        using var stream = new MemoryStream();
        // No date: two runs write the same file.
        using (var document = SKDocument.CreatePdf(stream, new SKDocumentPdfMetadata { Title = Title }))
        {
            var canvas = document.BeginPage(Width * PointsPerPixel, Height * PointsPerPixel);
            canvas.Scale(PointsPerPixel);
            DrawOn(canvas);
            document.EndPage();
            document.Close();
        }
        return stream.ToArray();
    }

    /// <summary>Writes <c>NAME.svg</c>, <c>NAME.png</c> or <c>NAME.pdf</c> into a folder.</summary>
    /// <exception cref="PbenchException">It cannot be written.</exception>
    public void Save(string folder, string name, PictureFormat format)
    {
        var bytes = format switch
        {
            PictureFormat.Svg => System.Text.Encoding.UTF8.GetBytes(Svg),
            PictureFormat.Png => Png(),
            _ => Pdf(),
        };
        AtomicFile.Write(Path.Combine(folder, $"{name}.{format.ToString().ToLowerInvariant()}"), stream => stream.Write(bytes));
    }

    private string DrawSvg()
    {
        using var stream = new MemoryStream();
        using (var canvas = SKSvgCanvas.Create(new SKRect(0, 0, Width, Height), stream)) DrawOn(canvas);
        return SvgDocument.Finish(System.Text.Encoding.UTF8.GetString(stream.ToArray()), Title, Width, Height, _hints);
    }

    private void DrawOn(SKCanvas canvas)
    {
        canvas.Clear(SKColors.White);
        _draw(canvas);
    }
}
