using System.ComponentModel.DataAnnotations;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Real;

/// <summary>What a stage of pretraining shows of the novels.</summary>
public sealed record NovelsCorpusOptions
{
    /// <summary>UTF-8 bytes of a training text; as many as the base's context takes.</summary>
    [Range(16, 1 << 20)] public int TextBytes { get; init; } = 512;

    /// <summary>Authors, as the files' names begin, who are in no training text.</summary>
    public IReadOnlyList<string> ReservedAuthors { get; init; } = ["Cbronte", "Chesterton", "Dickens", "Doyle", "James", "Kipling", "Lawrence", "Stevenson", "Woolf"];

    /// <summary>Novels, as the files are named, that the loss is measured on.</summary>
    [MinLength(1, ErrorMessage = "expected at least one novel")]
    public IReadOnlyList<string> HeldOutNovels { get; init; } = ["Eliot_Felix_1866", "Forster_View_1908", "Hardy_Jude_1895", "Trollope_Warden_1855"];

    /// <summary>Texts that the loss is measured on, evenly spread over <see cref="HeldOutNovels"/>.</summary>
    [Range(1, 1 << 20)] public int HeldOutTexts { get; init; } = 256;
}

/// <summary>Stretches of English novels, from a random word on.</summary>
public sealed class NovelsCorpus : ITrainingCorpus
{
    /// <summary>The dataset that has the file.</summary>
    public const string Dataset = "novels";

    private const string FilePath = "data/authors/100_english_novels.zip";

    private readonly NovelsCorpusOptions _options;
    private readonly string _path;
    private readonly Lazy<IReadOnlyDictionary<string, string>> _novels;

    /// <param name="files">Paths by path below the data folder, the dataset's among them.</param>
    public NovelsCorpus(NovelsCorpusOptions options, IReadOnlyDictionary<string, string> files)
    {
        (_options, _path) = (options, files[FilePath]);
        _novels = new(() => Checked(Read(_path)));
        Digest = Core.Digest.Of($"novels corpus 1 {Core.Digest.OfFile(_path)} {JsonSerializer.Serialize(options)}");
    }

    public string Digest { get; }

    public IReadOnlyList<TrainingText> HeldOut => field ??= DrawHeldOut();

    public IEnumerable<TrainingText> Stream(long seed)
    {
        var novels = Training();
        var total = novels.Sum(n => (long)n.Length);
        var random = DeterministicRandom.For(seed, "novels corpus");
        while (true)
        {
            // Each character is as likely a beginning as any other: long novels are read more.
            var at = (long)(random.NextDouble() * total);
            var novel = 0;
            for (; at >= novels[novel].Length; novel++) at -= novels[novel].Length;
            yield return Text(novels[novel], (int)at);
        }
    }

    private SortedDictionary<string, string> Checked(SortedDictionary<string, string> novels)
    {
        foreach (var author in _options.ReservedAuthors)
            if (!novels.Keys.Any(n => AuthorOf(n) == author)) throw Unknown("reserved_authors", author, novels.Keys.Select(AuthorOf).Distinct());
        foreach (var novel in _options.HeldOutNovels)
            if (!novels.ContainsKey(novel)) throw Unknown("held_out_novels", novel, novels.Keys);
        return novels;
    }

    private List<string> Training()
    {
        var held = _options.HeldOutNovels.ToHashSet();
        var reserved = _options.ReservedAuthors.ToHashSet();
        var training = _novels.Value.Where(n => !held.Contains(n.Key) && !reserved.Contains(AuthorOf(n.Key))).Select(n => n.Value).ToList();
        return training.Count > 0 ? training : throw new PbenchException($"{_path}: no novel is left to train on");
    }

    private List<TrainingText> DrawHeldOut()
    {
        var all = string.Join('\n', _options.HeldOutNovels.Select(n => _novels.Value[n]));
        return [.. Enumerable.Range(0, _options.HeldOutTexts).Select(i => Text(all, (int)((long)i * all.Length / _options.HeldOutTexts)))];
    }

    /// <summary>From the next word on, or from the novel's first where no whole text is left behind.</summary>
    private TrainingText Text(string novel, int at)
    {
        var start = at == 0 || novel.Length - at < 2 * _options.TextBytes ? 0 : novel.AsSpan(at).IndexOfAny(' ', '\n') + at + 1;
        var (end, bytes) = (start, 0);
        foreach (var rune in novel.AsSpan(start).EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > _options.TextBytes) break;
            end += rune.Utf16SequenceLength;
        }
        return new TrainingText([new TextSegment(novel[start..end], 1)]);
    }

    private static string AuthorOf(string novel) => novel[..novel.IndexOf('_', StringComparison.Ordinal)];

    private PbenchException Unknown(string key, string name, IEnumerable<string> expected)
    {
        var nearest = NearestWord.Find(name, [.. expected]);
        return new($"{key}: '{name}' is not in {_path}{(nearest is null ? "" : $"; did you mean '{nearest}'?")}");
    }

    private static SortedDictionary<string, string> Read(string path)
    {
        try
        {
            using var zip = ZipFile.OpenRead(path);
            var novels = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in zip.Entries.Where(e => e.FullName.StartsWith("corpus/", StringComparison.Ordinal) && e.Name.EndsWith(".txt", StringComparison.Ordinal)))
            {
                using var reader = new StreamReader(entry.Open(), Encoding.UTF8);
                novels.Add(Path.GetFileNameWithoutExtension(entry.Name), TextRules.Unwrap(reader.ReadToEnd()));
            }
            return novels.Count > 0 ? novels : throw new PbenchException($"{path}: expected novels as corpus/AUTHOR_TITLE_YEAR.txt, found none");
        }
        catch (InvalidDataException e)
        {
            throw new PbenchException($"{path}: not a zip archive that can be read: {e.Message}", e);
        }
    }
}
