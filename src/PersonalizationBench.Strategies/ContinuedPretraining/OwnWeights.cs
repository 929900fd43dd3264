using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.ContinuedPretraining;

/// <summary>A whole set of weights per user, swapped in to answer that user's questions.</summary>
internal sealed class OwnWeights(LoadedBase loadedBase, IReadOnlyList<PersonalWeights?> weights) : IPersonalWeights
{
    /// <summary>Trains user after user. A user without anything to study keeps the base.</summary>
    public static OwnWeights Train(AdaptationRequest request, ContinuedPretrainingOptions options, StudyTexts study, CostMeter meter, CancellationToken cancellation)
    {
        var loadedBase = HistoryTexts.Trainable(request);
        if (options.ReplayShare > 0 && request.ReplayTexts.Count == 0)
            throw new PbenchException(FormattableString.Invariant($"continued-pretraining: replay_share is {options.ReplayShare}, but the dataset has no texts for replay; set replay_share: 0"));
        var replay = options.ReplayShare > 0 ? request.ReplayTexts.Select(HistoryTexts.Whole).ToList() : [];
        var trained = new List<PersonalWeights?>();
        try
        {
            foreach (var (history, texts) in request.Histories.Zip(study.OfUsers))
            {
                cancellation.ThrowIfCancellationRequested();
                var training = new FullTrainingOptions
                {
                    Steps = options.Steps,
                    Epochs = options.Epochs,
                    BatchSequences = options.Batch,
                    ReplayShare = options.ReplayShare,
                    LearningRate = options.LearningRate,
                    WeightDecay = options.WeightDecay,
                    Seed = HistoryTexts.SeedOf(history, request, "continued pretraining"),
                };
                trained.Add(texts.Count == 0 ? null : FullTrainer.Train(loadedBase, texts, replay, training, meter, cancellation));
            }
            return new OwnWeights(loadedBase, trained);
        }
        catch
        {
            trained.ForEach(w => w?.Dispose());
            throw;
        }
    }

    public long TrainableParameters => loadedBase.Info.Parameters;

    public long StoredBytesPerUser => StoredBytes.MeanPerUser(weights.Select(w => w?.Bytes ?? 0));

    /// <summary>Users with weights of their own answer by themselves, the others together.</summary>
    public int Group(int user) => weights[user] is null ? -1 : user;

    public int Slot(int user) => -1;

    public IDisposable? Use(int group) => group < 0 ? null : loadedBase.UseWeights(weights[group]!);

    public void Dispose()
    {
        foreach (var own in weights) own?.Dispose();
    }
}
