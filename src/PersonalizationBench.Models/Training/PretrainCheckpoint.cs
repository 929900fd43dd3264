using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Masters and moments in one safetensors file, with the state as its metadata.</summary>
internal static class PretrainCheckpoint
{
    public static void Save(string path, IReadOnlyList<TrainedTensor> tensors, PretrainState state, string runDigest) =>
        SafetensorsFile.Write(
            path,
            tensors.SelectMany(Parts).Select(p => TensorConversion.ToData(p.Name, p.Tensor)),
            new Dictionary<string, string>
            {
                ["run"] = runDigest,
                ["stage"] = state.Stage.ToString(CultureInfo.InvariantCulture),
                ["stage_step"] = state.StageStep.ToString(CultureInfo.InvariantCulture),
                ["step"] = state.Step.ToString(CultureInfo.InvariantCulture),
                ["tokens"] = state.Tokens.ToString(CultureInfo.InvariantCulture),
                ["last_loss"] = state.LastLoss.ToString("R", CultureInfo.InvariantCulture),
            });

    /// <param name="runDigest">What the digest must be for a checkpoint taken in the given stage.</param>
    /// <summary>Fills the tensors. Throws <see cref="PbenchException"/> where the checkpoint is of another run.</summary>
    public static PretrainState Load(string path, IReadOnlyList<TrainedTensor> tensors, Func<int, string> runDigest)
    {
        using var file = SafetensorsFile.Open(path);
        if (Text("run") != runDigest((int)Number("stage"))) throw new PbenchException($"{path}: this checkpoint is of another configuration or corpus; delete it, or train into another folder");
        using var off = no_grad();
        foreach (var (name, tensor) in tensors.SelectMany(Parts))
        {
            using var scope = NewDisposeScope();
            tensor.copy_(torch.tensor(file.ReadSingles(name)).view(tensor.shape));
        }
        return new PretrainState((int)Number("stage"), (int)Number("stage_step"), (int)Number("step"), Number("tokens"), double.Parse(Text("last_loss"), CultureInfo.InvariantCulture));

        string Text(string key) => file.Metadata.TryGetValue(key, out var value) ? value : throw new PbenchException($"{path}: metadata '{key}' is missing; this is not a checkpoint of pretraining");
        long Number(string key) => long.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : throw new PbenchException($"{path}: metadata '{key}': expected a number, found '{Text(key)}'");
    }

    private static IEnumerable<(string Name, Tensor Tensor)> Parts(TrainedTensor tensor) =>
        [("weight/" + tensor.Name, tensor.Master), ("mean/" + tensor.Name, tensor.Mean), ("variance/" + tensor.Name, tensor.Variance)];
}
