using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Catalog;

/// <summary>Makes a dataset of its settings: <c>dataset: { name: NAME, ... }</c> in a study.</summary>
public interface IDatasetLoader
{
    /// <summary>Its word in a study file.</summary>
    string Name { get; }

    /// <summary>One line for <c>pbench list</c>.</summary>
    string Summary { get; }

    /// <summary>A record with a parameterless constructor: documented settings with their defaults.</summary>
    Type OptionsType { get; }

    /// <summary>The same options and files give the same dataset.</summary>
    /// <exception cref="PbenchException">Settings out of range, files that are missing or not the expected ones.</exception>
    Dataset Load(object options);
}
