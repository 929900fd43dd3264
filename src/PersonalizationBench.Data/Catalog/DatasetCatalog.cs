using PersonalizationBench.Data.Own;
using PersonalizationBench.Data.Real;
using PersonalizationBench.Data.World;

namespace PersonalizationBench.Data.Catalog;

/// <summary>The datasets that a study may name.</summary>
public static class DatasetCatalog
{
    /// <param name="files">Where the real ones are; looked at only when one of them is loaded.</param>
    public static IReadOnlyList<IDatasetLoader> Loaders(DataFiles files) =>
    [
        new WorldLoader(),
        new PanzaLoader(files),
        new PepysLoader(files),
        new OwnUsersLoader(),
    ];
}
