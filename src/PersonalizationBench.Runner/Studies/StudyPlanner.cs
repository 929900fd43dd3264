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
    /// <exception cref="PbenchException">An unknown dataset, base, strategy, control or setting, or missing data.</exception>
    public StudyPlan Plan(StudyFile file)
    {
        var spec = file.Spec;
        var plannedStrategies = PlanStrategies(spec.Strategies);
        var baseInfos = DescribeBases(file);
        var plannedDatasets = LoadDatasets(spec.Dataset);

        var cells =
            from baseInfo in baseInfos
            from dataset in plannedDatasets
            from strategy in plannedStrategies
            from seed in strategy.IsTrained ? spec.Seeds : spec.Seeds.Take(1)
            let key = Cell.KeyOf(baseInfo, dataset.Data, strategy, seed, spec.Precision, spec.Device, spec.LatencyProbes)
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
        var labels = Labels.For([.. settings.Select(s => (loader.Name, s))], _ => Declared(loader.OptionsType));
        return [.. options.Select((o, i) => new PlannedDataset(labels[i], settings[i], At(section, () => loader.Load(o))))];
    }

    private List<PlannedStrategy> PlanStrategies(IReadOnlyList<YamlSection> sections)
    {
        var points = sections.SelectMany(section =>
        {
            var descriptor = Look(strategies.Strategies, s => s.Type, Word(section, "type", "a strategy"), "strategy");
            return Grid.Expand(section.Without("type", "control"), descriptor.OptionsType)
                .Select(point => (descriptor, section, Control: Control(section), Options: StrictYaml.Bind(descriptor.OptionsType, point)));
        }).ToList();
        var settings = points.ConvertAll(p => CanonicalJson.Of(p.Options).AsObject());
        var labels = Labels.For([.. points.Select((p, i) => (p.descriptor.Type, settings[i]))],
            type => Declared(strategies.Strategies.Single(s => s.Type == type).OptionsType));
        return [.. points.Select((p, i) =>
        {
            var probe = p.descriptor.Create(p.Options);
            return new PlannedStrategy(p.descriptor, p.Options, labels[i], p.Control, CanonicalJson.Write(settings[i]), probe.IsTrained, probe.SeesEvidence, p.section.LineOf("type"),
                () => p.Control.Length == 0 ? p.descriptor.Create(p.Options) : strategies.WithWrongUsers(p.descriptor.Create(p.Options)));
        })];
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
