using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Measures one cell: adapts all its users together, answers all their probes, then general texts for forgetting. What
/// <see cref="ArmCosts"/> measures is measured apart.</summary>
/// <param name="sink">Is shown what was measured; null: nobody wants the personal models.</param>
public sealed class CellExecutor(PhaseMeter meter, HeldOut heldOut, IPersonalModelsSink? sink = null)
{
    /// <summary>The cell's rows. What goes wrong in it is a row too; only cancellation and lost results are thrown.</summary>
    public CellResult Execute(Cell cell, IBaseModel baseModel, CancellationToken cancellation)
    {
        var started = meter.Clock.GetUtcNow();
        try
        {
            return Measure(cell, baseModel, Provenance(cell, baseModel.Info, started), cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            return Failure(cell, baseModel.Info, started, e);
        }
    }

    /// <summary>The row of a cell that could not be measured.</summary>
    public static CellResult Failure(Cell cell, BaseInfo baseInfo, DateTimeOffset started, Exception e) =>
        new(Provenance(cell, baseInfo, started) with { Status = StatusOf(e), Error = OneLine(e.Message) }, []) { Detail = e.ToString() };

    private CellResult Measure(Cell cell, IBaseModel baseModel, RunRecord record, CancellationToken cancellation)
    {
        var dataset = cell.Dataset.Data;
        var heldOutBefore = heldOut.Before(baseModel, dataset, cancellation);
        var strategy = cell.Strategy.Create();
        var request = Requests.Of(baseModel, dataset, dataset.Users, cell.Seed);

        var (personal, adapting) = meter.Run(m => strategy.Adapt(request, m, cancellation));
        using var disposed = personal;
        var study = new StudyReview(personal.StudyPairs);
        // A control's material is about somebody else: neither its wording nor its truth is the asking user's.
        var isControl = cell.Strategy.Control.Length > 0;
        if (!isControl) study.RequireUnprobed(dataset.Users);

        var asked = dataset.Users.SelectMany(u => u.Probes.Select(p => (Probe: p, Question: Question.From(u.Id, p, cell.Strategy.SeesEvidence)))).ToList();
        var questions = asked.ConvertAll(a => a.Question);
        var (answers, answering) = meter.Run(m => personal.Answer(questions, m, cancellation));
        Check(cell, questions, answers);

        var scorer = new ProbeScorer(dataset);
        var probes = asked.Zip(answers).SelectMany(a => scorer.Score(cell.Key, a.First.Probe, a.Second)
            .Select(row => row with { Anticipated = study.Anticipates(a.First.Question.UserId, a.First.Probe) switch { null => "", true => "true", false => "false" } })).ToList();
        var forgotten = HeldOut.After(personal, dataset, heldOutBefore, cancellation);

        var result = Finite(new CellResult(record with
        {
            Users = dataset.Users.Count,
            Probes = asked.Count,
            AdaptSeconds = adapting.Seconds,
            AdaptFlops = adapting.Meter.Flops,
            TrainedTokens = adapting.Meter.TrainedTokens,
            TeacherTokens = study.IsEmpty ? null : adapting.Meter.TeacherTokens,
            TeacherSeconds = study.IsEmpty ? null : adapting.Meter.TeacherSeconds,
            TeacherAccuracy = isControl ? null : study.TeacherAccuracy(dataset.Users),
            TrainableParameters = personal.TrainableParameters,
            StoredBytesPerUser = personal.StoredBytesPerUser,
            AnswerSeconds = answering.Seconds,
            PromptTokensPerProbe = answers.Average(a => a.PromptTokens),
            FlopsPerProbe = answering.Meter.Flops / asked.Count,
            PromptTokensOncePerUser = (double)answering.Meter.SharedTokens / dataset.Users.Count,
            PromptTokensPerQuery = answers.Average(a => a.PromptTokens) - ((double)answering.Meter.RepeatedTokens / asked.Count),
            FlopsOncePerUser = answering.Meter.SharedFlops / dataset.Users.Count,
            FlopsPerQuery = (answering.Meter.Flops - answering.Meter.RepeatedFlops) / asked.Count,
            KvBytesPerSequence = answering.Meter.CacheBytesPerSequence,
            EvidenceRecall = asked.Zip(answers).Select(a => EvidenceRecall.Score(a.Second.ContextIds, a.First.Probe.EvidenceIds)).Average(),
            ContextShare = answers.Average(a => a.ContextIds.Count > 0 ? 1.0 : 0),
            HeldOutBitsPerByteBefore = forgotten?.Before,
            HeldOutBitsPerByteAfter = forgotten?.After,
            HeldOutTexts = forgotten?.Texts,
            HeldOutChangeMedian = forgotten?.ChangeMedian,
            HeldOutChangeError = forgotten?.ChangeError,
        }, probes));
        sink?.Take(cell, baseModel, personal, result);
        return result;
    }

    private static RunRecord Provenance(Cell cell, BaseInfo baseInfo, DateTimeOffset started) => new()
    {
        Key = cell.Key,
        Study = "",
        Dataset = cell.Dataset.Label,
        Base = cell.Base.Name,
        Strategy = cell.Strategy.Type,
        Label = cell.Strategy.Label,
        Control = cell.Strategy.Control,
        Seed = cell.Seed,
        Settings = cell.Strategy.Settings,
        Status = CellStatus.Ok,
        BaseArchitecture = baseInfo.Architecture,
        BaseParameters = baseInfo.Parameters,
        BaseDigest = cell.Base.Digest,
        DatasetDigest = cell.Dataset.Data.Digest,
        Precision = baseInfo.Precision,
        Device = baseInfo.Device,
        Engine = baseInfo.Engine,
        Processor = RunEnvironment.ProcessorName,
        Threads = baseInfo.Threads,
        Version = Measurement.Version,
        Started = started.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
    };

    private static void Check(Cell cell, List<Question> questions, IReadOnlyList<Answer> answers)
    {
        if (answers.Count != questions.Count) throw new InvalidOperationException($"{cell.Strategy.Type} gave {answers.Count} answers to {questions.Count} questions");
        var wrong = questions.Zip(answers).FirstOrDefault(p => (p.First.UserId, p.First.ProbeId) != (p.Second.UserId, p.Second.ProbeId));
        if (wrong.First is not null) throw new InvalidOperationException($"{cell.Strategy.Type} answered {wrong.Second.UserId}/{wrong.Second.ProbeId} where {wrong.First.UserId}/{wrong.First.ProbeId} was asked");
    }

    /// <summary>A likelihood that is no number means that the model is none any more.</summary>
    private static CellResult Finite(CellResult result)
    {
        if (result.Probes.FirstOrDefault(p => !double.IsFinite(p.Score)) is { } probe) throw new DivergedException($"the score of probe {probe.UserId}/{probe.ProbeId} is not finite");
        if (result.Run.HeldOutBitsPerByteAfter is { } after && !double.IsFinite(after)) throw new DivergedException("the likelihood of the held-out texts is not finite");
        return result;
    }

    private static string StatusOf(Exception e) => e switch
    {
        DivergedException => CellStatus.Diverged,
        _ when NotEnoughMemoryException.IsSaidBy(e) => CellStatus.OutOfMemory,
        _ => CellStatus.Failed,
    };

    private static string OneLine(string message) => message.ReplaceLineEndings(" ").Trim();
}
