using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>What an adapter adds to one projection: s B A x.</summary>
/// <param name="Module">By <see cref="WeightNames.Module"/>.</param>
/// <param name="Origin">The adapter's module that it comes from, for errors.</param>
/// <param name="A">[r, in]</param>
/// <param name="B">[out, r]</param>
internal sealed record ProjectionFactors(string Module, string Origin, int Rank, double Scaling, ReadOnlyMemory<float> A, ReadOnlyMemory<float> B);

/// <summary>
/// Between an adapter's modules as PEFT knows them and the projections here. GPT-2's <c>c_attn</c> and GPT-NeoX's
/// <c>query_key_value</c> are query, key and value in one product, which PEFT gives one A [r, in] and one B [q + k + v, r]; here each has
/// its own.
/// </summary>
/// <remarks>
/// Both ways are exact. Split: each projection gets the rows of B that are its, and A without the components that those rows do not
/// use. Joined: where query, key and value have the same A, it is the module's, and their B lie one below the other; where they differ, as
/// they do once trained here, the As lie one below the other and the Bs as blocks on a diagonal, which is of a rank as many times as high:
/// <c>rank_pattern</c> and <c>alpha_pattern</c> say so, with an alpha that leaves the factor s as it was.
/// </remarks>
internal static class PeftModules
{
    /// <summary>Projections of the base that the settings name and the file has no tensors of: they are as in the base.</summary>
    public static IReadOnlyList<string> Absent(DecoderConfig config, PeftAdapter adapter)
    {
        var present = adapter.Modules.Select(m => m.Module).ToHashSet(StringComparer.Ordinal);
        return [.. Places(config).Keys.Where(path => adapter.Config.Targets(path) && !present.Contains(path))];
    }

    /// <summary>Why an adapter is more than updates of this base's projections; null: it is not.</summary>
    public static string? Beyond(DecoderConfig config, PeftAdapter adapter) => Beyond(config, adapter, Places(config));

    private static string? Beyond(DecoderConfig config, PeftAdapter adapter, Dictionary<string, (int Layer, FileModule Module)> places)
    {
        if (adapter.BeyondFactors is { } beyond) return $"{beyond}; expected updates s B A of projections alone";
        return adapter.Modules.FirstOrDefault(m => !places.ContainsKey(m.Module)) is { } stranger
            ? $"'{stranger.Module}' is no projection of this base; expected some of {string.Join(", ", FileModule.Of(config).Select(m => m.Name))} in its {config.Layers} layers" : null;
    }

    /// <exception cref="PbenchException">The adapter is more than updates of the base's projections, or a module has another shape there.</exception>
    public static IReadOnlyList<ProjectionFactors> Split(DecoderConfig config, PeftAdapter adapter, string source)
    {
        var places = Places(config);
        if (Beyond(config, adapter, places) is { } why) throw new PbenchException($"{source}: {why}");
        return [.. adapter.Modules.SelectMany(factors => Split(config, adapter.Config, factors, places[factors.Module], source))];
    }

    private static Dictionary<string, (int Layer, FileModule Module)> Places(DecoderConfig config)
    {
        var known = FileModule.Of(config);
        return (from layer in Enumerable.Range(0, config.Layers) from module in known select (Layer: layer, Module: module)).ToDictionary(p => p.Module.Path(config, p.Layer));
    }

    private static IEnumerable<ProjectionFactors> Split(DecoderConfig config, PeftAdapterConfig settings, LoraFactors factors, (int Layer, FileModule Module) place, string source)
    {
        var (layer, module) = place;
        var (rank, scaling) = (settings.RankOf(factors.Module), settings.ScalingOf(factors.Module));
        var (input, outputs) = (config.ProjectionShape(module.Projections[0]).Input, module.Projections.Select(p => config.ProjectionShape(p).Output).ToList());
        if (factors.InFeatures != input || factors.OutFeatures != outputs.Sum())
            throw new PbenchException($"{source}: module '{factors.Module}': expected {input} in and {outputs.Sum()} out, found {factors.InFeatures} and {factors.OutFeatures}");
        if (!module.IsFused)
        {
            yield return new ProjectionFactors(WeightNames.Module(layer, module.Projections[0]), factors.Module, rank, scaling, factors.AValues(), factors.BValues());
            yield break;
        }
        var (a, b) = (factors.ASingles(), module.RowsApart(config, factors.BSingles(), rank));
        var all = Enumerable.Range(0, rank).ToArray();
        // What has learned nothing yet keeps its A, from which it can learn.
        var keepsAll = b.All(v => v == 0);
        var start = 0;
        foreach (var (projection, output) in module.Projections.Zip(outputs))
        {
            var rows = b.AsMemory(start, output * rank);
            start += output * rank;
            var used = keepsAll ? all : [.. all.Where(component => Enumerable.Range(0, output).Any(row => rows.Span[row * rank + component] != 0))];
            if (used.Length == 0) continue;
            yield return new ProjectionFactors(
                WeightNames.Module(layer, projection), factors.Module, used.Length, scaling,
                used.SelectMany(component => a.Skip(component * input).Take(input)).ToArray(),
                Enumerable.Range(0, output).SelectMany(row => used.Select(component => rows.Span[row * rank + component])).ToArray());
        }
    }

