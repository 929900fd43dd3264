using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace PersonalizationBench.Data.Yaml;

/// <summary>A property of a record as YAML sees it.</summary>
/// <param name="Name">In snake case.</param>
/// <param name="Property">Where the value goes.</param>
/// <param name="Parameter">The constructor's parameter of a positional record; null for a plain property.</param>
public sealed record YamlMember(string Name, PropertyInfo Property, ParameterInfo? Parameter)
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<YamlMember>> Known = new();

    public Type Type => Property.PropertyType;

    public bool IsRequired => Parameter is not null ? !Parameter.HasDefaultValue : Property.IsDefined(typeof(RequiredMemberAttribute));

    /// <summary>True where the property may be null, by <c>?</c> on a value or a reference.</summary>
    public bool AllowsNull => new NullabilityInfoContext().Create(Property).ReadState == NullabilityState.Nullable;

    public IEnumerable<ValidationAttribute> Rules =>
        Property.GetCustomAttributes<ValidationAttribute>().Concat(Parameter?.GetCustomAttributes<ValidationAttribute>() ?? []);

    /// <summary>What a file may give of a record: its settable properties, in the order of declaration.</summary>
    public static IReadOnlyList<YamlMember> Of(Type record) => Known.GetOrAdd(record, static type =>
    {
        var parameters = Constructor(type).GetParameters().ToDictionary(p => p.Name!, StringComparer.OrdinalIgnoreCase);
        return
        [
            .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true })
                .OrderBy(p => p.MetadataToken)
                .Select(p => new YamlMember(JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name), p, parameters.GetValueOrDefault(p.Name))),
        ];
    });

    /// <summary>The constructor without parameters, or a positional record's own.</summary>
    public static ConstructorInfo Constructor(Type record)
    {
        var constructors = record.GetConstructors();
        return constructors.FirstOrDefault(c => c.GetParameters().Length == 0)
            ?? constructors.MaxBy(c => c.GetParameters().Length)
            ?? throw new NotSupportedException($"{record} has no public constructor to bind YAML to");
    }
}
