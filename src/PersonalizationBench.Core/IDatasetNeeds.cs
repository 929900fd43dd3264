namespace PersonalizationBench.Core;

/// <summary>Settings of a strategy that needs something of the dataset, which not every dataset has.</summary>
public interface IDatasetNeeds
{
    /// <summary>What the dataset lacks, a sentence each, before anything costs time.</summary>
    IEnumerable<string> Lacks(Dataset dataset);
}
