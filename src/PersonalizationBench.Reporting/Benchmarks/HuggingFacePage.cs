using System.Globalization;
using System.Text;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>How much was asked of both sides.</summary>
/// <param name="Users">Adapters that are trained together, and sequences of the batch that answers.</param>
/// <param name="Steps">Of every user.</param>
/// <param name="BatchSequences">Documents of one user in one step.</param>
/// <param name="Prompt">Tokens of each prompt.</param>
/// <param name="NewTokens">Of each answer.</param>
public sealed record HuggingFaceSettings(int Users, int Steps, int BatchSequences, int Prompt, int NewTokens);

/// <summary>Training and answering here and in transformers with peft, as a page.</summary>
public static class HuggingFacePage
{
    public static string Line(HuggingFaceRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.Work} {What(r)}: ours {r.OursTokensPerSecond:0}, theirs {r.TheirsTokensPerSecond:0} tokens/s, ratio {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}], {Agreement(r)}");

    private static string What(HuggingFaceRecord r) => r.Adapters switch { 0 => "by the base alone", 1 => "one adapter", _ => FormattableString.Invariant($"{r.Adapters} adapters") };

    private static string Agreement(HuggingFaceRecord r) => r.LossDifference is { } loss
        ? string.Create(CultureInfo.InvariantCulture, $"losses within {loss:0.0e-0}")
        : string.Create(CultureInfo.InvariantCulture, $"{100 * r.SameFirstTokens:0.0} % of first tokens and {100 * r.SameTokens:0.0} % of all the same");

    public static string Of(string name, HuggingFaceSettings settings, IReadOnlyList<HuggingFaceRecord> records)
    {
        var (first, table) = (records[0], new StringBuilder("| work | adapters | ours, tokens/s | theirs, tokens/s | ratio | wanted on a GPU | the same work? |\n|---|---:|---:|---:|---|---:|---|\n"));
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Work} | {(r.Adapters == 0 ? "base alone" : r.Adapters)} | {r.OursTokensPerSecond:0} | {r.TheirsTokensPerSecond:0} | {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}] | {r.Goal} | {Agreement(r)} |\n");
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Here, and in transformers with peft

            Made by `./bench bench hugging-face {name} --device {first.Device}` on {BenchFolder.Processor()}{(first.Device == "cuda" ? " with a CUDA GPU" : "")}: {first.Parameters} parameters in {first.Precision}, adapters of rank {first.Rank}
            in all modules, libtorch {first.Libtorch} against PyTorch {first.TheirsTorch} with {first.Theirs}. *train*: {settings.Steps} steps of {settings.BatchSequences} documents for every
            user of the synthetic world, ours all in one bank, theirs one after another. *generate*: {settings.Users} prompts of {settings.Prompt} tokens in one batch, {settings.NewTokens} written to each,
            greedily, row by row with none, one or many adapters (there a batch of mixed adapters). Medians over {first.Pairs} pairs in turns, the pairs' range in brackets.

            {table}
            """);
    }
}
