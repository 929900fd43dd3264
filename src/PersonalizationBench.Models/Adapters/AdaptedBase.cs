using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models;

/// <summary>A base with one adapter of PEFT's on it: by a bank where it is updates of projections alone, else by weights of its own.</summary>
public sealed class AdaptedBase : IDisposable
{
    private readonly AdapterBank? _bank;
    private readonly IDisposable _ownership;

    private AdaptedBase(LoadedBase model, AdapterBank? bank, IDisposable ownership, IReadOnlyList<string> notes) => (Model, _bank, _ownership, Notes) = (model, bank, ownership, notes);

    /// <summary>What answers with the adapter, in requests of <see cref="Slot"/>.</summary>
    public LoadedBase Model { get; }

    /// <summary>Of requests that ask for the adapter.</summary>
    public int Slot => _bank is null ? -1 : 0;

    /// <summary>What of the adapter's settings nothing in its file answers to, in a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <param name="loaded">Stays the caller's, and in use until the result is disposed.</param>
    /// <param name="folder">As PEFT saves an adapter.</param>
    /// <exception cref="PbenchException">The adapter cannot be read, or is of another base.</exception>
    public static AdaptedBase Load(LoadedBase loaded, string folder)
    {
        var adapter = PeftAdapterFile.Load(folder);
        adapter.RequireBase(loaded.Info.Digest, folder);
        string[] notes = [.. adapter.Notes, .. PeftModules.Absent(loaded.Config, adapter) is { Count: > 0 } absent ? [$"{folder}: no tensors of {absent.Count} modules that target_modules names, such as '{absent[0]}': they are as in the base"] : (string[])[]];
        if (!AdapterBank.CanHold(loaded.Config, adapter))
        {
            var folded = loaded.Folded(adapter, folder);
            return new AdaptedBase(folded, null, folded, notes);
        }
        var bank = AdapterBank.Of(loaded.Config, adapter, folder, loaded.Info.Device);
        return new AdaptedBase(loaded, bank, loaded.UseAdapters(bank), notes);
    }

    public void Dispose()
    {
        _ownership.Dispose();
        _bank?.Dispose();
    }
}
