using System.Text.Encodings.Web;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Runner.Results;

/// <summary>Writes a whole file or nothing, as <see cref="AtomicFile.Write"/> does.</summary>
public delegate void FileWriter(string path, Action<Stream> write);

/// <summary>
/// What every cell gave, one file <c>cells/KEY.json</c> each: the truth from which the CSV files are made. A cell is in it
/// wholly or not at all. Cells that a changed study no longer has stay here, so that changing it back measures nothing twice.
/// </summary>
internal sealed class ResultJournal(string folder, FileWriter write)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectRequiredConstructorParameters = true,
    };

    private string PathOf(string key) => Path.Combine(folder, key + ".json");

    public bool Has(string key) => File.Exists(PathOf(key));

    /// <summary>Null where the cell was never measured, or by a version with other columns.</summary>
    public CellResult? Read(string key)
    {
        var path = PathOf(key);
        try
        {
            if (!File.Exists(path)) return null;
            var result = JsonSerializer.Deserialize<CellResult>(File.ReadAllBytes(path), Json);
            return result?.Run.Schema == RunRecord.CurrentSchema ? result : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: is not the result of a cell: {e.Message}; delete it to measure the cell again", e);
        }
    }

    public void Write(CellResult result) => write(PathOf(result.Run.Key), stream => JsonSerializer.Serialize(stream, result, Json));

    /// <summary>Takes over what the CSV files have and the journal has not: results that came without their journal,
    /// such as those of a fresh clone.</summary>
    public void Import(string runsFile, string probesFile)
    {
        if (!File.Exists(runsFile) || !File.Exists(probesFile)) return;
        try
        {
            var missing = RecordCsv.ReadFile<RunRecord>(runsFile).Where(r => r.Status == CellStatus.Ok && r.Schema == RunRecord.CurrentSchema && !Has(r.Key)).ToList();
            if (missing.Count == 0) return;
            var probes = RecordCsv.ReadFile<ProbeRecord>(probesFile).ToLookup(p => p.Key);
            foreach (var run in missing.Where(r => probes.Contains(r.Key))) Write(new CellResult(run, [.. probes[run.Key]]));
        }
        catch (PbenchException e) when (e is not ResultsException)
        {
            throw new PbenchException($"{e.Message}\nThe results in this folder cannot be taken over; give --fresh to measure everything again", e);
        }
    }
}
