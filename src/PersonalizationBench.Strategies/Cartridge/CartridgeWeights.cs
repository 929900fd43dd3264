using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Cartridge;

/// <summary>One cartridge per user, all in one bank: trained together, answered in mixed batches.</summary>
internal sealed class CartridgeWeights : IPersonalWeights
{
    private readonly LoadedBase _base;
    private readonly CartridgeBank _bank;
    private readonly bool[] _trained;

    private CartridgeWeights(LoadedBase loadedBase, CartridgeBank bank, bool[] trained) => (_base, _bank, _trained) = (loadedBase, bank, trained);

    /// <summary>Trains every user's cartridge on that user's material. A user without any keeps the bare base.</summary>
    public static CartridgeWeights Train(AdaptationRequest request, CartridgeOptions options, StudyTexts study, CostMeter meter, CancellationToken cancellation)
    {
        var loadedBase = HistoryTexts.Trainable(request);
        var bank = new CartridgeBank(loadedBase.Config, Math.Max(1, request.Histories.Count), options.Tokens, loadedBase.Info.Device);
        try
        {
            var corpora = new List<SlotCorpus>();
            foreach (var (user, history) in request.Histories.Index())
            {
                if (study.OfUsers[user] is not { Count: > 0 } texts) continue;
                bank.Initialise(loadedBase, user, TextEncoding.Prompt(loadedBase.Tokenizer, request.Format.Compose(history.Documents, "")));
                corpora.Add(new SlotCorpus(user, texts) { Seed = HistoryTexts.SeedOf(history, request, "order of documents") });
            }
            var training = new AdapterTrainingOptions { Steps = options.Steps, Epochs = options.Epochs, BatchSequences = options.Batch, LearningRate = options.LearningRate, Seed = request.Seed };
            if (corpora.Count > 0) CartridgeTrainer.Train(loadedBase, bank, corpora, training, meter, cancellation);
            return new CartridgeWeights(loadedBase, bank, [.. study.OfUsers.Select(t => t.Count > 0)]);
        }
        catch
        {
            bank.Dispose();
            throw;
        }
    }

    public long TrainableParameters => _bank.ParametersPerSlot;

    public long StoredBytesPerUser => StoredBytes.MeanPerUser(_trained.Select(t => t ? _bank.BytesPerSlot : 0));

    public int Group(int user) => 0;

    public int Slot(int user) => _trained[user] ? user : -1;

    public IDisposable? Use(int group) => _base.UseCartridges(_bank);

    public void Dispose() => _bank.Dispose();
}
