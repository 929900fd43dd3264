using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Runner.Tuning;

namespace PersonalizationBench.Runner.Studies;

/// <summary>From a study file to its cells: names are looked up, settings resolved, datasets loaded (their digests are part
/// of the keys), bases described but not loaded.</summary>
/// <param name="tuning">What was chosen for studies that are tuned; null: nothing was.</param>
public sealed class StudyPlanner(IReadOnlyList<IDatasetLoader> datasets, IBaseCatalog bases, IStrategyCatalog strategies, TuningResults? tuning = null)
{
    private const string BasesKey = "bases", TunedKey = "tuned";

    /// <exception cref="PbenchException">An unknown dataset, base, strategy, control or setting, missing data, or settings that were not chosen yet.</exception>
    public StudyPlan Plan(StudyFile file)
    {
        var baseInfos = DescribeBases(file);
        var families = PlanFamilies(file.Spec);
        var plannedDatasets = LoadDatasets(file.Spec.Dataset, file.Folder);
        var sections = file.Spec.Strategies.SelectMany(s => Settle(file, s, families, baseInfos, plannedDatasets)).ToList();
        return Complete(file, baseInfos, plannedDatasets, PlanStrategies(sections, file.Folder)) with { Families = families };
    }

    /// <summary>The configurations of the study's families on tuning users, nothing but their scores measured.</summary>
    /// <exception cref="PbenchException">As of <see cref="Plan"/>, or the study tunes nothing.</exception>
    public StudyPlan PlanTuning(StudyFile file)
    {
        if (file.Spec.Tune is not { } tune) throw PbenchException.At(file.Path, 1, "there is nothing to tune; expected tune: { families: [...] }");
        var baseInfos = DescribeBases(file);
        var families = PlanFamilies(file.Spec);
        List<PlannedDataset> plannedDatasets = [.. LoadDatasets(file.Spec.Dataset, file.Folder).Select(d => TuningFamily.OnTuningUsers(d, tune.Users))];
        var plannedStrategies = PlanStrategies([.. families.SelectMany(f => f.Configurations, (f, c) => new StrategySection(f.Section.Without(TuningFamily.FamilyKey), c.Section, f.Bases, null))], file.Folder);
        var asTuned = file with
        {
            Spec = file.Spec with
            {
                Seeds = tune.Seeds,
                AllowFewSeeds = true,
                LatencyProbes = 0,
                Memory = false,
                Publish = null,
                Controls = new ControlsSpec { Waived = "settings are chosen here and nothing is reported" },
            },
        };
        return Complete(asTuned, baseInfos, plannedDatasets, plannedStrategies) with { Families = families, IsTuning = true };
    }

    private StudyPlan Complete(StudyFile file, IReadOnlyList<BaseInfo> baseInfos, IReadOnlyList<PlannedDataset> plannedDatasets, IReadOnlyList<PlannedStrategy> plannedStrategies)
    {
        var spec = file.Spec;
        var cells =
            from baseInfo in baseInfos
            from dataset in plannedDatasets
            from strategy in plannedStrategies
            where strategy.Runs(baseInfo)
            from seed in strategy.SeedsOf(spec.Seeds)
            let key = Cell.KeyOf(bases.Engine, baseInfo, dataset.Data, strategy, seed, spec.Precision, spec.Device)
            select new Cell(key, baseInfo, dataset, strategy, seed, spec.Precision, spec.Device);
        return new StudyPlan(file, baseInfos, plannedDatasets, plannedStrategies, [.. cells]);
    }

    private List<BaseInfo> DescribeBases(StudyFile file)
    {
        At(file.Section.Find("device") ?? file.Section, () => bases.RequireDevice(file.Spec.Device));
        var section = file.Section.Find("bases")!;
        return [.. section.Items.Select(item => At(item, () => Describe(item.Text, file.Folder)))];
    }

    /// <summary>A name of the catalogue, or else a path, relative to the study file where that is there.</summary>
    private BaseInfo Describe(string name, string folder)
    {
        var beside = Path.Combine(folder, name);
        return !bases.Names.Contains(name) && Path.Exists(beside) ? bases.Describe(beside) with { Name = name, Path = beside } : bases.Describe(name);
    }

