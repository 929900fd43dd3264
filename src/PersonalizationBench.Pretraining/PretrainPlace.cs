using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Pretraining;

/// <summary>Where bases are trained.</summary>
/// <param name="Root">What an <c>output</c> is relative to.</param>
/// <param name="BasesFolder">Where a base goes that names no <c>output</c>.</param>
/// <param name="Output">Told what goes on.</param>
public sealed record PretrainPlace(DataFiles Files, string Root, string BasesFolder, TextWriter Output, TimeProvider Clock);
