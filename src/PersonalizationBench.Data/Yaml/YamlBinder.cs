using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Yaml;

/// <summary>Sections to values of a type, by its shape.</summary>
internal static class YamlBinder
{
    private static readonly Type[] ListShapes = [typeof(List<>), typeof(IList<>), typeof(IReadOnlyList<>), typeof(IReadOnlyCollection<>), typeof(IEnumerable<>)];
    private static readonly Type[] DictionaryShapes = [typeof(Dictionary<,>), typeof(IDictionary<,>), typeof(IReadOnlyDictionary<,>)];

    /// <summary>The value; null only for an empty section.</summary>
    public static object? Bind(Type type, YamlSection section)
    {
        if (type == typeof(YamlSection)) return section;
        if (section.Kind == YamlKind.Empty) return null;
        if (Nullable.GetUnderlyingType(type) is { } underlying) return Bind(underlying, section);
        if (ListElement(type) is { } element) return List(type, element, section);
        if (DictionaryValue(type) is { } value) return Dictionary(value, section);
        return IsScalar(type) ? Scalar(type, section) : Record(type, section);
    }

    /// <summary>What a list type holds; null for a type that is no list.</summary>
    public static Type? ListElement(Type type) =>
        type.IsArray ? type.GetElementType()
        : type.IsGenericType && ListShapes.Contains(type.GetGenericTypeDefinition()) ? type.GetGenericArguments()[0]
        : null;

    /// <summary>Neither a scalar nor a list, a dictionary or a section that somebody else will bind.</summary>
    public static bool IsRecord(Type type) => Nullable.GetUnderlyingType(type) is null && type != typeof(YamlSection) && ListElement(type) is null && DictionaryValue(type) is null && !IsScalar(type);

    private static Type? DictionaryValue(Type type) =>
        type.IsGenericType && DictionaryShapes.Contains(type.GetGenericTypeDefinition()) && type.GetGenericArguments()[0] == typeof(string) ? type.GetGenericArguments()[1] : null;

    private static bool IsScalar(Type type) => type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(DateOnly);

    private static object Record(Type type, YamlSection section)
    {
        var members = YamlMember.Of(type);
        if (section.Kind != YamlKind.Mapping) throw section.Error($"expected a mapping with {Keys(members)}, found {section.Describe()}");

        foreach (var entry in section.Entries.Where(e => members.All(m => m.Name != e.Name)))
        {
            var nearest = NearestWord.Find(entry.Name, members.Select(m => m.Name));
            throw PbenchException.At(section.File, entry.Line,
                $"unknown key '{entry.Key}'{StrictYaml.In(section.Path)}; {(nearest is null ? $"expected {Keys(members)}" : $"did you mean '{nearest}'?")}");
        }
        if (members.FirstOrDefault(m => m.IsRequired && section.Find(m.Name) is null) is { } missing)
            throw PbenchException.At(section.File, section.Line, $"key '{missing.Name}' is missing{StrictYaml.In(section.Path)}");

        var values = members.Where(m => section.Find(m.Name) is not null).ToDictionary(m => m.Name, m => Member(m, section.Find(m.Name)!));
        var record = Construct(type, members, values);
        Validate(record, members, section);
        return record;
    }

    private static object? Member(YamlMember member, YamlSection section)
    {
        var value = Bind(member.Type, section);
        return value is not null || member.AllowsNull ? value : throw section.Error($"expected {Describe(member.Type)}, found nothing");
    }

    private static object Construct(Type type, IReadOnlyList<YamlMember> members, Dictionary<string, object?> values)
    {
        var constructor = YamlMember.Constructor(type);
        var arguments = constructor.GetParameters().Select(p =>
            members.FirstOrDefault(m => m.Parameter == p) is { } m && values.TryGetValue(m.Name, out var value) ? value : p.DefaultValue);
        var record = constructor.Invoke([.. arguments]);
        foreach (var member in members.Where(m => m.Parameter is null && values.ContainsKey(m.Name))) member.Property.SetValue(record, values[member.Name]);
        return record;
    }

    private static void Validate(object record, IReadOnlyList<YamlMember> members, YamlSection section)
    {
        foreach (var member in members)
        {
            var value = member.Property.GetValue(record);
            var context = new ValidationContext(record) { MemberName = member.Property.Name, DisplayName = member.Name };
            foreach (var rule in member.Rules)
            {
                // A range is a statement about each item of a list.
                var judged = rule is RangeAttribute && value is IEnumerable and not string ? ((IEnumerable)value).Cast<object?>() : [value];
                foreach (var item in judged)
                    if (rule.GetValidationResult(item, context) is { } failure) throw At(section, member.Name, Explain(rule, item, failure));
            }
        }
        if (record is not IValidatableObject validatable) return;
        foreach (var failure in validatable.Validate(new ValidationContext(record)).Where(f => f is not null))
        {
            var name = failure.MemberNames.Select(JsonNamingPolicy.SnakeCaseLower.ConvertName).FirstOrDefault();
            throw name is null ? section.Error(failure.ErrorMessage ?? "is not valid") : At(section, name, failure.ErrorMessage ?? "is not valid");
        }
    }

