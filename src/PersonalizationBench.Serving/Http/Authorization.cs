using Microsoft.AspNetCore.Http;

namespace PersonalizationBench.Serving;

/// <summary>Who asks: on every request the registry is asked whose the key is, so that revoking one is immediate.</summary>
internal static class Authorization
{
    private const string Item = "key", Scheme = "Bearer ";

    public static async Task Check(HttpContext context, IRegistry registry, RequestDelegate next)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var key = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? registry.Authenticate(header[Scheme.Length..].Trim()) : null;
        context.Items[Item] = key ?? throw new ApiException(StatusCodes.Status401Unauthorized, "invalid_api_key", "expected 'Authorization: Bearer KEY' with a key that is valid");
        await next(context);
    }

    /// <summary>The request's key, which must be of this kind.</summary>
    public static ApiKey Key(this HttpContext context, KeyKind kind)
    {
        var key = (ApiKey)context.Items[Item]!;
        return key.Kind == kind ? key : throw new ApiException(StatusCodes.Status403Forbidden, "wrong_key", $"this wants an {kind.ToString().ToLowerInvariant()} key");
    }
}
