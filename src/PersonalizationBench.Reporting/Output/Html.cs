using System.Net;
using System.Text;
using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Output;

/// <summary><c>report.html</c>: one file that needs nothing else, to be read from top to bottom.</summary>
public static class Html
{
    private const string Style = """
        body { font: 16px/1.5 Georgia, 'DejaVu Serif', serif; color: #222; background: #fff; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
        h1, h2, h3, th, td, nav { font-family: Helvetica, Arial, 'DejaVu Sans', sans-serif; }
        h1 { font-size: 1.8rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; border-bottom: 1px solid #ccc; }
        .answer { background: #f2f7fb; border-left: 4px solid #0072B2; padding: .6rem 1.2rem; } .muted, figcaption { color: #555; font-size: .9rem; }
        .wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
        th { text-align: right; border-bottom: 2px solid #222; padding: .3rem .6rem; vertical-align: bottom; } th:first-child { text-align: left; }
        td { text-align: right; border-bottom: 1px solid #e3e3e3; padding: .2rem .6rem; white-space: nowrap; } td:first-child { text-align: left; }
        .texts td { text-align: left; white-space: normal; overflow-wrap: anywhere; } figure { margin: 1.5rem 0; } svg { max-width: 100%; height: auto; }
        .alarm { border-left: 4px solid #D55E00; padding-left: 1rem; } dt { font-weight: bold; } dd { margin: 0 0 .4rem 1rem; overflow-wrap: anywhere; }
        """;

    private const string Method = """
        <p>Every probe's score is kept in <code>probes.csv</code>; all numbers here are computed from it. <b>Intervals</b> (95 %) are over users: right or wrong
        by the posterior of a hierarchical beta-binomial (share ~ Jeffreys, correlation of a user's probes ~ Beta(1, 3)); style, F1 and differences by a Bayesian bootstrap
        over users, smoothed by one pseudo-user split between the ends of the range; bits per byte by Student's t over users. Seeds add their variance. How often such
        intervals hold the truth was simulated (<code>results/statistics</code>). <b>Comparisons</b> are paired on the same probes, tested by flipping the signs of users'
        differences (all patterns, or 16,384 of them), and where something is trained the seeds' mean differences must be beyond chance, too. Contrasts that the study declared
        are corrected for their number (Holm 1979), all others by the largest statistic of their family (max-T, Westfall and Young 1993). The verdict is by that p. <b>Equivalent</b> is what two
        one-sided tests put within the declared margin. The <b>smallest detectable</b> difference would have been found four times in five; no number of probes makes up for fewer than
        six users. <b>Won and lost</b> are probes on which the first scored more and less. <b>Bits per parameter</b> are a lower bound by Fano's inequality from the recall of facts and the number of values each could have had
        (compare arXiv 2404.05405), over the trained parameters. <b>Gain of headroom</b> is (after − before) / (1 − before). <b>Chance</b> is one in the pool of values, or in
        the choices; of style, what a text reaches that is the same for everyone. A strategy's hyper-parameters are chosen on other users than those reported. FLOPs count a multiply-add as two.</p>
        """;

    public static string Of(StudyResults results, IReadOnlyList<Figure> figures)
    {
        var page = new StringBuilder();
        page.Append($"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{Encode(results.Name)}: results</title>\n<style>\n{Style}\n</style>\n</head>\n<body>\n<h1>{Encode(results.Name)}</h1>\n");
        page.Append($"<p><b>{Encode(TuningLine.Of(results))}</b></p>\n");
        page.Append("<p class=\"muted\">Should this user's data live in the prompt, in an index, or in the weights?</p>\n");
        if (Provenance.Hypothesis(results) is { } hypothesis) page.Append($"<p><b>Hypothesis.</b> {Encode(hypothesis)}</p>\n");
        if (Tables.Contrasts(results) is { } contrasts) Section(page, "What the study was made to find out", contrasts, "Declared before anything was measured. Differences are the first less the second, in points of percent or bits per byte.");
        page.Append("<div class=\"answer\">\n").Append(List(Headline.Of(results), "No strategy was measured.")).Append("</div>\n");

        if (Tables.Failed(results) is { } failed) page.Append("<div class=\"alarm\"><h2>Cells that were not measured</h2>\n<div class=\"texts\">").Append(failed.ToHtml()).Append("</div></div>\n");
        Section(page, "Results", results.Table(), Markdown.Legend + " Evidence found: the share of the documents that tell the answer that were in the prompt.");
        Section(page, "What to keep in mind", List(Findings.Of(results), "Nothing that the rules of this report look for."));
        if (figures.Count > 0) page.Append("<h2>Figures</h2>\n");
        foreach (var figure in figures) page.Append($"<figure>\n<h3>{Encode(figure.Title)}</h3>\n{figure.Picture.Svg}<figcaption>{Encode(figure.Caption)}</figcaption>\n</figure>\n");

        if (results.Analysis.AgainstBaseline.Count > 0)
            Section(page, "Against no personalisation", Tables.AgainstBaseline(results), "Differences on the same probes, in points of percent or bits per byte. The smallest detectable difference is what this study would have found four times in five.");
        if (Tables.Anticipation(results) is { } anticipation)
            Section(page, "What was anticipated", anticipation, "Anticipated: the kind of question was in the study material, though never its wording or answer.");
        if (Tables.OtherLooks(results) is { } looks)
            Section(page, "The same answers, scored otherwise", looks, "Contains: an accepted answer stands in what was said. F1: words in common (SQuAD). Answered: something else than that it is not known. Right where answered: exact matches among those. Per byte: the choice of the highest likelihood per byte.");
        if (Tables.Forgetting(results) is { } forgetting)
            Section(page, "Forgetting", forgetting, "Bits per byte on general text, after adapting minus before. The mean is over users, each asked about texts of its own, with a 95 % interval over users and seeds; the median is over users and texts.");
        if (Tables.Capacity(results) is { } capacity) Section(page, "What an adapter holds", capacity, "");
        Section(page, "Costs", Tables.Cost(results), "Means over runs, on the machine named below. All users of a cell are adapted together; the share of one user is shown. Once per user: what all of a user's prompts begin with, where its keys and values are kept; per query: the rest. Times and memory are those of the first seed: medians with 95 % intervals of questions asked one at a time, from a question's arrival, arms in turn; memory above the loaded base, in a process that ran nothing before, adapting a few users together and answering one question at a time.");
        if (Tables.BreakEven(results) is { } breakEven)
            Section(page, "When training pays", breakEven, "Queries of one user after which training has cost less than reading more at every query, whatever the accuracy of either; in brackets the 95 % interval over runs.");
        Section(page, "Method", Method);
        page.Append("<h2>Provenance</h2>\n<dl>\n");
        foreach (var (name, value) in Provenance.Of(results)) page.Append($"<dt>{Encode(name)}</dt><dd>{Encode(value)}</dd>\n");
        return page.Append("</dl>\n</body>\n</html>\n").ToString();
    }

    private static void Section(StringBuilder page, string title, Table table, string note) =>
        Section(page, title, table.ToHtml() + (note == "" ? "" : $"<p class=\"muted\">{Encode(note)}</p>\n"));

    private static void Section(StringBuilder page, string title, string content) => page.Append($"<h2>{Encode(title)}</h2>\n{content}");

    private static string List(IReadOnlyList<string> sentences, string otherwise) =>
        sentences.Count == 0 ? $"<p>{otherwise}</p>\n" : $"<ul>\n{string.Concat(sentences.Select(s => $"<li>{Encode(s)}</li>\n"))}</ul>\n";

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
