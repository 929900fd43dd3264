using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace PersonalizationBench.Serving;

/// <summary>Reads bodies up to a limit.</summary>
internal static class RequestBody
{
    private static readonly JsonDocumentOptions s_json = new() { MaxDepth = 16 };

    public static async Task<JsonElement> Json(HttpRequest request, long limit)
    {
        if (!request.HasJsonContentType()) throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", $"Content-Type: expected application/json, found {PolicyId.Quote(request.ContentType ?? "")}");
        var body = await Bytes(request, limit);
        using var document = JsonDocument.Parse(body, s_json);
        RequireText(body.Span);
        return document.RootElement.Clone();
    }

    /// <summary>JSON can write what no text holds: half of a surrogate pair, or bytes that are no UTF-8.</summary>
    private static void RequireText(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = s_json.MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || (!reader.ValueIsEscaped && Ascii.IsValid(reader.ValueSpan))) continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                throw ApiException.Invalid($"byte {reader.TokenStartIndex}: the string is no text; expected UTF-8, and surrogates in pairs");
            }
        }
    }

    public static async Task<ReadOnlyMemory<byte>> Bytes(HttpRequest request, long limit)
    {
        if (request.ContentLength > limit) throw TooLarge(limit);
        using var memory = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int read; (read = await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted)) > 0;)
        {
            if (memory.Length + read > limit) throw TooLarge(limit);
            memory.Write(buffer, 0, read);
        }
        return memory.GetBuffer().AsMemory(0, (int)memory.Length);
    }

    private static ApiException TooLarge(long limit) => new(StatusCodes.Status413PayloadTooLarge, "too_large", $"the body is larger than {limit} bytes");
}
