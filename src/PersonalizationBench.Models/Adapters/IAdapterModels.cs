using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models;

/// <summary>Personal models, some or all of which are an adapter on the base: what a registry can keep of them.</summary>
public interface IAdapterModels
{
    /// <summary>The adapter of every user who has one, in the order of the users; read it before the models are disposed.</summary>
    IEnumerable<(string UserId, PeftAdapter Adapter)> ExportAdapters();
}
