using System.Text.Json;
using System.Text.Json.Serialization;

namespace PersonalizationBench.Benchmarks;

/// <summary>What an engine is asked to time, as a line of JSON on its standard input.</summary>
/// <param name="Workload">One of <see cref="EngineWorkloads"/>.</param>
/// <param name="Model">A shape that is trained, or a shipped base.</param>
/// <param name="Precision">float32 or bfloat16.</param>
/// <param name="Seconds">As long as this, and no less than two measurements.</param>
public sealed record TimedTurn(string Workload, string Model, string Precision, double Seconds)
{
    public string ToLine() => JsonSerializer.Serialize(this, EngineLines.Options);

    public static TimedTurn Parse(string line) => EngineLines.Parse<TimedTurn>(line);
}

/// <summary>What it answers, as a line of JSON on its standard output.</summary>
/// <param name="Value">Milliseconds of a step, or tokens a second: the median over the turn.</param>
/// <param name="Loss">Of the second step, from the same weights on the same texts with every engine; null where nothing is trained.</param>
/// <param name="Error">Why there is no value.</param>
public sealed record TurnResult(double Value, double? Loss = null, string? Error = null)
{
    public string ToLine() => JsonSerializer.Serialize(this, EngineLines.Options);

    public static TurnResult Parse(string line) => EngineLines.Parse<TurnResult>(line);
}

/// <summary>The first line that an engine says.</summary>
/// <param name="Engine">Its libraries and their versions.</param>
public sealed record EngineHello(string Engine)
{
    public string ToLine() => JsonSerializer.Serialize(this, EngineLines.Options);

    public static EngineHello Parse(string line) => EngineLines.Parse<EngineHello>(line);
}

/// <summary>What can be timed with every engine.</summary>
public static class EngineWorkloads
{
    /// <summary>Milliseconds of a step of pretraining.</summary>
    public const string TrainingStep = "training-step";

    /// <summary>Milliseconds of a step of <see cref="Users"/> users' adapters in one bank.</summary>
    public const string ManyUsers = "many-users";

    /// <summary>Tokens a second of <see cref="Sequences"/> sequences: without an adapter, all with the same, each with its own.</summary>
    public const string DecodeBase = "decode-base", DecodeOne = "decode-one", DecodeEight = "decode-eight";

    /// <summary>Seconds of a whole study; timed from outside, program start included.</summary>
    public const string Study = "study";

    public const int Users = 32, Sequences = 8;
}

file static class EngineLines
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static T Parse<T>(string line) => JsonSerializer.Deserialize<T>(line, Options) ?? throw new JsonException($"expected {typeof(T).Name}, found '{line}'");
}
