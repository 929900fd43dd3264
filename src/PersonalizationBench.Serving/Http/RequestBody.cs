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
        using var document = JsonDocument.Parse(await Bytes(request, limit), s_json);
        return document.RootElement.Clone();
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
