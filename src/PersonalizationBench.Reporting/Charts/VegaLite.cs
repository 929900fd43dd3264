using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>The same figures as Vega-Lite 5 specifications with their data inside, for those who draw their own.</summary>
public static class VegaLite
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Dots(string title, IReadOnlyList<DotRow> rows, IReadOnlyList<DotPanel> panels)
    {
        var values = from panel in panels
                     from row in rows.Zip(panel.Dots)
                     where row.Second is not null
                     select new JsonObject
                     {
                         ["panel"] = panel.Title,
                         ["strategy"] = row.First.Label,
                         ["family"] = row.First.Look.Name,
                         ["estimate"] = row.Second.Estimate,
                         ["low"] = row.Second.Low,
                         ["high"] = row.Second.High,
                         ["reference"] = panel.Reference,
                     };
        var y = Field("strategy", "nominal", null);
        y["sort"] = new JsonArray([.. rows.Select(r => JsonValue.Create(r.Label))]);
        var layers = new JsonArray(
            Layer("rule", ("x", Field("low", "quantitative", panels[0].AxisLabel)), ("x2", new JsonObject { ["field"] = "high" }), ("y", y), ("color", Colours(rows.Select(r => r.Look)))),
            Layer("point", ("x", Field("estimate", "quantitative", panels[0].AxisLabel)), ("y", y.DeepClone()), ("color", Colours(rows.Select(r => r.Look)))),
            Layer("rule", ("x", new JsonObject { ["field"] = "reference", ["type"] = "quantitative", ["aggregate"] = "mean" })));
        return Specification(title, values, layers, "columns", "independent");
    }

    public static string Scatter(string title, IReadOnlyList<ScatterPanel> panels)
    {
        var values = from panel in panels
                     from series in panel.Series
                     from point in series.Points
                     select new JsonObject
                     {
                         ["panel"] = panel.Title,
                         ["series"] = series.Look.Name,
                         ["family"] = series.Look.Name,
                         ["label"] = point.Label,
                         ["x"] = point.X,
                         ["estimate"] = point.Y,
                         ["low"] = point.Low,
                         ["high"] = point.High,
                     };
        var x = Field("x", "quantitative", panels[0].XLabel);
        x["scale"] = new JsonObject { ["type"] = panels[0].X.IsLog ? "log" : "linear" };
        var looks = panels.SelectMany(p => p.Series).Select(s => s.Look).ToList();
        var layers = new JsonArray(
            Layer("rule", ("x", x), ("y", Field("low", "quantitative", panels[0].YLabel)), ("y2", new JsonObject { ["field"] = "high" }), ("color", Colours(looks))),
            Layer("point", ("x", x.DeepClone()), ("y", Field("estimate", "quantitative", panels[0].YLabel)), ("color", Colours(looks)), ("tooltip", Field("label", "nominal", null))));
        return Specification(title, values, layers, "rows", "independent");
    }

    private static string Specification(string title, IEnumerable<JsonObject> values, JsonArray layers, string direction, string scale) => new JsonObject
    {
        ["$schema"] = "https://vega.github.io/schema/vega-lite/v5.json",
        ["title"] = title,
        ["data"] = new JsonObject { ["values"] = new JsonArray([.. values]) },
        ["facet"] = new JsonObject { [direction == "columns" ? "column" : "row"] = Field("panel", "nominal", null) },
        ["spec"] = new JsonObject { ["layer"] = layers },
        ["resolve"] = new JsonObject { ["scale"] = new JsonObject { [direction == "columns" ? "x" : "y"] = scale } },
    }.ToJsonString(Json) + "\n";

    private static JsonObject Layer(string mark, params (string Channel, JsonNode Definition)[] channels) => new()
    {
        ["mark"] = mark,
        ["encoding"] = new JsonObject(channels.Select(c => KeyValuePair.Create<string, JsonNode?>(c.Channel, c.Definition))),
    };

    private static JsonObject Field(string name, string type, string? title) => new() { ["field"] = name, ["type"] = type, ["title"] = title };

    private static JsonObject Colours(IEnumerable<Look> looks)
    {
        var distinct = looks.DistinctBy(l => l.Name).ToList();
        return new JsonObject
        {
            ["field"] = "family",
            ["type"] = "nominal",
            ["scale"] = new JsonObject
            {
                ["domain"] = new JsonArray([.. distinct.Select(l => JsonValue.Create(l.Name))]),
                ["range"] = new JsonArray([.. distinct.Select(l => JsonValue.Create(l.Colour))]),
            },
        };
    }
}
