using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Benchmarks;

/// <summary>The pretrainer on one batch over and over, as its speed is compared: what is timed lies between two calls after a step.</summary>
public static class RepeatedTraining
{
    /// <summary>
    /// Small enough that training is stable: only then does a difference of losses say something about the sides. Without a
    /// warm-up 1e-3 is not: the 5M model overshoots in steps 3 and 6 (gradient norms 35 and 37, loss from 5.8 up to 7.4), and a
    /// single rounding of its first weights to bf16, with everything else in f32, moves later losses by 2e-3. Either bf16 side then
    /// was up to 1e-2 from the f32 run (ours 5.5e-3, PyTorch's 9.5e-3), while their first gradients were equally exact (7.1e-3).
    /// </summary>
    public const double LearningRate = 1e-4;

    public static PretrainConfig ConfigOf(TrainingWorkload workload, Precision precision) => new()
    {
        Name = workload.Name,
        Model = workload.Model,
        Stages = [new PretrainStage { Name = "peers", Steps = int.MaxValue, BatchSequences = workload.Rows, LearningRate = LearningRate }],
        Precision = precision,
        Seed = 1,
        EvaluateEvery = 1,
        LogEvery = int.MaxValue,
        CheckpointEvery = int.MaxValue,
    };

    /// <summary>Trains until <paramref name="afterStep"/> says true.</summary>
    /// <param name="folder">Where the base goes.</param>
    public static void Run(TrainingWorkload workload, PretrainConfig config, string folder, Func<PretrainProgress, bool> afterStep, CancellationToken cancellation) =>
        Pretrainer.Run(
            config,
            _ => new RepeatingCorpus(workload),
            TrainingWorkload.Tokenizer,
            saveTokenizer: to => TrainingWorkload.Tokenizer.Save(Path.Combine(to, "tokenizer.json")),
            folder,
            new PretrainHooks { Evaluate = (_, progress) => afterStep(progress) },
            cancellation);

    /// <summary>The tokens that training makes of each text: begin-of-text and the words, length + 1 in all.</summary>
    public static IEnumerable<int[]> Sequences(TrainingWorkload workload) =>
        workload.Texts().Select(t => TextEncoding.Prompt(TrainingWorkload.Tokenizer, t));

    /// <summary>The workload's batch over and over, whatever the seed: the peer reads the same from a file.</summary>
    private sealed class RepeatingCorpus(TrainingWorkload workload) : ITrainingCorpus
    {
        public string Digest => Core.Digest.Of(workload.ToString());

        public IReadOnlyList<TrainingText> HeldOut { get; } = [AsTraining(workload.Texts()[0])];

        public IEnumerable<TrainingText> Stream(long seed)
        {
            var texts = workload.Texts().Select(AsTraining).ToList();
            while (true)
                foreach (var text in texts) yield return text;
        }

        private static TrainingText AsTraining(string text) => new([new TextSegment(text, 1)]);
    }
}
