using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

public enum RegistryError
{
    /// <summary>What was asked for is not there, or is not the asker's: the two are not told apart.</summary>
    Missing,

    /// <summary>Something else is there than was expected; ask again and decide anew.</summary>
    Conflict,

    /// <summary>The request itself is wrong.</summary>
    Invalid,

    /// <summary>The owner's bytes are used up.</summary>
    OverQuota,
}

/// <summary>A request that the registry refuses; nothing was changed.</summary>
public sealed class RegistryException(RegistryError error, string message) : PbenchException(message)
{
    public RegistryError Error => error;
}
