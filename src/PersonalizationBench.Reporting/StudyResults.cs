using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Analysis;
using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting;

/// <summary>One arm's mean score on one measure.</summary>
/// <param name="Mean">With its interval, over users and seeds.</param>
/// <param name="Chance">What guessing scores on these probes; null where there is no such thing.</param>
public sealed record MeasuredMean(Arm Arm, Measure Measure, Interval Mean, double? Chance);

/// <summary>A study's results as they lie on disk: <c>runs.csv</c>, <c>probes.csv</c> and <c>manifest.json</c>.</summary>
public sealed class StudyResults
{
    private readonly ILookup<string, ProbeRecord> _probesOfCell;
    private readonly Dictionary<(Arm, Measure), MeasuredMean?> _means = [];

    private StudyResults(string folder, IReadOnlyList<RunRecord> runs, IReadOnlyList<ProbeRecord> probes, JsonElement? manifest)
    {
        (Folder, Runs, Manifest) = (folder, runs, manifest);
        _probesOfCell = probes.ToLookup(p => p.Key);
        Arms = MakeArms(runs);
        // What is asked most comes first: figures of one measure show that one.
        var order = probes.GroupBy(p => (p.Kind, p.Metric)).OrderByDescending(g => g.Count()).Select(g => g.Key).ToList();
        Measures = [.. order.Select(m => new Measure(m.Kind, m.Metric, Metric.IsBesideAnother(m.Metric) || (m.Metric == Metric.Choice && order.Contains((m.Kind, Metric.ExactMatch))))).OrderBy(m => m.IsSecondary)];
        Analysis = new StudyAnalysis(this);
    }

    public string Folder { get; }

    public IReadOnlyList<RunRecord> Runs { get; }

    /// <summary>null where there is no <c>manifest.json</c>.</summary>
    public JsonElement? Manifest { get; }

    public string Name => Runs.FirstOrDefault()?.Study is { Length: > 0 } study ? study : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>What was compared, by family and then in the order of the study.</summary>
    public IReadOnlyList<Arm> Arms { get; }

    /// <summary>What was measured, in the order of the probes; what stands beside another score comes last.</summary>
    public IReadOnlyList<Measure> Measures { get; }

    /// <summary>The different engines and machines that measured; where there are several, tables say which.</summary>
    public IReadOnlyList<string> Machines => [.. Runs.Select(MachineOf).Distinct()];

    /// <summary>What measured a row: engine, processor and threads.</summary>
    public static string MachineOf(RunRecord run) => run.Engine == "" ? "an earlier version, whose rows do not say"
        : $"{run.Engine}, {run.Processor}{(run.Threads is { } threads ? FormattableString.Invariant($", {threads} {(threads == 1 ? "thread" : "threads")}") : "")}";

    /// <summary>Cells that were not measured, each with its status and error.</summary>
    public IReadOnlyList<RunRecord> Failed => [.. Runs.Where(r => r.Status != "ok")];

    /// <summary>Comparisons between arms, corrected for their number.</summary>
    public StudyAnalysis Analysis { get; }

    /// <summary>Reads a results folder.</summary>
    /// <exception cref="PbenchException">A file is missing or not what it should be, a row is of a newer layout, or a probe is of no run.</exception>
    public static StudyResults Load(string folder)
    {
        var runsFile = Path.Combine(folder, "runs.csv");
        var probesFile = Path.Combine(folder, "probes.csv");
        if (!File.Exists(runsFile)) throw new PbenchException($"{runsFile}: no such file; expected the results folder of a study that was run");
        var runs = RecordCsv.ReadFile<RunRecord>(runsFile);
        if (runs.FirstOrDefault(r => r.Schema > RunRecord.CurrentSchema) is { } newer)
            throw new PbenchException($"{runsFile}: column 'schema': {newer.Schema} found; expected at most {RunRecord.CurrentSchema}: the results are of a newer version");
        var probes = RecordCsv.ReadFile<ProbeRecord>(probesFile);
        var keys = runs.Select(r => r.Key).ToHashSet();
        if (probes.FirstOrDefault(p => !keys.Contains(p.Key)) is { } orphan)
            throw new PbenchException($"{probesFile}: column 'key': no run in {runsFile} has the key '{orphan.Key}'");
        return new StudyResults(folder, runs, probes, ReadManifest(Path.Combine(folder, "manifest.json")));
    }

    /// <summary>The scores of an arm's probes, as intervals and tests take them.</summary>
    public IReadOnlyList<ScoredProbe> Scores(Arm arm, Measure measure) =>
        [.. arm.Runs.SelectMany(run => ProbesOf(run, measure).Select(p => new ScoredProbe(p.UserId, p.ProbeId, run.Seed, p.Score)))];

