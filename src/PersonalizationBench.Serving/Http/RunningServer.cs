using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Serving;

/// <summary>What the server may take.</summary>
/// <param name="SlotRank">Largest rank, in all modules, that a slot has room for.</param>
public sealed record ServingMemory(int Slots, int SlotRank, long AdapterBytes, long PageBytes);

/// <summary>A base, its engine and the HTTP server over them.</summary>
public sealed class RunningServer : IDisposable
{
    private RunningServer(ServerParts parts, WebApplication http) => (Parts, Http) = (parts, http);

    public ServerParts Parts { get; }

    public WebApplication Http { get; }

    public ICollection<string> Addresses => Http.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;

    /// <summary>The engine runs, HTTP is built and not started. The registry stays the caller's.</summary>
    public static RunningServer Start(IBaseCatalog bases, TimeProvider clock, string name, Precision precision, IRegistry registry, ServingMemory memory, EngineOptions engineOptions, ServerOptions options)
    {
        var parts = StartEngine(bases, clock, name, precision, registry, memory, engineOptions);
        return new RunningServer(parts, Server.Build(parts, options));
    }

    public static ServerParts StartEngine(IBaseCatalog bases, TimeProvider clock, string name, Precision precision, IRegistry registry, ServingMemory memory, EngineOptions engineOptions)
    {
        using var loaded = bases.Load(name, precision, "cpu") as LoadedBase ?? throw new PbenchException($"base '{name}' cannot be served");
        var pages = (int)Math.Min(int.MaxValue, memory.PageBytes / PagedModel.BytesOfPage(loaded));
        if (pages < 1) throw new PbenchException($"--kv-memory: {memory.PageBytes} bytes hold not one page of {PagedModel.BytesOfPage(loaded)}");
        // Whatever type the products will have, a slot has room for it.
        var slotBytes = new AdapterLayout(loaded.Config, isBFloat16: false).BytesOf(memory.SlotRank);
        var model = PagedModel.Create(loaded, new PagedOptions(pages, memory.Slots, slotBytes));
        var adapters = new AdapterCache(new RegistryAdapterSource(registry.Blobs, model.Layout, loaded.Info.Digest), memory.AdapterBytes, clock);
        var engine = new ServingEngine(model, loaded.Info.Digest, adapters, engineOptions, clock);
        HashSet<int> stops = [.. loaded.Tokenizer.Ends(), .. loaded.Info.EndIds];
        return new ServerParts(loaded.Info, loaded.Config, loaded.Tokenizer, stops, new Lazy<ChatTemplate?>(loaded.ChatTemplate), engine, adapters, registry, clock);
    }

    public void Dispose()
    {
        ((IDisposable)Http).Dispose();
        Parts.Engine.Dispose();
    }
}
