using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Real;

/// <summary>Files with one JSON object a line.</summary>
public static class JsonLines
{
    private static readonly JsonSerializerOptions Strict = new()
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Every non-empty line as a record; errors name file and line.</summary>
    public static IReadOnlyList<T> Read<T>(string path)
    {
        var records = new List<T>();
        var number = 0;
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line)) records.Add(JsonSerializer.Deserialize<T>(line, Strict) ?? throw new JsonException("expected an object, found null"));
            }
        }
        // Of half a surrogate pair, written as \ud83d alone, the reader says that the operation is invalid.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw PbenchException.At(path, number, $"not as expected: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
        return records;
    }
}
