using System.Text.Json.Serialization;

namespace PersonalizationBench.Core;

/// <summary>Numeric type of weights at rest and of the products.</summary>
public enum Precision
{
    /// <summary>bf16 products with f32 master weights where the processor is fast at it, else f32.</summary>
    Auto,
    Float32,
    BFloat16,
}

/// <summary>What is known of a base before and after it is loaded.</summary>
/// <param name="Name">As in the study file.</param>
/// <param name="Architecture">llama, ...</param>
/// <param name="Digest">SHA-256 (hex) over weights, configuration and tokenizer.</param>
/// <param name="Parameters">Number of weights (tied ones once).</param>
/// <param name="ContextLength">Longest sequence, in tokens.</param>
/// <param name="SmallestDimension">The smallest in/out dimension of each adaptable projection, by module name; a rank above it is refused.</param>
public sealed record BaseInfo(string Name, string Architecture, string Digest, long Parameters, int ContextLength, IReadOnlyDictionary<string, int> SmallestDimension)
{
    /// <summary>The precision in use ("float32", "bfloat16"); empty before loading.</summary>
    public string Precision { get; init; } = "";

    /// <summary>"cpu" or "cuda"; empty before loading.</summary>
    public string Device { get; init; } = "";

    /// <summary>What computes, with its versions and the kernels in use; empty before loading.</summary>
    public string Engine { get; init; } = "";

    /// <summary>Threads of one product on the CPU; null before loading.</summary>
    public int? Threads { get; init; }

    /// <summary>A path relative to a study, for a base that is named so; null for one of the catalogue.</summary>
    [JsonIgnore] // of one machine
    public string? Path { get; init; }

    /// <summary>What the catalogue loads it by.</summary>
    [JsonIgnore]
    public string Address => Path ?? Name;

    /// <summary>Ids that end a text beside the tokenizer's own, as the base's files say.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>The base's tokenizer, read when it is asked for; null where nobody can say.</summary>
    [JsonIgnore]
    public Lazy<ITokenizer>? Tokenizer { get; init; }

    /// <summary>What the base's files ask for and answers do not follow, in a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>Text to token ids and back.</summary>
public interface ITokenizer
{
    int VocabularySize { get; }

    /// <summary>The token that begins a text; null where the files name none. That it is put there is another matter: <see cref="Beginning"/>.</summary>
    int? BeginOfText { get; }

    /// <summary>The token that ends a text; null where the files name none.</summary>
    int? EndOfText { get; }

    /// <summary>What is put before every text; may be nothing.</summary>
    IReadOnlyList<int> Beginning => BeginOfText is { } begin ? [begin] : [];

    /// <summary>Ids of <paramref name="text"/>, no special tokens added. Never fails: what the vocabulary lacks is spelt in bytes or its unknown token.</summary>
    int[] Encode(string text);

    /// <summary>Ids of a text that goes on after another one in the same context. Differs from <see cref="Encode"/> for
    /// tokenizers that put something (a space) before a text's beginning.</summary>
    int[] EncodeContinuation(string text) => Encode(text);

    string Decode(ReadOnlySpan<int> ids);
}

/// <summary>What every tokenizer is used for.</summary>
public static class TokenizerUse
{
    /// <summary>A text's ids with what is put before every text. Where both are nothing, the token that begins a text, or else the one that
    /// ends one (GPT-2's is both): a model cannot go on from nothing, and transformers' <c>generate</c> starts there too.</summary>
    public static int[] Begun(this ITokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        if (tokenizer.Beginning.Count > 0) return [.. tokenizer.Beginning, .. ids];
        if (ids.Length > 0) return ids.ToArray();
        return (tokenizer.BeginOfText ?? tokenizer.EndOfText) is { } start ? [start] : throw new PbenchException("an empty text cannot be gone on from: the base's tokenizer names no token that begins or ends a text");
    }

    /// <summary>The tokens that no text goes on through.</summary>
    public static IReadOnlyList<int> Ends(this ITokenizer tokenizer) => [.. new[] { tokenizer.BeginOfText, tokenizer.EndOfText }.OfType<int>().Distinct()];
}

/// <summary>A sequence to continue.</summary>
/// <param name="Tokens">The prompt, begin-of-text included.</param>
/// <param name="MaxNewTokens">Upper bound on what is generated.</param>
/// <param name="Slot">Adapter slot of the bank; -1 for the bare base.</param>
public sealed record GenerationRequest(int[] Tokens, int MaxNewTokens, int Slot = -1)
{
    /// <summary>Generation ends when one of these ids is produced (it is not part of the result).</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];

    /// <summary>Ids whose log-likelihood as the first token is wanted beside what is generated: the prompt is read once for both.</summary>
    public IReadOnlyList<int> Candidates { get; init; } = [];

    /// <summary>Tokens that are taken one after another instead of the likeliest: how long a given text takes to be written. Empty: none.</summary>
    public IReadOnlyList<int> Forced { get; init; } = [];
}

/// <summary>What was generated, greedily.</summary>
public sealed record Generation(int[] Tokens)
{
    /// <summary>Natural-log likelihood of each of the request's candidates; null from a base that does not give it.</summary>
    public IReadOnlyList<double>? CandidateScores { get; init; }
}

/// <summary>Sequences of which the last part is scored.</summary>
/// <param name="Prompt">Tokens that are read, begin-of-text included.</param>
/// <param name="Continuation">Tokens whose log-likelihood given the prompt and each other is summed.</param>
/// <param name="Slot">Adapter slot of the bank; -1 for the bare base.</param>
public sealed record ScoreRequest(int[] Prompt, int[] Continuation, int Slot = -1);

/// <summary>
/// A loaded base, as much of it as in-context strategies and the runner need. Weight updates need more and find it
/// on the implementation in Models.
/// </summary>
public interface IBaseModel : IDisposable
{
    BaseInfo Info { get; }

    ITokenizer Tokenizer { get; }

    /// <summary>Greedy continuation of every request, in the given order; rows of any slots are batched together.</summary>
    IReadOnlyList<Generation> Generate(IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation);

    /// <summary>Natural-log likelihood of each continuation, in the given order.</summary>
    IReadOnlyList<double> Score(IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation);

    /// <summary>FLOPs of reading the first tokens of a sequence, by count; 0 from a base that does not count.</summary>
    /// <param name="slot">Adapter slot of the bank; -1 for the bare base.</param>
    double ReadingFlops(int tokens, int slot) => 0;
}

/// <summary>Finds bases by name and loads them.</summary>
public interface IBaseCatalog
{
    IReadOnlyList<string> Names { get; }

    /// <summary>What its bases are computed by, with its version: part of every cell's key.</summary>
    string Engine { get; }

    /// <summary>Reads what is known without loading the weights into memory. Throws <see cref="PbenchException"/> for an unknown or broken base.</summary>
    BaseInfo Describe(string name);

    IBaseModel Load(string name, Precision precision, string device);

    /// <summary>The device (auto, cpu or cuda) as it is asked for. Throws <see cref="PbenchException"/> where this machine has none such.</summary>
    string RequireDevice(string device) => device;
}
