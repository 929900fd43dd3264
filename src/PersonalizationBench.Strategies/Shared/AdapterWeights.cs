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

    /// <summary>An adapter as it is, for the request's one user.</summary>
    public static AdapterWeights Of(AdaptationRequest request, PeftAdapter adapter)
    {
        var loadedBase = HistoryTexts.Trainable(request);
        return new AdapterWeights(loadedBase, BankOf(request, loadedBase, adapter), [true]);
    }

    /// <summary>Adapters as they are, one for each of the request's users.</summary>
    public static AdapterWeights Of(AdaptationRequest request, IReadOnlyList<(PeftAdapter Adapter, string Source)> adapters)
    {
        var loadedBase = HistoryTexts.Trainable(request);
        return new AdapterWeights(loadedBase, AdapterBank.Of(loadedBase.Config, adapters, loadedBase.Info.Device), [.. adapters.Select(_ => true)]);
    }

    /// <summary>Trains every user's adapter on that user's material. A user without any keeps the base.</summary>
    /// <param name="parent">What training goes on from, keeping its rank, scaling and modules, for a request of one user; null: from nothing.</param>
    public static AdapterWeights Train(AdaptationRequest request, AdapterSettings settings, StudyTexts study, CostMeter meter, CancellationToken cancellation, PeftAdapter? parent = null)
    {
        var loadedBase = HistoryTexts.Trainable(request);
        var users = request.Histories;
        var bank = parent is null
            ? new AdapterBank(loadedBase.Config, Math.Max(1, users.Count), settings.ToLora(loadedBase.Info), loadedBase.Info.Device)
            : BankOf(request, loadedBase, parent);
        try
        {
            var corpora = new List<SlotCorpus>();
            for (var user = 0; user < users.Count; user++)
            {
                if (parent is null) bank.Initialise(user, HistoryTexts.SeedOf(users[user], request, "adapter"));
                if (study.OfUsers[user] is { Count: > 0 } texts) corpora.Add(new SlotCorpus(user, texts) { Seed = HistoryTexts.SeedOf(users[user], request, "order of documents") });
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
            return new AdapterWeights(loadedBase, bank, [.. study.OfUsers.Select(t => t.Count > 0)]);
        }
        catch
        {
            bank.Dispose();
            throw;
        }
    }

    public long TrainableParameters => _bank.ParametersPerSlot;

    /// <summary>Both files of the adapter's folder; a user who was not trained has none.</summary>
    public long StoredBytesPerUser { get; }

    public int Group(int user) => 0;

    public int Slot(int user) => _trained[user] ? user : -1;

    public IDisposable? Use(int group) => _base.UseAdapters(_bank);

    public IEnumerable<(string UserId, PeftAdapter Adapter)> Export(IReadOnlyList<UserHistory> users) =>
        users.Index().Where(u => _trained[u.Index]).Select(u => (u.Item.Id, _bank.Export(u.Index, _base.Info)));

    public void Dispose() => _bank.Dispose();

    private static AdapterBank BankOf(AdaptationRequest request, LoadedBase loadedBase, PeftAdapter adapter)
    {
        if (request.Histories.Count != 1) throw new ArgumentException($"{request.Histories.Count} users; expected the one whose adapter it is", nameof(request));
        adapter.RequireBase(loadedBase.Info.Digest, "parent");
        return AdapterBank.Of(loadedBase.Config, adapter, "parent", loadedBase.Info.Device);
    }

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
