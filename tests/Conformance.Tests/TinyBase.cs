using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Conformance.Tests;

/// <summary>A randomly initialised Llama of a few thousand weights, whole words for tokens. It knows nothing, which is all
/// that is needed to see who reads what and whose weights answer.</summary>
internal static class TinyBase
{
    public const int ContextLength = 96;

    /// <param name="endWords">Words that end a text, as the base's files would say.</param>
    public static LoadedBase Load(int contextLength = ContextLength, params string[] endWords)
    {
        var tokenizer = new WordTokenizer(TinyUsers.Words.Prepend("\n"));
        var config = new DecoderConfig(tokenizer.VocabularySize, 16, 2, 2, 1, 32, contextLength);
        var info = new BaseInfo("tiny", "llama", Digest.Of("tiny"), config.Parameters, contextLength, config.SmallestDimensions()) { EndIds = [.. endWords.SelectMany(tokenizer.Encode)] };
        return new LoadedBase(info, DecoderWeights.Initialise(config, seed: 1, Precision.Float32), tokenizer);
    }

    /// <summary>Tensors alive in the process, once those that nobody holds are gone.</summary>
    public static long LiveTensors()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return LiveTensorsNow();
    }

    public static long LiveTensorsNow() => TorchSharp.torch.Tensor.TotalCount;
}
