using System.Text.Json.Serialization;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.SavedAdapter;

/// <summary>Settings of adapters that exist already.</summary>
public sealed record SavedAdapterOptions : IFileOptions, IDatasetNeeds
{
    /// <summary>Holds a folder for each user, named by the user's id, with the two files that PEFT writes. Relative to the study file.</summary>
    public string Folder { get; init; } = "";

    /// <summary>SHA-256 over the adapters' files, found when the study is read: other adapters are another cell.</summary>
    public string Digest { get; internal init; } = "";

    /// <summary>Where the folder is.</summary>
    [JsonIgnore]
    public string Place { get; internal init; } = "";

    public object In(string folder)
    {
        if (Folder.Length == 0) throw new PbenchException("key 'folder' is missing: where the users' adapters are");
        var place = Path.Combine(folder, Folder);
        if (!Directory.Exists(place)) throw new PbenchException($"folder: {place} is not there; expected a folder with a folder of {PeftAdapterFile.ConfigName} and {PeftAdapterFile.WeightsName} for each user");
        var files = Directory.EnumerateFiles(place, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) is PeftAdapterFile.ConfigName or PeftAdapterFile.WeightsName)
            .Select(f => (Name: Path.GetRelativePath(place, f), Path: f)).OrderBy(f => f.Name, StringComparer.Ordinal);
        return this with { Place = place, Digest = Core.Digest.Of(string.Concat(files.Select(f => $"{f.Name} {Core.Digest.OfFile(f.Path)}\n"))) };
    }

    public IEnumerable<string> Lacks(Dataset dataset)
    {
        var missing = dataset.Users.Where(u => !File.Exists(Path.Combine(AdapterFolders.PathOf(Place, u.Id), PeftAdapterFile.ConfigName))).ToList();
        if (missing.Count == 0) yield break;
        var nearest = NearestWord.Find(AdapterFolders.NameOf(missing[0].Id), Directory.EnumerateDirectories(Place).Select(d => Path.GetFileName(d)));
        yield return $"folder: {missing.Count} of {dataset.Users.Count} users have no adapter there, such as {missing[0].Id}; expected {Path.Combine(AdapterFolders.PathOf(Folder, missing[0].Id), PeftAdapterFile.ConfigName)}{(nearest is null ? "" : $"; did you mean '{nearest}'?")}";
    }
}

/// <summary>An adapter per user that was trained elsewhere and saved as PEFT does; the prompt is the bare question. Nothing is trained here, and nothing says what it cost.</summary>
public sealed class SavedAdapterStrategy(SavedAdapterOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var adapters = request.Histories.Select(h => Load(AdapterFolders.PathOf(options.Place, h.Owner), request.Base.Info)).ToList();
        return new PersonalModels(request, InContext.Nothing, AdapterWeights.Of(request, adapters), new PromptAnswering(request));
    }

    private static (PeftAdapter Adapter, string Source) Load(string folder, BaseInfo model)
    {
        var adapter = PeftAdapterFile.Load(folder);
        adapter.RequireBase(model.Digest, folder);
        return (adapter, folder);
    }
}
