using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Real;
using PersonalizationBench.Data.World;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Pretraining;

/// <summary>A stage's corpus and, for the record, its settings with their defaults.</summary>
public sealed record StageCorpus(ITrainingCorpus Corpus, IReadOnlyDictionary<string, string> Settings);

/// <summary>What bases are trained on, by the name that their file gives it.</summary>
public static class TrainingData
{
    public const string World = "world", Novels = "novels";

    /// <param name="settings">The section <c>corpus</c> of a stage.</param>
    /// <param name="files">Where the novels are; looked at only where they are asked for.</param>
    public static StageCorpus Of(string data, YamlSection settings, DataFiles files)
    {
        return data switch
        {
            World => Corpus<WorldCorpusOptions>(o => new WorldCorpus(o)),
            Novels => Corpus<NovelsCorpusOptions>(o => new NovelsCorpus(o, files.Require(NovelsCorpus.Dataset))),
            _ => throw new ArgumentException($"there is no corpus '{data}'", nameof(data)),
        };

        StageCorpus Corpus<T>(Func<T, ITrainingCorpus> make) where T : notnull
        {
            var options = StrictYaml.Bind<T>(settings);
            return new StageCorpus(make(options), CanonicalJson.Of(options).AsObject().ToDictionary(p => p.Key, p => p.Value?.ToJsonString() ?? "null"));
        }
    }
}
