using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Runner.Studies;

/// <summary>From a study file to its cells: names are looked up, settings resolved, datasets loaded (their digests are part
/// of the keys), bases described but not loaded.</summary>
public sealed class StudyPlanner(IReadOnlyList<IDatasetLoader> datasets, IBaseCatalog bases, IStrategyCatalog strategies)
{
    private const string BasesKey = "bases";

    /// <exception cref="PbenchException">An unknown dataset, base, strategy, control or setting, or missing data.</exception>
    public StudyPlan Plan(StudyFile file)
    {
        var spec = file.Spec;
        var baseInfos = DescribeBases(file);
        var plannedStrategies = PlanStrategies(spec.Strategies, spec.Bases);
        var plannedDatasets = LoadDatasets(spec.Dataset);

        var cells =
            from baseInfo in baseInfos
            from dataset in plannedDatasets
            from strategy in plannedStrategies
            where strategy.Runs(baseInfo)
            from seed in strategy.IsTrained ? spec.Seeds : spec.Seeds.Take(1)
            let key = Cell.KeyOf(bases.Engine, baseInfo, dataset.Data, strategy, seed, spec.Precision, spec.Device, spec.LatencyProbes)
            select new Cell(key, baseInfo, dataset, strategy, seed, spec.Precision, spec.Device, spec.LatencyProbes);
        return new StudyPlan(file, baseInfos, plannedDatasets, plannedStrategies, [.. cells]);
    }

    private List<BaseInfo> DescribeBases(StudyFile file)
    {
        var section = file.Section.Find("bases")!;
        return [.. section.Items.Select(item => At(item, () => bases.Describe(item.Text)))];
    }

    private List<PlannedDataset> LoadDatasets(YamlSection section)
    {
        var name = Word(section, "name", "a dataset");
        var loader = Look(datasets, l => l.Name, name, "dataset");
        var options = Grid.Expand(section.Without("name"), loader.OptionsType).Select(point => StrictYaml.Bind(loader.OptionsType, point)).ToList();
        var settings = options.ConvertAll(o => CanonicalJson.Of(o).AsObject());
        var labels = Labels.For([.. settings.Select(s => (loader.Name, s, (IReadOnlyList<string>)[""]))], _ => Declared(loader.OptionsType));
        return [.. options.Select((o, i) => new PlannedDataset(labels[i], settings[i], At(section, () => loader.Load(o))))];
    }

    private List<PlannedStrategy> PlanStrategies(IReadOnlyList<YamlSection> sections, IReadOnlyList<string> allBases)
    {
        var points = sections.SelectMany(section =>
        {
            var descriptor = Look(strategies.Strategies, s => s.Type, Word(section, "type", "a strategy"), "strategy");
            return Grid.Expand(section.Without("type", "control", BasesKey), descriptor.OptionsType)
                .Select(point => (descriptor, section, Control: Control(section), Bases: BasesOf(section, allBases), Options: StrictYaml.Bind(descriptor.OptionsType, point)));
        }).ToList();
        var settings = points.ConvertAll(p => CanonicalJson.Of(p.Options).AsObject());
        var labels = Labels.For([.. points.Select((p, i) => (p.descriptor.Type, settings[i], p.Bases))],
            type => Declared(strategies.Strategies.Single(s => s.Type == type).OptionsType));
        return [.. points.Select((p, i) =>
        {
            var probe = p.descriptor.Create(p.Options);
            return new PlannedStrategy(p.descriptor, p.Options, labels[i], p.Control, CanonicalJson.Write(settings[i]), probe.IsTrained, probe.SeesEvidence, p.section.LineOf("type"), p.Bases,
                () => p.Control.Length == 0 ? p.descriptor.Create(p.Options) : strategies.WithWrongUsers(p.descriptor.Create(p.Options)));
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

    private static IEnumerable<string> Declared(Type options) =>
        options.GetProperties().OrderBy(p => p.MetadataToken).Select(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name));
}