    /// <summary>The rows of <c>probes.csv</c> of one run and measure.</summary>
    public IEnumerable<ProbeRecord> ProbesOf(RunRecord run, Measure measure) =>
        _probesOfCell[run.Key].Where(p => p.Kind == measure.Kind && p.Metric == measure.Metric);

    /// <summary>The mean of an arm on a measure with its interval; null where it was not measured.</summary>
    public MeasuredMean? Mean(Arm arm, Measure measure)
    {
        if (_means.TryGetValue((arm, measure), out var known)) return known;
        var scores = Scores(arm, measure);
        var chances = arm.Runs.SelectMany(run => ProbesOf(run, measure)).Select(p => p.Chance).ToList();
        return _means[(arm, measure)] = scores.Count == 0 ? null : new MeasuredMean(
            arm, measure,
            MeanInterval.Of(scores, measure.Scores),
            chances.Contains(null) ? null : chances.Average());
    }

    /// <summary>Every arm's mean on every measure, or with <paramref name="byKind"/> false on all kinds of a unit together
    /// (the measure's kind is then "all").</summary>
    public IReadOnlyList<MeasuredMean> Accuracy(bool byKind = true)
    {
        if (byKind) return [.. from measure in Measures from arm in Arms where Mean(arm, measure) is not null select Mean(arm, measure)!];
        return [..
            from unit in Measures.Where(m => !m.IsSecondary).GroupBy(m => m.IsHigherBetter)
            from arm in Arms
            let scores = unit.SelectMany(m => Scores(arm, m)).ToList()
            where scores.Count > 0
            let kinds = unit.Select(m => m.Scores).Distinct().ToList()
            select new MeasuredMean(arm, unit.First() with { Kind = "all" }, MeanInterval.Of(scores, kinds.Count == 1 ? kinds[0] : ScoreKind.Share), null)];
    }

    /// <summary>The mean of an arm over those probes alone whose kind of question was in its study material, or was not; null where there are none.</summary>
    public Interval? Mean(Arm arm, Measure measure, bool isAnticipated)
    {
        List<ScoredProbe> scores = [..
            from run in arm.Runs
            from probe in ProbesOf(run, measure)
            where probe.Anticipated == (isAnticipated ? "true" : "false")
            select new ScoredProbe(probe.UserId, probe.ProbeId, run.Seed, probe.Score)];
        return scores.Count == 0 ? null : MeanInterval.Of(scores, measure.Scores);
    }

    /// <summary>The mean of an exact match over those probes alone that an arm answered, right or wrong; null where that is not known or there are none.</summary>
    public Interval? RightWhereAnswered(Arm arm, Measure exactMatch)
    {
        var answered = new Measure(exactMatch.Kind, Metric.Answered, true);
        List<ScoredProbe> scores = [..
            from run in arm.Runs
            let said = ProbesOf(run, answered).Where(p => p.Score == 1).Select(p => (p.UserId, p.ProbeId)).ToHashSet()
            from probe in ProbesOf(run, exactMatch)
            where said.Contains((probe.UserId, probe.ProbeId))
            select new ScoredProbe(probe.UserId, probe.ProbeId, run.Seed, probe.Score)];
        return scores.Count == 0 ? null : MeanInterval.Of(scores, exactMatch.Scores);
    }

    /// <summary>The key table: arms down, measures and the main costs across.</summary>
    public Table Table() => Tables.Key(this);

    private static List<Arm> MakeArms(IReadOnlyList<RunRecord> runs)
    {
        var severalBases = runs.Select(r => r.Base).Distinct().Count() > 1;
        var severalDatasets = runs.Select(r => r.Dataset).Distinct().Count() > 1;
        return [.. runs.Where(r => r.Status == "ok")
            .GroupBy(r => (r.Dataset, r.Base, r.Strategy, r.Label, r.Control))
            .Select(g => new Arm(
                (g.Key.Strategy == "none" ? "no personalisation" : g.Key.Label)
                + (g.Key.Control == "" ? "" : $" ({g.Key.Control.Replace('-', ' ')})")
                + (severalBases ? $", {g.Key.Base}" : "")
                + (severalDatasets ? $", {g.Key.Dataset}" : ""),
                g.OrderBy(r => r.Seed).ToList()))
            .OrderBy(a => Family.All.ToList().IndexOf(a.Family))];
    }

    private static JsonElement? ReadManifest(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            return JsonDocument.Parse(File.ReadAllText(path)).RootElement;
        }
        catch (JsonException e)
        {
            throw new PbenchException($"{path}: is not JSON: {e.Message}", e);
        }
    }
}