    private List<PlannedDataset> LoadDatasets(YamlSection section, string folder)
    {
        var name = Word(section, "name", "a dataset");
        var loader = Look(datasets, l => l.Name, name, "dataset");
        var options = Grid.Expand(section.Without("name"), loader.OptionsType).Select(point => StrictYaml.Bind(loader.OptionsType, point)).ToList();
        var settings = options.ConvertAll(o => CanonicalJson.Of(o).AsObject());
        var labels = Labels.For([.. settings.Select(s => (loader.Name, s, (IReadOnlyList<string>)[""]))], _ => loader.OptionsType);
        return [.. options.Select((o, i) => new PlannedDataset(labels[i], settings[i], At(section, () => loader.Load(Located(o, folder)))))];
    }

    private static object Located(object options, string folder) => options is IFileOptions files ? files.In(folder) : options;

    /// <summary>A strategy of the file.</summary>
    /// <param name="Section">As it stands there.</param>
    /// <param name="Settings">With its axes, and what was chosen for it.</param>
    private sealed record StrategySection(YamlSection Section, YamlSection Settings, IReadOnlyList<string> Bases, Tuned? Tuned);

    private StrategyDescriptor DescriptorOf(YamlSection section) => Look(strategies.Strategies, s => s.Type, Word(section, "type", "a strategy"), "strategy");

    private List<TuningFamily> PlanFamilies(StudySpec spec) => [.. (spec.Tune?.Families ?? []).Select(section =>
    {
        var descriptor = DescriptorOf(section);
        var name = section.Find(TuningFamily.FamilyKey) is { } given ? Word(section, TuningFamily.FamilyKey, "a family").Text : descriptor.Type;
        var points = Grid.Expand(section.Without("type", BasesKey, TuningFamily.FamilyKey), descriptor.OptionsType);
        return new TuningFamily(name, descriptor.Type, section, BasesOf(section, spec.Bases),
            [.. points.Select(p => new Configuration(p, CanonicalJson.Write(CanonicalJson.Of(StrictYaml.Bind(descriptor.OptionsType, p)))))]);
    })];

    /// <summary>A strategy with the settings that were chosen for it: on each base its own, where they differ.</summary>
    private IEnumerable<StrategySection> Settle(StudyFile file, YamlSection section, IReadOnlyList<TuningFamily> families, IReadOnlyList<BaseInfo> baseInfos, IReadOnlyList<PlannedDataset> plannedDatasets)
    {
        var type = DescriptorOf(section).Type;
        var own = section.Without("type", "control", BasesKey, TunedKey);
        var on = BasesOf(section, file.Spec.Bases);
        if (section.Find(TunedKey) is null) return [new StrategySection(section, own, on, null)];

        var word = Word(section, TunedKey, "a family");
        var family = Look([.. families.Where(f => f.Type == type)], f => f.Name, word, $"family of {type} under tune");
        foreach (var swept in families.Where(f => f.Name == family.Name && f.Type == type).SelectMany(f => f.Swept))
        {
            if (own.Find(swept) is { } given) throw given.Error($"'{family.Name}' chooses {swept}; expected it only under tune, or no tuned: {family.Name}");
        }
        var chosen = baseInfos.Where(b => on.Contains(b.Name)).Select(b => (Base: b.Name, Choice: Chosen(file, word, families, family.Name, type, b, plannedDatasets))).ToList();
        return chosen.GroupBy(c => c.Choice.Configuration).Select(g => new StrategySection(section, own.Over(g.Key.Section), [.. g.Select(c => c.Base)], g.First().Choice.Tuned));
    }

