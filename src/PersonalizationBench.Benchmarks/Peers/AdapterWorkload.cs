using PersonalizationBench.Core;
using PersonalizationBench.Data.World;
using PersonalizationBench.Models;

namespace PersonalizationBench.Benchmarks;

/// <summary>Users and what each learns from, in two loads: a study's own, and one several times as heavy.</summary>
/// <param name="Name">Of the base's shape, as in the results.</param>
/// <param name="Load">The base at a precision, on the CPU; the caller disposes it.</param>
/// <param name="Texts">Of each user.</param>
/// <param name="BatchSequences">Texts of one user in one step.</param>
public sealed record AdapterWorkload(string Name, Func<Precision, LoadedBase> Load, IReadOnlyList<IReadOnlyList<string>> Texts, int BatchSequences)
{
    /// <summary>Ratio that is wanted of so many users or more, in the precision that this machine takes by itself; null: none.</summary>
    public double? Goal { get; init; }

    public const int UsersOfGoal = 32;

    /// <summary>As <c>experiments/quickstart.yaml</c> trains: the shipped base, users of the synthetic world, four documents a step.</summary>
    public static AdapterWorkload OfStudy(IBaseCatalog bases, int users)
    {
        const string Base = "world-1m";
        var dataset = new WorldLoader().Load(new WorldOptions { Population = Population.Tuning, Users = users });
        var texts = dataset.Users.Select(u => (IReadOnlyList<string>)[.. u.History.Select(d => d.Text + dataset.Format.DocumentSeparator)]);
        return new AdapterWorkload(Base, precision => (LoadedBase)bases.Load(Base, precision, "cpu"), [.. texts], 4) { Goal = 3 };
    }

    /// <summary>Adapts all in one bank on the base's device, from each one's own beginning.</summary>
    public static IReadOnlyList<SlotTraining> Together(LoadedBase loaded, LoraOptions lora, IReadOnlyList<SlotCorpus> corpora, AdapterTrainingOptions training, CancellationToken cancellation)
    {
        using var bank = new AdapterBank(loaded.Config, corpora.Count, lora, loaded.Weights.Device);
        foreach (var corpus in corpora) bank.Initialise(corpus.Slot, corpus.Seed);
        return AdapterTrainer.Train(loaded, bank, corpora, training, CostMeter.Unread(), cancellation);
    }

    /// <summary>What each user's slot learns from.</summary>
    public List<SlotCorpus> Corpora() => [.. Texts.Select((texts, user) => new SlotCorpus(user, [.. texts.Select(t => new TrainingText([new TextSegment(t, 1)]))]) { Seed = user })];

    /// <summary>A user has what a person might write in an afternoon, 16 texts of 40 words, and a step reads eight of them.</summary>
    public static AdapterWorkload Heavy(TrainingWorkload workload, int users)
    {
        const int TextsPerUser = 16, WordsPerText = 40;
        return new AdapterWorkload(workload.Name, Initialised, [.. Enumerable.Range(0, users).Select(Written)], 8);

        LoadedBase Initialised(Precision precision)
        {
            var weights = DecoderWeights.Initialise(workload.Model, seed: 1, precision);
            var info = new BaseInfo(workload.Name, "llama", "", workload.Model.Parameters, workload.Model.ContextLength, workload.Model.SmallestDimensions())
            {
                Precision = ComputePrecision.Name(weights.ComputeType),
                Device = "cpu",
            };
            return new LoadedBase(info, weights, TrainingWorkload.Tokenizer);
        }

        static IReadOnlyList<string> Written(int user)
        {
            var random = DeterministicRandom.For(user, "many-users");
            return [.. Enumerable.Range(0, TextsPerUser).Select(_ => TrainingWorkload.Text(random, WordsPerText))];
        }
    }
}
