using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Adapters that PEFT 0.21.2 made and trained on random bases, with its losses and logits (f32, torch 2.13, transformers 5.24): <c>refs/peft</c>
/// of the data folder. Every training was repeated in f64, which says how close f32 can come.</summary>
internal static class PeftReferences
{
    /// <summary>How far logits of a folder that is loaded may be from PEFT's.</summary>
    public const double Loaded = 3e-5;

    /// <summary>The folder; skips the test where it is not there.</summary>
    public static string Root() => Path.GetDirectoryName(SharedData.Require("refs/peft/index.json"))!;

    public static IEnumerable<string> Names() => SharedData.Folders("refs/peft/cases");

    public static JsonElement Case(string name) => Json(Path.Combine(Root(), "cases", name, "case.json"));

    public static string Folder(string name, string stage) => Path.Combine(Root(), "cases", name, stage);

    public static LoadedBase Base(string name) => BaseAt(Path.Combine(Root(), name));

    /// <summary>The base of a folder that has no tokenizer.</summary>
    public static LoadedBase BaseAt(string folder)
    {
        var config = BaseFolder.ReadConfig(folder);
        Func<WeightsReader, DecoderWeights> read = reader => BaseFolder.ReadWeights(folder, reader);
        return new LoadedBase(BaseFolder.InfoOf(folder, "digest", config), read((c, tensors) => DecoderWeights.Load(c, tensors, Precision.Float32, "cpu")), new Numbers(config.VocabularySize)) { ReadAgain = read };
    }

    public static int[][] EvaluationRows() => [.. Rows(Data().GetProperty("eval_ids"))];

    /// <summary>The sequences of all ten batches, one after another; a token whose label is -100 does not count.</summary>
    public static IReadOnlyList<TokenSequence> TrainingRows()
    {
        var data = Data();
        var (ids, labels) = (data.GetProperty("batches").EnumerateArray().SelectMany(Rows), data.GetProperty("labels").EnumerateArray().SelectMany(Rows));
        return [.. ids.Zip(labels, (i, l) => new TokenSequence(i, [.. l.Select(label => label == -100 ? 0f : 1f)]))];
    }

    /// <summary>Logits of the bases, by their names.</summary>
    public static float[] BaseLogits(string name) => Logits(Path.Combine(Root(), "base_logits.safetensors"), name)!;

    /// <summary>Null where the file has none of this name.</summary>
    public static float[]? Logits(string file, string name)
    {
        using var logits = SafetensorsFile.Open(file);
        return logits.Contains(name) ? logits.ReadSingles(name) : null;
    }

    public static void AreWithin(double tolerance, float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - (double)a)).Max();
        Assert.True(worst <= tolerance, $"largest difference {worst}, of {tolerance} that are allowed");
    }

    private static JsonElement Data() => Json(Path.Combine(Root(), "data.json"));

    private static JsonElement Json(string path) => JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(path));

    private static IEnumerable<int[]> Rows(JsonElement rows) => rows.EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray());

    /// <summary>Texts of numbers, which begin with nothing.</summary>
    private sealed class Numbers(int size) : ITokenizer
    {
        private readonly NumberTokenizer _numbers = new(size);

        public int VocabularySize => size;

        public int? BeginOfText => null;

        public int? EndOfText => null;

        public int[] Encode(string text) => _numbers.Encode(text);

        public string Decode(ReadOnlySpan<int> ids) => _numbers.Decode(ids);
    }
}
