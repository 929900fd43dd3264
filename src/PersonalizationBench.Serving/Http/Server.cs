using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>The HTTP server over an engine and a registry. Requests never wait on the engine's thread, nor it on them.</summary>
public static class Server
{
    /// <summary>Configured, not started; the caller keeps what is in <paramref name="parts"/>.</summary>
    public static WebApplication Build(ServerParts parts, ServerOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(options.Url).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Math.Max(options.MaxBodyBytes, options.MaxUploadBytes);
            // Who sends slower than this, or stops in the middle, is let go; so is who takes for ever to say who he is.
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        builder.Logging.ClearProviders().AddSimpleConsole().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = async (rejected, cancellation) => await rejected.HttpContext.Response.WriteAsJsonAsync(
                new ApiException(StatusCodes.Status429TooManyRequests, "rate_limit", $"more than {options.RequestsPerSecond} requests in a second").Body, cancellation);
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(
                context.Request.Headers.Authorization.ToString(),
                _ => new TokenBucketRateLimiterOptions { TokenLimit = options.RequestsPerSecond, TokensPerPeriod = options.RequestsPerSecond, ReplenishmentPeriod = TimeSpan.FromSeconds(1) }));
        });
        var server = builder.Build();
        server.Use((context, next) => Guarded(context, next, server.Logger));
        server.UseRateLimiter();
        server.UseWhen(context => context.Request.Path.StartsWithSegments("/v1"), v1 => v1.Use((context, next) => Authorization.Check(context, parts.Registry, next)));
        server.UseRouting();
        server.MapGet("/health", () => Results.Json(new { status = "ok", @base = parts.Base.Name, digest = parts.Base.Digest }));
        server.MapGet("/metrics", () => Results.Text(PrometheusText.Of(parts), "text/plain; version=0.0.4"));
        server.MapGet("/openapi.json", () => Results.Text(Resource("openapi.json"), "application/json"));
        server.MapGet("/", () => Results.Text(Resource("index.html"), "text/html"));
        server.MapGet("/v1/status", (HttpContext context) => Results.Json(Status(parts, context.Key(KeyKind.Admin))));
        new CompletionEndpoints(parts, options).Map(server);
        new PolicyEndpoints(parts, options).Map(server);
        return server;
    }

    /// <summary>Errors in OpenAI's form; of the server's own only that there was one.</summary>
    private static async Task Guarded(HttpContext context, RequestDelegate next, ILogger logger)
    {
        try
        {
            await next(context);
            // Of routing, which says nothing more.
            if (context.Response is { HasStarted: false, ContentLength: null, StatusCode: StatusCodes.Status400BadRequest or StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed })
                await context.Response.WriteAsJsonAsync(new ApiException(context.Response.StatusCode, "no_such_request", $"{context.Request.Method} {PolicyId.Quote(context.Request.Path)}: /openapi.json lists what there is").Body);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception e)
        {
            var error = ApiException.Of(e);
            if (error is null) logger.LogError(e, "{Method} {Path}", context.Request.Method, context.Request.Path);
            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }
            error ??= new ApiException(StatusCodes.Status500InternalServerError, "internal", "the server failed; its log says why");
            context.Response.StatusCode = error.Status;
            await context.Response.WriteAsJsonAsync(error.Body);
        }
    }

    private static object Status(ServerParts parts, ApiKey key) => new
    {
        @base = parts.Base.Name,
        owner = key.Owner,
        usage = parts.Registry.Usage(key.Owner),
        waiting = parts.Engine.Metrics.Waiting,
        running = parts.Engine.Metrics.Running,
        slots_in_use = parts.Engine.Metrics.SlotsInUse,
        pages_available = parts.Engine.Metrics.PagesAvailable,
        adapters_in_memory = parts.Adapters.Count,
        adapter_bytes = parts.Adapters.Bytes,
        tokens = parts.Engine.Metrics.Tokens,
        steps = parts.Engine.Metrics.Steps,
        rows = parts.Engine.Metrics.Rows,
    };

    private static string Resource(string name)
    {
        using var stream = typeof(Server).Assembly.GetManifestResourceStream(name) ?? throw new PbenchException($"{name} is not in this build");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
