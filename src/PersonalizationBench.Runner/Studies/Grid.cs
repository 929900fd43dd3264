using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Runner.Studies;

/// <summary>
/// Settings with axes to single points. A list where the setting takes one value is an axis; where the setting is itself
/// a list, a list of lists is. Settings within a setting have axes alike. Axes in the file's order, the last one fastest.
/// </summary>
public static class Grid
{
    public static IReadOnlyList<YamlSection> Expand(YamlSection settings, Type optionsType)
    {
        List<YamlSection> points = [settings];
        foreach (var entry in settings.Entries)
        {
            if (StrictYaml.MemberType(optionsType, entry.Key) is not { } type) continue;
            var values = Values(entry.Value, type);
            points = [.. points.SelectMany(point => values.Select(value => point.With(entry.Key, value)))];
        }
        return points;
    }

    private static IReadOnlyList<YamlSection> Values(YamlSection value, Type type)
    {
        if (!IsAxis(value, type)) return Within(value, type);
        if (value.Items.Count == 0) throw value.Error("expected at least one value");
        return [.. value.Items.SelectMany(item => Within(item, type))];
    }

    private static IReadOnlyList<YamlSection> Within(YamlSection value, Type type) => value.Kind == YamlKind.Mapping && StrictYaml.IsRecord(type) ? Expand(value, type) : [value];

    private static bool IsAxis(YamlSection value, Type type) => value.Kind == YamlKind.List
        && (!StrictYaml.IsList(type) || (value.Items.Count > 0 && value.Items.All(i => i.Kind == YamlKind.List)));
}
