using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Runner.Studies;

/// <summary>
/// Settings with axes to single points. A list where the setting takes one value is an axis; where the setting is itself
/// a list, a list of lists is. Axes in the file's order, the last one fastest.
/// </summary>
public static class Grid
{
    public static IReadOnlyList<YamlSection> Expand(YamlSection settings, Type optionsType)
    {
        List<YamlSection> points = [settings];
        foreach (var entry in settings.Entries)
        {
            if (!IsAxis(entry.Value, StrictYaml.MemberType(optionsType, entry.Key))) continue;
            if (entry.Value.Items.Count == 0) throw entry.Value.Error("expected at least one value");
            points = [.. points.SelectMany(point => entry.Value.Items.Select(value => point.With(entry.Key, value)))];
        }
        return points;
    }

    private static bool IsAxis(YamlSection value, Type? type) => value.Kind == YamlKind.List && type is not null
        && (!StrictYaml.IsList(type) || (value.Items.Count > 0 && value.Items.All(i => i.Kind == YamlKind.List)));
}
