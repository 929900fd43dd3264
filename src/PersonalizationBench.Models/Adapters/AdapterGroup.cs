using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>The stacked adapters of slots that train together, copied out of the bank in the order of their learners,
/// with moments and copies in the products' type.</summary>
internal sealed class AdapterGroup : IDisposable
{
    private readonly List<(AdapterSite Site, TrainedTensor A, TrainedTensor B)> _sites = [];
    private readonly int _layers, _projections;

    public AdapterGroup(AdapterBank bank, IReadOnlyList<SlotLearner> learners, ScalarType type)
    {
        (Learners, _layers, _projections) = (learners, bank.Config.Layers, bank.Config.Projections.Count);
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var slots = tensor(learners.Select(l => (long)l.Slot).ToArray()).to(bank.Sites[0].A.device);
        foreach (var site in bank.Sites) _sites.Add((site, Gather(site.Module + ".lora_A", site.A), Gather(site.Module + ".lora_B", site.B)));

        TrainedTensor Gather(string name, Tensor stacked)
        {
            var master = stacked.index_select(0, slots).DetachFromDisposeScope();
            return TrainedTensor.Start(name, master, type == ScalarType.Float32 ? master : master.to(type).DetachFromDisposeScope(), decays: true);
        }
    }

    public IReadOnlyList<SlotLearner> Learners { get; }

    /// <summary>The first <paramref name="active"/> slots as leaves of a new graph, in the current dispose scope.</summary>
    public AdapterView View(int active)
    {
        var pairs = new (Tensor, Tensor)?[_layers, _projections];
        var tensors = new List<TrainedTensor>();
        foreach (var (site, a, b) in _sites)
        {
            var (leafA, leafB) = (a.Leaf(active), b.Leaf(active));
            tensors.Add(leafA);
            tensors.Add(leafB);
            pairs[site.Layer, site.Projection] = (leafA.Copy, leafB.Copy);
        }
        return new AdapterView(pairs, tensors);
    }

    /// <summary>Copies what was learned into the slots; no other slot is touched.</summary>
    public void WriteBack(AdapterBank bank)
    {
        bank.Changed();
        using var off = no_grad();
        for (var i = 0; i < Learners.Count; i++)
        {
            foreach (var (site, a, b) in _sites)
            {
                using var scope = NewDisposeScope();
                site.A.select(0, Learners[i].Slot).copy_(a.Master.select(0, i));
                site.B.select(0, Learners[i].Slot).copy_(b.Master.select(0, i));
            }
        }
    }

    public void Dispose()
    {
        foreach (var tensor in _sites.SelectMany(s => new[] { s.A, s.B }))
        {
            tensor.Master.Dispose();
            tensor.Copy.Dispose();
            tensor.DisposeMoments();
        }
    }
}

/// <summary>Leaves of one step's graph.</summary>
internal sealed record AdapterView((Tensor A, Tensor B)?[,] Pairs, IReadOnlyList<TrainedTensor> Tensors)
{
    /// <summary>Some neighbouring slots, with the gradients that backward left on them.</summary>
    public IReadOnlyList<TrainedTensor> Slice(int start, int count) => Slice(Tensors, start, count);

    /// <inheritdoc cref="Slice(int, int)"/>
    public static IReadOnlyList<TrainedTensor> Slice(IReadOnlyList<TrainedTensor> tensors, int start, int count)
    {
        if (start == 0 && tensors[0].Master.size(0) == count) return tensors;
        using var off = no_grad();
        return [.. tensors.Select(t => Narrowed(t, start, count))];
    }

    private static TrainedTensor Narrowed(TrainedTensor whole, int start, int count)
    {
        var master = whole.Master.detach().narrow(0, start, count);
        var copy = ReferenceEquals(whole.Copy, whole.Master) ? master : whole.Copy.detach().narrow(0, start, count);
        copy.grad = whole.Copy.grad!.narrow(0, start, count);
        return whole with { Master = master, Copy = copy, Mean = whole.Mean.narrow(0, start, count), Variance = whole.Variance.narrow(0, start, count) };
    }
}
