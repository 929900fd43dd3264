namespace PersonalizationBench.Serving;

/// <summary>Limits of what strangers may ask.</summary>
public sealed record ServerOptions
{
    /// <summary>Address and port; port 0: any that is free.</summary>
    public string Url { get; init; } = "http://127.0.0.1:8080";

    /// <summary>Of a request for tokens; uploads have <see cref="MaxUploadBytes"/>.</summary>
    public long MaxBodyBytes { get; init; } = 1 << 20;

    public long MaxUploadBytes { get; init; } = 256L << 20;

    /// <summary>Requests that one key may make in a second, after a burst of as many.</summary>
    public int RequestsPerSecond { get; init; } = 1000;

    /// <summary>Answers that one request may ask for, prompts by prompt.</summary>
    public int MaxPrompts { get; init; } = 64;
}
