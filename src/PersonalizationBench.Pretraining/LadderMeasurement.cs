using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Ladders;

namespace PersonalizationBench.Pretraining;

/// <summary>What the trained rungs of some ladders can do.</summary>
public static class LadderMeasurement
{
    /// <summary>Between the loss that provenance recorded, with tokens looked up in f32, and that of the shipped weights.</summary>
    public const double LossTolerance = 2e-3;

    private const int FewestRungs = 3;

    /// <summary>Every rung that is trained, from the smallest; the others are named in the output.</summary>
    public static (IReadOnlyList<RungRecord> Rungs, IReadOnlyList<ExamRecord> Exams) Of(PretrainPlace place, IReadOnlyList<LadderSpec> ladders, CancellationToken cancellation)
    {
        var (rungs, exams) = (new List<RungRecord>(), new List<ExamRecord>());
        foreach (var (ladder, spec) in ladders.SelectMany(l => l.Rungs.Select(r => (l, r))))
        {
            var job = new PretrainJob(place, spec);
            if (!job.IsDone())
            {
                place.Output.WriteLine($"{spec.Base}: not trained; run: pbench pretrain {ShownPath.Of(ladder.Path)} --only {spec.Base}");
                continue;
            }
            using var model = new BaseCatalog(Path.GetDirectoryName(job.Folder)!, null).Load(spec.Base, spec.Precision, MachineBases.Resolve(spec.Device));
            var rung = Rung(ladder, spec, job, model, cancellation);
            rungs.Add(rung);
            exams.AddRange(job.HoldExams(model, cancellation).Select(e => Exam(rung, e.Key, e.Value)));
        }
        return ([.. rungs.OrderBy(r => r.Ladder, StringComparer.Ordinal).ThenBy(r => r.Parameters)], exams);
    }

    /// <summary>A line through the losses of every ladder and architecture that has rungs enough.</summary>
    public static IReadOnlyList<FitRecord> Fits(IReadOnlyList<RungRecord> rungs) =>
        [.. rungs.GroupBy(r => (r.Ladder, r.Data, r.Architecture)).Where(g => g.Count() >= FewestRungs).Select(g =>
        {
            var law = PowerLaw.Fit([.. g.Select(r => ((double)r.BodyParameters, r.HeldOutLoss))]);
            return new FitRecord
            {
                Ladder = g.Key.Ladder,
                Data = g.Key.Data,
                Architecture = g.Key.Architecture,
                Rungs = g.Count(),
                Coefficient = law.Coefficient,
                Exponent = -law.Exponent.Estimate,
                ExponentLow = -law.Exponent.High,
                ExponentHigh = -law.Exponent.Low,
                RSquared = law.RSquared,
            };
        })];

    private static RungRecord Rung(LadderSpec ladder, PretrainSpec spec, PretrainJob job, LoadedBase model, CancellationToken cancellation)
    {
        var provenance = BaseProvenance.Read(job.Folder);
        return new RungRecord
        {
            Ladder = ladder.Name,
            Data = spec.Data,
            Architecture = spec.Model.Architecture,
            Base = spec.Base,
            Parameters = model.Config.Parameters,
            BodyParameters = model.Config.Parameters - model.Config.EmbeddingParameters,
            Layers = spec.Model.Layers,
            Dimension = spec.Model.Dimension,
            Steps = provenance.Steps,
            Tokens = provenance.Tokens,
            LearningRate = job.Config.Stages.Max(s => s.LearningRate),
            Precision = model.Info.Precision,
            HeldOutLoss = Pretrainer.HeldOutLoss(model, job.LastCorpus, cancellation),
            RecordedLoss = provenance.HeldOutLoss ?? double.NaN,
            BaseDigest = model.Info.Digest,
        };
    }

    private static ExamRecord Exam(RungRecord rung, string exam, ExamScore score)
    {
        var interval = ClopperPearson.Of(score.Right, score.Questions);
        return new ExamRecord
        {
            Ladder = rung.Ladder,
            Architecture = rung.Architecture,
            Base = rung.Base,
            Parameters = rung.Parameters,
            Exam = exam,
            Questions = score.Questions,
            Right = score.Right,
            Accuracy = score.Accuracy,
            Low = interval.Low,
            High = interval.High,
        };
    }
}
