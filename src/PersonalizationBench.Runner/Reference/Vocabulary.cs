using System.Reflection;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Reference;

/// <summary>A word of study files or results, explained.</summary>
/// <param name="Word">As it is written there.</param>
/// <param name="What">What sort of word it is: strategy, data set, setting of lora, column of runs.csv, kind of probe, metric.</param>
/// <param name="Text">What it means, one line.</param>
/// <param name="Settings">The keys that may be given with it.</param>
public sealed record Entry(string Word, string What, string Text, IReadOnlyList<Setting> Settings)
{
    /// <summary>For a screen, over several lines.</summary>
    public override string ToString() => $"{Word} ({What})\n  {Text}\n" + string.Concat(Settings.SelectMany(s => s.AndWithin).Select(s =>
        $"  {s.Name}: {s.Kind}; {(s.Default is { } value ? $"default {value}" : "must be given")}\n      {s.Text}\n"));
}

/// <summary>Every word that a study file or a table of results may hold, from the comments in the source.</summary>
public sealed class Vocabulary(IReadOnlyList<StrategyDescriptor> strategies, IReadOnlyList<IDatasetLoader> datasets)
{
    /// <summary>Keys of a study file.</summary>
    public static IReadOnlyList<Setting> Study { get; } = Setting.Of(typeof(StudySpec));

    public IReadOnlyList<Entry> Strategies { get; } = [.. strategies.Select(s => new Entry(s.Type, "strategy", TextOf(s) is { Length: > 0 } text ? text : Sentence(s.Summary), Setting.Of(s.OptionsType)))];

    public IReadOnlyList<Entry> Datasets { get; } = [.. datasets.Select(d => new Entry(d.Name, "data set", Sentence(d.Summary), Setting.Of(d.OptionsType)))];

    /// <summary>Columns of <c>runs.csv</c> and <c>probes.csv</c>, in their order there.</summary>
    public static IReadOnlyList<Entry> Columns { get; } = [.. ColumnsOf<RunRecord>("runs.csv"), .. ColumnsOf<ProbeRecord>("probes.csv")];

    public static IReadOnlyList<Entry> Kinds { get; } = Words(typeof(ProbeKind), "kind of probe");

    public static IReadOnlyList<Entry> Metrics { get; } = Words(typeof(Metric), "metric");

    /// <summary>All meanings of a word. A setting is one entry for all strategies that share it.</summary>
    /// <exception cref="PbenchException">Nothing is called so; names the nearest word.</exception>
    public IReadOnlyList<Entry> Explain(string word)
    {
        List<Entry> all = [.. Strategies, .. Datasets, .. SettingEntries(), .. Columns, .. Kinds, .. Metrics];
        var found = all.Where(e => e.Word == word || (e.What.StartsWith("setting", StringComparison.Ordinal) && (e.Word == word.Replace('-', '_') || e.Word.EndsWith($".{word}", StringComparison.Ordinal)))).ToList();
        if (found.Count > 0) return found;
        var nearest = NearestWord.Find(word, all.Select(e => e.Word));
        throw new PbenchException($"'{word}' is no strategy, data set, setting, column, kind of probe or metric; {(nearest is null ? "expected a word of a study file or of its results (pbench list, docs/settings.md)" : $"did you mean '{nearest}'?")}");
    }

    private IEnumerable<Entry> SettingEntries() =>
        Study.Select(s => (Owner: "a study", Setting: s))
            .Concat(Strategies.Concat(Datasets).SelectMany(e => e.Settings.Select(s => (Owner: e.Word, Setting: s))))
            .SelectMany(p => p.Setting.AndWithin.Select(s => (p.Owner, Setting: s)))
            .GroupBy(p => (p.Setting.Name, p.Setting.Text, p.Setting.Kind, p.Setting.Default))
            .Select(g => new Entry(g.Key.Name, $"setting of {string.Join(", ", g.Select(p => p.Owner).Distinct())}", $"{g.Key.Text} ({g.Key.Kind}; {(g.Key.Default is { } value ? $"default {value}" : "must be given")})", []));

    private static string TextOf(StrategyDescriptor strategy) => DocComments.Of(strategy.Create(Activator.CreateInstance(strategy.OptionsType)!).GetType());

    private static string Sentence(string summary) => summary.Length == 0 ? "" : $"{char.ToUpperInvariant(summary[0])}{summary[1..].TrimEnd('.')}.";

    private static IEnumerable<Entry> ColumnsOf<T>(string file) =>
        typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(p => p.MetadataToken)
            .Select(p => new Entry(JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name), $"column of {file}", DocComments.Of(p), []));

    private static List<Entry> Words(Type constants, string what) =>
        [.. constants.GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => f.IsLiteral && f.FieldType == typeof(string)).Select(f => new Entry((string)f.GetRawConstantValue()!, what, DocComments.Of(f), []))];
}
