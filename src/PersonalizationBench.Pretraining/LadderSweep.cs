using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Ladders;

namespace PersonalizationBench.Pretraining;

/// <summary>Trains each rung for a while at every learning rate of the ladder's sweep. What is in the file already is not run again.</summary>
public sealed class LadderSweep(PretrainPlace place, LadderSpec ladder, string path)
{
    private readonly SweepSpec _sweep = ladder.Sweep ?? throw new PbenchException($"{ladder.Path}: sweep: missing; there is nothing to choose between");

    /// <summary>All rows of runs as long as these, by rung and factor, those of factors that are no longer asked for among them; the file
    /// is rewritten after each run.</summary>
    public IReadOnlyList<SweepRecord> Run(CancellationToken cancellation)
    {
        var order = ladder.Rungs.Select((rung, i) => (rung.Base, i)).ToDictionary(r => r.Base, r => r.i);
        var steps = ladder.Rungs.ToDictionary(r => r.Base, r => Shortened(r, 1).Stages.Sum(s => s.Steps));
        // What was measured before stays in the file from the first write on: a sweep that is stopped loses nothing.
        var rows = (File.Exists(path) ? RecordCsv.ReadFile<SweepRecord>(path) : []).Where(r => steps.GetValueOrDefault(r.Base) == r.Steps).ToList();
        foreach (var rung in _sweep.Rungs is { } named ? [.. named.Select(ladder.Rung)] : ladder.Rungs)
        {
            foreach (var scale in _sweep.Scales.Select(s => _sweep.Around ? s * rung.LearningRateScale : s))
            {
                if (rows.Find(r => r.Base == rung.Base && r.Scale == scale) is not { } row)
                {
                    rows.Add(row = Train(Shortened(rung, scale), steps[rung.Base], cancellation));
                    rows = [.. rows.OrderBy(r => order[r.Base]).ThenBy(r => r.Scale)];
                }
                RecordCsv.WriteFile(path, rows);
                place.Output.WriteLine(FormattableString.Invariant($"{row.Base}: scale {row.Scale}, learning rate {row.LearningRate:0.0e+0}: held-out loss {(row.HeldOutLoss is { } loss ? loss.ToString("0.0000", null) : "diverged")}"));
            }
        }
        return rows;
    }

    /// <summary>The factor of the lowest held-out loss, by rung.</summary>
    public static IReadOnlyDictionary<string, double> Best(IEnumerable<SweepRecord> rows) =>
        rows.Where(r => r.HeldOutLoss is not null).GroupBy(r => r.Base).ToDictionary(g => g.Key, g => g.MinBy(r => r.HeldOutLoss)!.Scale);

    private PretrainSpec Shortened(PretrainSpec rung, double scale) => rung with
    {
        LearningRateScale = scale,
        Output = null,
        Stages = [.. rung.Stages.Take(_sweep.Stages).Select(s => s with { Steps = Math.Min(s.Steps, _sweep.Steps ?? s.Steps), Until = null })],
    };

    private SweepRecord Train(PretrainSpec spec, int steps, CancellationToken cancellation)
    {
        using var folder = new ScratchFolder("sweep");
        var job = new PretrainJob(place, spec with { Output = folder.Path });
        var row = new SweepRecord
        {
            Ladder = ladder.Name,
            Base = spec.Base,
            Parameters = job.Config.Model.Parameters,
            Scale = spec.LearningRateScale,
            LearningRate = job.Config.Stages.Max(s => s.LearningRate),
            Steps = steps,
            Tokens = 0,
        };
        try
        {
            var result = job.Train(cancellation);
            return row with { Tokens = result.Tokens, HeldOutLoss = result.HeldOutLoss };
        }
        catch (DivergedException e)
        {
            place.Output.WriteLine(e.Message);
            return row;
        }
    }
}
