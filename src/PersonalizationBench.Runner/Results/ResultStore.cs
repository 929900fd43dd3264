using System.Text;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Results;

/// <summary>
/// A study's results folder, held by one run at a time. <see cref="Commit"/> writes the cell to the journal and then
/// <c>probes.csv</c> and <c>runs.csv</c>, each whole, in the order of the grid: killed at any moment, the folder has no
/// half row and no row of <c>runs.csv</c> without its probes, and the next run goes on from there.
/// </summary>
public sealed partial class ResultStore : IDisposable
{
    public const string RunsFile = "runs.csv";
    public const string ProbesFile = "probes.csv";
    private const string CellsFolder = "cells";

    /// <summary>The CSV files are made anew after a cell unless that takes more than this share of the time.</summary>
    private const double PublishingShare = 0.05;

    private readonly StudyPlan _plan;
    private readonly FileWriter _write;
    private readonly TimeProvider _clock;
    private readonly FileStream _lock;
    private readonly ResultJournal _journal;
    private readonly Dictionary<string, Published> _published = [];
    private bool _isBehind;
    private long _lastPublished;
    private TimeSpan _publishing;

    /// <summary>A cell's lines of the two files, made once.</summary>
    private sealed record Published(CellResult Result, string RunLine, string ProbeLines);

    private ResultStore(string folder, StudyPlan plan, TimeProvider clock, FileWriter write, FileStream held)
    {
        (Folder, _plan, _clock, _write, _lock) = (folder, plan, clock, write, held);
        _journal = new ResultJournal(Path.Combine(folder, CellsFolder), Guarded);
    }

    public string Folder { get; }

