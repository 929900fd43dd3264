using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Runner.Reference;

/// <summary>A key that a file may give.</summary>
/// <param name="Name">In snake case; those of a mapping within after a point, such as <c>controls.waived</c>.</param>
/// <param name="Member">Where it goes.</param>
/// <param name="Default">As a file would write it; null where it has to be given.</param>
/// <param name="Text">What it says, one line.</param>
/// <param name="Within">The keys of the mapping that it is, or that each item of its list is; empty for anything else.</param>
public sealed record Setting(string Name, YamlMember Member, string? Default, string Text, IReadOnlyList<Setting> Within)
{
    /// <summary>The keys of an options record, in the order of their declaration.</summary>
    public static IReadOnlyList<Setting> Of(Type options) => Of(options, "", Defaults(options));

    /// <summary>These and those of mappings within them.</summary>
    public IEnumerable<Setting> AndWithin => Within.SelectMany(w => w.AndWithin).Prepend(this);

    /// <summary>What it may be, such as "whole number, 1 to 100".</summary>
    public string Kind
    {
        get
        {
            if (Member.Rules.OfType<AllowedValuesAttribute>().FirstOrDefault() is { } allowed) return string.Join(", ", allowed.Values);
            var range = Member.Rules.OfType<RangeAttribute>().FirstOrDefault();
            return range is null ? Describe(Member.Type) : string.Create(CultureInfo.InvariantCulture, $"{Describe(Member.Type)}, {range.Minimum} to {range.Maximum}");
        }
    }

    private static IReadOnlyList<Setting> Of(Type options, string prefix, object? defaults) =>
        [.. StrictYaml.Members(options).Select(member =>
        {
            var value = defaults is null ? null : member.Property.GetValue(defaults);
            var item = StrictYaml.ItemOf(member.Type) ?? Nullable.GetUnderlyingType(member.Type) ?? member.Type;
            var within = StrictYaml.IsRecord(item) ? Of(item, $"{prefix}{member.Name}.", StrictYaml.ItemOf(member.Type) is null ? value ?? Defaults(item) : Defaults(item)) : [];
            return new Setting(prefix + member.Name, member, member.IsRequired ? null : Shown(value), DocComments.Of(member.Property), within);
        })];

    /// <summary>A record of nothing but defaults; null where its constructor wants some of it.</summary>
    private static object? Defaults(Type options) => options.GetConstructor([]) is null ? null : Activator.CreateInstance(options);

    private static string Shown(object? value) => value switch
    {
        null => "none",
        YamlSection => "none",
        string text => text.Length == 0 ? "empty" : Escaped(text),
        bool flag => flag ? "true" : "false",
        _ => Plain(CanonicalJson.Of(value)),
    };

    private static string Plain(JsonNode node) => node switch
    {
        JsonArray items => $"[{string.Join(", ", items.Select(i => i is null ? "none" : Plain(i)))}]",
        JsonObject => "as below",
        JsonValue value when value.TryGetValue<string>(out var text) => Escaped(text),
        _ => node.ToJsonString(),
    };

    private static string Escaped(string text) => text.Any(char.IsControl) ? JsonValue.Create(text).ToJsonString() : text;

    private static string Describe(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying) return Describe(underlying);
        if (StrictYaml.ItemOf(type) is { } item) return $"list of {Describe(item)}";
        if (type == typeof(string)) return "text";
        if (type == typeof(bool)) return "true or false";
        if (type == typeof(int) || type == typeof(long)) return "whole number";
        if (type == typeof(double) || type == typeof(float)) return "number";
        if (type == typeof(DateOnly)) return "date";
        return type.IsEnum ? string.Join(", ", StrictYaml.Words(type)) : "mapping";
    }
}