    private static string Explain(ValidationAttribute rule, object? value, ValidationResult failure) => rule switch
    {
        RangeAttribute range => string.Create(CultureInfo.InvariantCulture, $"expected a value between {range.Minimum} and {range.Maximum}, found {value}"),
        _ => failure.ErrorMessage ?? "is not valid",
    };

    private static PbenchException At(YamlSection section, string name, string message) =>
        PbenchException.At(section.File, section.LineOf(name), $"{(section.Path.Length == 0 ? name : $"{section.Path}.{name}")}: {message}");

    private static object List(Type type, Type element, YamlSection section)
    {
        if (section.Kind != YamlKind.List) throw section.Error($"expected a list, found {section.Describe()}");
        var items = Array.CreateInstance(element, section.Items.Count);
        for (var i = 0; i < items.Length; i++)
            items.SetValue(Bind(element, section.Items[i]) ?? throw section.Items[i].Error($"expected {Describe(element)}, found nothing"), i);
        return type.IsGenericType && type.GetGenericTypeDefinition() == typeof(List<>) ? Activator.CreateInstance(type, items)! : items;
    }

    private static IDictionary Dictionary(Type value, YamlSection section)
    {
        if (section.Kind != YamlKind.Mapping) throw section.Error($"expected a mapping, found {section.Describe()}");
        var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), value))!;
        foreach (var entry in section.Entries)
            dictionary.Add(entry.Key, Bind(value, entry.Value) ?? throw entry.Value.Error($"expected {Describe(value)}, found nothing"));
        return dictionary;
    }

    private static object Scalar(Type type, YamlSection section)
    {
        if (section.Kind != YamlKind.Scalar) throw section.Error($"expected {Describe(type)}, found {section.Describe()}");
        if (type == typeof(string)) return section.Text;
        if (type.IsEnum) return Enumeration(type, section);
        return (section.IsQuoted ? null : Number(type, section.Text)) ?? throw section.Error($"expected {Describe(type)}, found {section.Describe()}");
    }

    private static object? Number(Type type, string text)
    {
        var culture = CultureInfo.InvariantCulture;
        if (type == typeof(bool)) return text switch { "true" => true, "false" => false, _ => null };
        if (type == typeof(int)) return int.TryParse(text, NumberStyles.AllowLeadingSign, culture, out var i) ? i : null;
        if (type == typeof(long)) return long.TryParse(text, NumberStyles.AllowLeadingSign, culture, out var l) ? l : null;
        if (type == typeof(double)) return double.TryParse(text, NumberStyles.Float, culture, out var d) && double.IsFinite(d) ? d : null;
        if (type == typeof(float)) return float.TryParse(text, NumberStyles.Float, culture, out var f) && float.IsFinite(f) ? f : null;
        if (type == typeof(DateOnly)) return DateOnly.TryParseExact(text, "yyyy-MM-dd", culture, DateTimeStyles.None, out var date) ? date : null;
        throw new NotSupportedException($"{type} has no form in YAML");
    }

    private static object Enumeration(Type type, YamlSection section)
    {
        var words = Enum.GetNames(type).Select(Word).ToList();
        var word = section.Text.Replace('_', '-');
        if (words.IndexOf(word) is >= 0 and var index) return Enum.Parse(type, Enum.GetNames(type)[index]);
        var nearest = NearestWord.Find(word, words);
        throw section.Error($"unknown value '{section.Text}'; {(nearest is null ? $"expected one of {string.Join(", ", words)}" : $"did you mean '{nearest}'?")}");
    }

    /// <summary>An enumeration's member as written in a file: kebab case, a leading single letter not parted (BFloat16 is bfloat16).</summary>
    public static string Word(string member)
    {
        var word = JsonNamingPolicy.KebabCaseLower.ConvertName(member);
        return word.Length > 2 && word[1] == '-' ? word.Remove(1, 1) : word;
    }

    private static string Describe(Type type) =>
        Nullable.GetUnderlyingType(type) is { } underlying ? Describe(underlying)
        : type == typeof(string) ? "a text"
        : type == typeof(bool) ? "true or false"
        : type == typeof(int) || type == typeof(long) ? "a whole number"
        : type == typeof(double) || type == typeof(float) ? "a number"
        : type == typeof(DateOnly) ? "a date such as 2026-03-01"
        : type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type).Select(Word))}"
        : ListElement(type) is not null ? "a list"
        : "a mapping";

    private static string Keys(IReadOnlyList<YamlMember> members) => members.Count switch
    {
        0 => "no keys",
        1 => $"the key {members[0].Name}",
        _ => $"the keys {string.Join(", ", members.Select(m => m.Name))}",
    };
}
