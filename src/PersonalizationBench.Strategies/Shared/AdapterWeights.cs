using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>One adapter per user, all in one bank: trained together, answered in mixed batches.</summary>
internal sealed class AdapterWeights : IPersonalWeights
{
    private readonly LoadedBase _base;
    private readonly AdapterBank _bank;
    private readonly bool[] _trained;

    private AdapterWeights(LoadedBase loadedBase, AdapterBank bank, bool[] trained)
    {
        _base = loadedBase;
        _bank = bank;
        _trained = trained;
        // All slots have the same shapes, so one stands for all.
        var bytes = trained.Any(t => t) ? BytesAsStored(Array.IndexOf(trained, true)) : 0;
        StoredBytesPerUser = StoredBytes.MeanPerUser(trained.Select(t => t ? bytes : 0));
    }

    /// <summary>Trains every user's adapter on that user's documents. A user without documents keeps the base.</summary>
    public static AdapterWeights Train(AdaptationRequest request, AdapterSettings settings, CostMeter meter, CancellationToken cancellation)
    {
        var loadedBase = HistoryTexts.Trainable(request);
        var users = request.Histories;
        var bank = new AdapterBank(loadedBase.Config, Math.Max(1, users.Count), settings.ToLora(loadedBase.Info), loadedBase.Info.Device);
        try
        {
            var corpora = new List<SlotCorpus>();
            for (var user = 0; user < users.Count; user++)
            {
                bank.Initialise(user, HistoryTexts.SeedOf(users[user], request, "adapter"));
                var texts = HistoryTexts.Of(users[user], request, settings.Pack);
                if (texts.Count > 0) corpora.Add(new SlotCorpus(user, texts) { Seed = HistoryTexts.SeedOf(users[user], request, "order of documents") });
            }
            var options = new AdapterTrainingOptions
            {
                Steps = settings.Steps,
                Epochs = settings.Epochs,
                BatchSequences = settings.Batch,
                LearningRate = settings.LearningRate,
                WeightDecay = settings.WeightDecay,
                Seed = request.Seed,
            };
            if (corpora.Count > 0) AdapterTrainer.Train(loadedBase, bank, corpora, options, meter, cancellation);
            return new AdapterWeights(loadedBase, bank, users.Select(u => u.Documents.Count > 0).ToArray());
        }
        catch
        {
            bank.Dispose();
            throw;
        }
    }

    public long TrainableParameters => _bank.ParametersPerSlot;

    /// <summary>Both files of the adapter's folder; a user without documents has none.</summary>
    public long StoredBytesPerUser { get; }

    public int Group(int user) => 0;

    public int Slot(int user) => _trained[user] ? user : -1;

    public IDisposable? Use(int group) => _base.UseAdapters(_bank);

    public void Save(string folder, IReadOnlyList<UserHistory> users)
    {
        for (var user = 0; user < users.Count; user++)
        {
            // Ids are data: no character of theirs may lead out of the folder.
            var name = Uri.EscapeDataString(users[user].Id).Replace(".", "%2E", StringComparison.Ordinal);
            if (_trained[user]) PeftAdapterFile.Save(Path.Combine(folder, name), _bank.Export(user, _base.Info));
        }
    }

    public void Dispose() => _bank.Dispose();

    /// <summary>Writes an adapter aside and measures it, so that the figure is the files' and not a formula's.</summary>
    private long BytesAsStored(int slot)
    {
        var aside = Directory.CreateTempSubdirectory("pbench-adapter-");
        try
        {
            PeftAdapterFile.Save(aside.FullName, _bank.Export(slot, _base.Info));
            return aside.EnumerateFiles().Sum(f => f.Length);
        }
        finally
        {
            aside.Delete(recursive: true);
        }
    }
}
