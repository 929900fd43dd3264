using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Validation;

/// <summary>Declared contrasts must name arms, kinds, metrics, bases and datasets that the study has.</summary>
public sealed class ContrastsValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan)
    {
        var contrasts = plan.File.Spec.Contrasts;
        for (var i = 0; i < contrasts.Count; i++)
        {
            var section = plan.File.Section.Find("contrasts")!.Items[i];
            foreach (var (key, problem) in Problems(plan, contrasts[i])) yield return new Problem(true, section.LineOf(key), $"{section.Path}.{key}: {problem}");
        }
    }

    private static IEnumerable<(string Key, string Problem)> Problems(StudyPlan plan, ContrastSpec contrast)
    {
        var bases = plan.Bases.Select(b => b.Name).ToList();
        var datasets = plan.Datasets.Select(d => d.Label).ToList();
        if (NotOf(contrast.Base, bases, "base") is { } wrongBase) yield return ("base", wrongBase);
        if (NotOf(contrast.Dataset, datasets, "dataset") is { } wrongDataset) yield return ("dataset", wrongDataset);
        var on = contrast.Base is { } named && bases.Contains(named) ? [named] : bases;
        var labels = plan.Strategies.Where(s => on.All(s.Bases.Contains)).Select(s => s.FullLabel).Distinct().ToList();
        foreach (var arm in contrast.Arms.Where(a => !labels.Contains(a))) yield return ("arms", Unknown(arm, labels, "arm"));
        if (contrast.Arms[0] == contrast.Arms[1]) yield return ("arms", $"'{contrast.Arms[0]}' against itself; expected two different arms");

        var probes = plan.Datasets.Where(d => contrast.Dataset is null || d.Label == contrast.Dataset).SelectMany(d => d.Data.Users).SelectMany(u => u.Probes).ToList();
        var kinds = probes.Select(p => p.Kind).Distinct().ToList();
        if (!kinds.Contains(contrast.Kind))
        {
            yield return ("kind", Unknown(contrast.Kind, kinds, "kind of probe"));
            yield break;
        }
        var ofKind = probes.Where(p => p.Kind == contrast.Kind).ToList();
        var metrics = ofKind.SelectMany(Metrics).Distinct().ToList();
        if (contrast.Metric is { } metric && !metrics.Contains(metric)) yield return ("metric", Unknown(metric, metrics, $"metric of {contrast.Kind}"));
        if (contrast.Margin >= 1 && ofKind.All(p => p.Scoring != ProbeScoring.BitsPerByte)) yield return ("margin", $"{contrast.Margin} found; expected a share below 1, such as 0.05 for five points of percent");
    }

    private static string? NotOf(string? given, List<string> known, string what) => given switch
    {
        null when known.Count > 1 => $"the study has several; expected one of {string.Join(", ", known)}",
        not null when !known.Contains(given) => Unknown(given, known, what),
        _ => null,
    };

    private static string Unknown(string word, List<string> known, string what) =>
        $"unknown {what} '{word}'; {(NearestWord.Find(word, known) is { } nearest ? $"did you mean '{nearest}'?" : $"expected one of {string.Join(", ", known)}")}";

    /// <summary>What a probe's answer is scored by.</summary>
    private static IEnumerable<string> Metrics(Probe probe)
    {
        string[] choices = probe.Choices.Count > 0 ? [Metric.Choice, Metric.ChoiceNormalized] : [];
        return probe.Scoring switch
        {
            ProbeScoring.ExactMatch => [Metric.ExactMatch, Metric.Contains, Metric.TokenF1, Metric.Answered, .. choices],
            ProbeScoring.Choice => choices,
            ProbeScoring.Style => [Metric.Style],
            _ => [Metric.BitsPerByte],
        };
    }
}