    /// <summary>Takes hold of the folder, cleans up after a run that was killed, and reads what is there.</summary>
    /// <param name="folder">Made where it is missing.</param>
    /// <param name="isFresh">Forget all earlier results.</param>
    /// <param name="write">How files are written; <see cref="AtomicFile.Write"/> unless given.</param>
    /// <exception cref="PbenchException">Held by another run, not writable, or holding files that are not results.</exception>
    public static ResultStore Open(string folder, StudyPlan plan, TimeProvider clock, bool isFresh = false, FileWriter? write = null)
    {
        var store = new ResultStore(folder, plan, clock, write ?? AtomicFile.Write, Hold(folder));
        try
        {
            store.Load(isFresh);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Keys of a plan's cells that a folder has results of; takes hold of nothing and writes nothing.</summary>
    public static IReadOnlySet<string> Done(string folder, StudyPlan plan)
    {
        var journal = new ResultJournal(Path.Combine(folder, CellsFolder), AtomicFile.Write);
        return plan.Cells.Select(c => c.Key).Where(key => journal.Read(key) is { IsOk: true }).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Cells committed by this run.</summary>
    public int Committed { get; private set; }

    /// <summary>Whether a cell has been measured and gave a result.</summary>
    public bool IsDone(Cell cell) => _published.TryGetValue(cell.Key, out var published) && published.Result.IsOk;

    /// <summary>What a cell gave; null where it gave nothing yet, or failed.</summary>
    public CellResult? Find(Cell cell) => IsDone(cell) ? _published[cell.Key].Result : null;

    /// <summary>Changes the row of a cell that was committed; the CSV files have it with the next <see cref="Publish"/>. A row that fails loses
    /// its probes.</summary>
    public void Amend(Cell cell, Func<RunRecord, RunRecord> change)
    {
        var result = _published[cell.Key].Result;
        var run = change(result.Run);
        Keep(cell, result with { Run = run, Probes = run.Status == CellStatus.Ok ? result.Probes : [] });
    }

    /// <summary>Keeps a cell's result. Once this returns, no crash loses it.</summary>
    /// <exception cref="ResultsException">It could not be written, such as to a full disk; earlier results are untouched.</exception>
    public void Commit(Cell cell, CellResult result)
    {
        Keep(cell, result);
        Committed++;
        if (_clock.GetElapsedTime(_lastPublished) >= _publishing / PublishingShare) Publish();
    }

    private void Keep(Cell cell, CellResult result)
    {
        var stamped = Stamp(cell, result);
        _journal.Write(stamped);
        Add(stamped);
        _isBehind = true;
    }

    /// <summary>Brings <c>probes.csv</c> and <c>runs.csv</c> up to date.</summary>
    public void Publish()
    {
        if (!_isBehind) return;
        var started = _clock.GetTimestamp();
        var rows = InOrder().ToList();
        // Probes first: a row of runs.csv always finds its probes.
        WriteLines(ProbesFile, RecordCsv.Header<ProbeRecord>(), rows.Select(r => r.ProbeLines));
        WriteLines(RunsFile, RecordCsv.Header<RunRecord>(), rows.Select(r => r.RunLine));
        _isBehind = false;
        _lastPublished = _clock.GetTimestamp();
        _publishing = _clock.GetElapsedTime(started, _lastPublished);
    }

    /// <summary>Lets go of the folder.</summary>
    public void Dispose() => _lock.Dispose();

    private static FileStream Hold(string folder)
    {
        var path = Path.Combine(folder, CellsFolder, ".lock");
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ResultsException($"{folder}: could not be made: {e.Message}", e);
        }
        try
        {
            // The operating system lets go of it with the process, however that ends.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ResultsException($"{path}: could not be written: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new PbenchException($"{folder}: another run of this study is writing here; wait for it, or give another --results", e);
        }
    }

    private void Load(bool isFresh)
    {
        var (runs, probes) = (Path.Combine(Folder, RunsFile), Path.Combine(Folder, ProbesFile));
        var cells = Path.Combine(Folder, CellsFolder);
        // Only this program's own temporary files, which a killed run left behind.
        foreach (var orphan in Directory.GetFiles(Folder).Concat(Directory.GetFiles(cells)).Where(f => TemporaryFile().IsMatch(f))) File.Delete(orphan);
        if (isFresh)
        {
            // In this order: runs.csv never names a cell whose probes are gone.
            File.Delete(runs);
            File.Delete(probes);
            foreach (var cell in Directory.GetFiles(cells, "*.json")) File.Delete(cell);
        }
        _journal.Import(runs, probes);
        foreach (var cell in _plan.Cells)
        {
            if (_journal.Read(cell.Key) is { } result) Add(Stamp(cell, result));
        }
        // The study may have lost cells: then runs.csv must not name them while probes.csv no longer has them.
        if (File.Exists(runs) && RecordCsv.ReadFile<RunRecord>(runs).Any(r => !_published.ContainsKey(r.Key))) File.Delete(runs);
        _isBehind = true;
        Publish();
    }

    /// <summary>Names and labels are those of the study as it is now: a cell measured under another label is the same cell.</summary>
    private CellResult Stamp(Cell cell, CellResult result) =>
        result with { Run = result.Run with { Study = _plan.Name, Base = cell.Base.Name, Dataset = cell.Dataset.Label, Label = cell.Strategy.Label } };

    private void Add(CellResult result) =>
        _published[result.Run.Key] = new Published(result, RecordCsv.Row(result.Run), string.Concat(result.Probes.Select(RecordCsv.Row)));

    private IEnumerable<Published> InOrder() => _plan.Cells.Where(c => _published.ContainsKey(c.Key)).Select(c => _published[c.Key]);

    private void WriteLines(string name, string header, IEnumerable<string> lines) => Guarded(Path.Combine(Folder, name), stream =>
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true);
        writer.Write(header);
        foreach (var line in lines) writer.Write(line);
    });

    private void Guarded(string path, Action<Stream> content)
    {
        try
        {
            _write(path, content);
        }
        catch (PbenchException e)
        {
            throw new ResultsException($"{e.Message}\nEverything committed before is safe; once it can be written, the same command goes on", e);
        }
    }

    [GeneratedRegex(@"\.\d+\.tmp$")]
    private static partial Regex TemporaryFile();
}
