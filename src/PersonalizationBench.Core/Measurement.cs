namespace PersonalizationBench.Core;

/// <summary>The version of the code that measures: part of every cell's key.</summary>
public static class Measurement
{
    /// <summary>Raise it with any change after which the same cell could give another answer or score.</summary>
    public const string Version = "3";
}
