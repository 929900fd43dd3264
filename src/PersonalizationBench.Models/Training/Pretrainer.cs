using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>Trains a base from nothing: stages of data, AdamW, warm-up, clipping, bf16 products over f32 masters.</summary>
public static class Pretrainer
{
    /// <summary>
    /// Runs to the end, or from the newest checkpoint in <paramref name="folder"/> to the end: the result is the same.
    /// Cancelling writes a checkpoint first and throws <see cref="OperationCanceledException"/>.
    /// </summary>
    /// <param name="corpusOf">The stage's corpus; asked once per stage.</param>
    /// <param name="saveTokenizer">Writes the tokenizer's file into the given folder.</param>
    /// <param name="folder">Where the base goes.</param>
    public static PretrainResult Run(
        PretrainConfig config,
        Func<PretrainStage, ITrainingCorpus> corpusOf,
        ITokenizer tokenizer,
        Action<string> saveTokenizer,
        string folder,
        PretrainHooks hooks,
        CancellationToken cancellation) => throw new NotImplementedException();
}