    /// <param name="settings">Rank, alpha and base of every one of <paramref name="projections"/>, which are adapted in every layer.</param>
    public static PeftAdapter Join(DecoderConfig config, PeftAdapterConfig settings, IReadOnlyList<ProjectionFactors> projections, string? baseDigest)
    {
        var (byModule, known) = (projections.ToDictionary(p => p.Module), FileModule.Of(config));
        var modules = (
            from layer in Enumerable.Range(0, config.Layers)
            from module in known
            let parts = module.Projections.Select(p => byModule.GetValueOrDefault(WeightNames.Module(layer, p))).ToList()
            where parts.Any(p => p is not null)
            select (Layer: layer, Module: module, Parts: parts)).ToList();
        var stacked = modules.Where(m => !SharesA(m.Parts)).Select(m => m.Module).Distinct().ToList();
        var times = new SortedDictionary<string, int>(stacked.ToDictionary(m => m.Name, m => modules.First(other => other.Module == m).Parts.Count(p => p is not null)), StringComparer.Ordinal);
        var joined = settings with
        {
            TargetModules = [.. modules.Select(m => m.Module.Name)],
            FanInFanOut = config.ModelType == "gpt2",
            RankPattern = new(times.Select(t => KeyValuePair.Create(t.Key, t.Value * settings.Rank))),
            AlphaPattern = new(times.Select(t => KeyValuePair.Create(t.Key, settings.Alpha * (settings.UseRsLora ? Math.Sqrt(t.Value) : t.Value)))),
        };
        return new PeftAdapter(joined, [.. modules.Select(m => Join(config, settings.Rank, m.Module, m.Layer, m.Parts, isStacked: times.ContainsKey(m.Module.Name)))], baseDigest);
    }

    /// <summary>Whether those that have something to say say it from the same A.</summary>
    private static bool SharesA(IReadOnlyList<ProjectionFactors?> parts)
    {
        var speaking = parts.OfType<ProjectionFactors>().Where(Speaks).ToList();
        return speaking.Skip(1).All(p => p.A.Span.SequenceEqual(speaking[0].A.Span));
    }

    private static bool Speaks(ProjectionFactors part) => part.B.Span.ContainsAnyExcept(0f);

    private static LoraFactors Join(DecoderConfig config, int rank, FileModule module, int layer, IReadOnlyList<ProjectionFactors?> parts, bool isStacked)
    {
        var path = module.Path(config, layer);
        var present = parts.OfType<ProjectionFactors>().ToList();
        if (!module.IsFused) return LoraFactors.FromSingles(path, rank, present[0].A.ToArray(), present[0].B.ToArray());
        var width = isStacked ? present.Count * rank : rank;
        var outputs = module.Projections.Select(p => config.ProjectionShape(p).Output).ToList();
        var b = new float[outputs.Sum() * width];
        var start = 0;
        foreach (var (part, output) in parts.Zip(outputs))
        {
            var offset = isStacked && part is not null ? present.IndexOf(part) * rank : 0;
            for (var row = 0; part is not null && row < output; row++) part.B.Span.Slice(row * rank, rank).CopyTo(b.AsSpan((start + row) * width + offset, rank));
            start += output;
        }
        var a = isStacked ? present.SelectMany(p => p.A.ToArray()).ToArray() : (present.Find(Speaks) ?? present[0]).A.ToArray();
        return LoraFactors.FromSingles(path, width, a, module.RowsTogether(config, b, width));
    }
}
