using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>How adapters are trained and judged: a strategy and metrics of the suite, which serving knows by this alone.</summary>
public interface IAdapterMethod
{
    /// <summary>Its type, as studies have it.</summary>
    string Strategy { get; }

    /// <summary>The training of a policy's next revision, from its parent on.</summary>
    /// <param name="parent">Null: from nothing.</param>
    /// <exception cref="PbenchException">Settings that do not fit the base, or the parent.</exception>
    AdapterTraining Prepare(StoredAdapter? parent, BaseInfo model);

    /// <summary>The base with an adapter of this method; null: alone.</summary>
    IPersonalModels Open(AdaptationRequest request, PeftAdapter? adapter);

    /// <exception cref="DivergedException">A score is no number: the model is none any more.</exception>
    Scores Score(IPersonalModels models, AdaptSource source, CancellationToken cancellation);
}

/// <param name="Settings">For the revision's provenance.</param>
/// <param name="Train">One user's adapter from one request.</param>
public sealed record AdapterTraining(JsonNode Settings, Func<AdaptationRequest, CancellationToken, PeftAdapter> Train);