    private (Configuration Configuration, Tuned Tuned) Chosen(StudyFile file, YamlSection word, IReadOnlyList<TuningFamily> families, string family, string type, BaseInfo on, IReadOnlyList<PlannedDataset> plannedDatasets)
    {
        var tune = file.Spec.Tune!;
        var grid = TuningFamily.Grid(families, family, on, tune, plannedDatasets.Select(d => TuningFamily.OnTuningUsers(d, tune.Users)));
        var row = tuning?.Of(file.Spec.Study).FirstOrDefault(r => r.Base == on.Name && r.Family == family && r.Strategy == type && r.Grid == grid)
            ?? throw word.Error($"nothing was chosen for '{family}' on {on.Name} yet from what stands under tune; first: pbench tune {file.Path}");
        var configuration = families.Where(f => f.Name == family && f.Type == type && f.Bases.Contains(on.Name)).SelectMany(f => f.Configurations).First(c => c.Settings == row.Settings);
        return (configuration, new Tuned(family, row.Objective, row.Configurations, row.Seeds, row.Users));
    }

    private List<PlannedStrategy> PlanStrategies(IReadOnlyList<StrategySection> sections, string folder)
    {
        var points = sections.SelectMany(s =>
        {
            var descriptor = DescriptorOf(s.Section);
            return Grid.Expand(s.Settings, descriptor.OptionsType)
                .Select(point => (descriptor, section: s.Section, Control: Control(s.Section), s.Bases, s.Tuned, Options: StrictYaml.Bind(descriptor.OptionsType, point)));
        }).Select(p => p with { Options = At(p.section, () => Located(p.Options, folder)) }).ToList();
        var settings = points.ConvertAll(p => CanonicalJson.Of(p.Options).AsObject());
        var labels = Labels.For([.. points.Select((p, i) => (p.descriptor.Type, settings[i], p.Bases))],
            type => strategies.Strategies.Single(s => s.Type == type).OptionsType);
        return [.. points.Select((p, i) =>
        {
            var probe = p.descriptor.Create(p.Options);
            return new PlannedStrategy(p.descriptor, p.Options, labels[i], p.Control, CanonicalJson.Write(settings[i]), probe.IsTrained, probe.SeesEvidence, p.section.LineOf("type"), p.Bases,
                () => p.Control.Length == 0 ? p.descriptor.Create(p.Options) : strategies.WithWrongUsers(p.descriptor.Create(p.Options)))
            { Tuned = p.Tuned };
        })];
    }

    /// <summary>A strategy that wants other settings on other bases stands several times, each time with the bases it is for.</summary>
    private static IReadOnlyList<string> BasesOf(YamlSection section, IReadOnlyList<string> all)
    {
        if (section.Find(BasesKey) is not { } named) return all;
        if (named.Kind != YamlKind.List || named.Items.Count == 0) throw named.Error($"expected some of the study's bases as a list, found {named.Describe()}");
        return [.. named.Items.Select(item => all.Contains(item.Text) ? item.Text : throw item.Error($"'{item.Text}' is none of the study's bases; expected some of {string.Join(", ", all)}"))];
    }

    private static string Control(YamlSection section)
    {
        if (section.Find("control") is not { } control) return "";
        return control.Text == PlannedStrategy.WrongUser ? control.Text : throw control.Error($"expected {PlannedStrategy.WrongUser}, found {control.Describe()}");
    }

    private static YamlSection Word(YamlSection section, string key, string what)
    {
        if (section.Kind != YamlKind.Mapping) throw section.Error($"expected {what} as a mapping with the key {key}, found {section.Describe()}");
        var word = section.Find(key) ?? throw section.Error($"key '{key}' is missing");
        return word.Kind == YamlKind.Scalar ? word : throw word.Error($"expected the name of {what}, found {word.Describe()}");
    }

    private static T Look<T>(IReadOnlyList<T> known, Func<T, string> nameOf, YamlSection word, string what)
    {
        if (known.FirstOrDefault(k => nameOf(k) == word.Text) is { } found) return found;
        var nearest = NearestWord.Find(word.Text, known.Select(nameOf));
        throw word.Error($"unknown {what} '{word.Text}'; {(nearest is null ? $"expected one of {string.Join(", ", known.Select(nameOf))}" : $"did you mean '{nearest}'?")}");
    }

    /// <summary>What a catalogue or loader objects to, with the place in the study that asked for it.</summary>
    private static T At<T>(YamlSection section, Func<T> resolve)
    {
        try
        {
            return resolve();
        }
        catch (PbenchException e)
        {
            throw section.Error(e.Message);
        }
    }
}
