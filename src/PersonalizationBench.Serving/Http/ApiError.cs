using Microsoft.AspNetCore.Http;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>A request that is answered with a status and OpenAI's form of an error.</summary>
public sealed class ApiException(int status, string code, string message, string? parameter = null) : Exception(message)
{
    public int Status => status;

    public static ApiException Invalid(string message, string? parameter = null) => new(StatusCodes.Status400BadRequest, "invalid_request", message, parameter);

    /// <summary>What is not there, and what is another's.</summary>
    public static ApiException NoModel(string model) => new(StatusCodes.Status404NotFound, "model_not_found", $"model {PolicyId.Quote(model)} does not exist or is not yours", "model");

    /// <summary>What an exception means to whoever asked; null where it is the server's own fault.</summary>
    public static ApiException? Of(Exception e) => e switch
    {
        ApiException own => own,
        RegistryException r => new ApiException(
            r.Error switch
            {
                RegistryError.Missing => StatusCodes.Status404NotFound,
                RegistryError.Conflict => StatusCodes.Status409Conflict,
                RegistryError.OverQuota => StatusCodes.Status413PayloadTooLarge,
                _ => StatusCodes.Status400BadRequest,
            },
            r.Error.ToString().ToLowerInvariant(), r.Message),
        PbenchException p => Invalid(p.Message),
        QueueFullException q => new ApiException(StatusCodes.Status503ServiceUnavailable, "overloaded", q.Message),
        BadHttpRequestException b => new ApiException(b.StatusCode, "invalid_request", b.Message),
        // Of a form that breaks off, or has more than it may.
        InvalidDataException i => Invalid(i.Message),
        System.Text.Json.JsonException j => Invalid($"the body is not JSON: {j.Message}"),
        _ => null,
    };

    public object Body => new { error = new { message = Message, type = status >= 500 ? "server_error" : "invalid_request_error", param = parameter, code } };
}
