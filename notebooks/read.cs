#!/usr/bin/env dotnet
#:project ../src/PersonalizationBench.Reporting/PersonalizationBench.Reporting.csproj
#:property PublishAot=false
// Reads a study's results and prints who is ahead, the key table and a table of your own: dotnet run notebooks/read.cs -- [FOLDER]
using PersonalizationBench.Core;
using PersonalizationBench.Reporting;
using PersonalizationBench.Reporting.Output;

var results = StudyResults.Load(args.Length > 0 ? args[0] : Path.Combine("results", "quickstart"));
foreach (var sentence in Headline.Of(results)) Console.WriteLine($"- {sentence}");
Console.WriteLine($"\n{results.Table().ToMarkdown()}");

// Rows are plain records: here, what an arm reads at every question and what it keeps per user.
Console.WriteLine($"| arm | prompt tokens | stored per user | {results.Measures[0].Name} |\n| --- | ---: | ---: | ---: |");
var measure = results.Measures[0];
foreach (var arm in results.Arms)
{
    RunRecord run = arm.First;
    Console.WriteLine($"| {arm} | {run.PromptTokensPerProbe:0} | {Format.Bytes(run.StoredBytesPerUser ?? 0)} | {(results.Mean(arm, measure) is { } mean ? measure.Show(mean.Mean) : "–")} |");
}
