using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>How a base of the suite's own came about, as <c>provenance.json</c> beside it says.</summary>
/// <param name="Steps">Of training.</param>
/// <param name="Tokens">Trained on.</param>
/// <param name="HeldOutLoss">At the end, in nats per weighted target; null where nothing was held out.</param>
/// <param name="Config">The whole configuration, as JSON.</param>
public sealed record BaseProvenance(int Steps, long Tokens, double? HeldOutLoss, JsonNode Config)
{
    /// <exception cref="PbenchException">Missing, or not what this suite writes.</exception>
    public static BaseProvenance Read(string folder)
    {
        var path = Path.Combine(folder, BaseFolder.ProvenanceName);
        try
        {
            var root = JsonNode.Parse(InputFile.ReadText(path));
            return new BaseProvenance((int)root!["steps"]!, (long)root["tokens"]!, (double?)root["held_out_loss"], root["config"]!.DeepClone());
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException)
        {
            throw new PbenchException($"{path}: expected an object with steps, tokens, held_out_loss and config, as pretraining writes it", e);
        }
    }
}
