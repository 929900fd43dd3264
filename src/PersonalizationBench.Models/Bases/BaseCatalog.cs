using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tokenizers;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Models;

/// <summary>
/// Bases by name: the folders of <c>datasets/bases</c>, <c>stories260K</c> and <c>babyllama</c> (llama2.c files of the data folder),
/// or a path to a folder in Hugging Face's layout, to a <c>.gguf</c> file, or to a llama2.c <c>.bin</c> with its <c>tokenizer.bin</c> beside it.
/// </summary>
public sealed class BaseCatalog : IBaseCatalog
{
    private static readonly Dictionary<string, (string Weights, string Tokenizer)> Llama2cFiles = new()
    {
        ["stories260K"] = ("stories260K.bin", "tok512.bin"),
        ["babyllama"] = ("babyllama_tok105_model5000.bin", "tok105.bin"),
    };

    private readonly string _basesFolder;
    private readonly string? _dataFolder;

    /// <param name="basesFolder">Such as <c>datasets/bases</c>; need not exist.</param>
    /// <param name="dataFolder">The data folder (PBENCH_DATA); null where there is none.</param>
    public BaseCatalog(string basesFolder, string? dataFolder) => (_basesFolder, _dataFolder) = (basesFolder, dataFolder);

    /// <summary>Shipped bases, then those of the data folder that can be loaded or fetched.</summary>
    public string Engine => Kernels.Engine.Name;

    public IReadOnlyList<string> Names => [.. ShippedNames(), .. Llama2cFiles.Keys];

    public BaseInfo Describe(string name)
    {
        var files = Find(name);
        return files.Described(BaseFolder.InfoOf(name, BaseFolder.DigestOf(files.All), files.Config())) with { Tokenizer = new(files.ReadTokenizer) };
    }

    public LoadedBase Load(string name, Precision precision, string device)
    {
        var files = Find(name);
        var tokenizer = files.ReadTokenizer();
        var info = files.Described(BaseFolder.InfoOf(name, BaseFolder.DigestOf(files.All), files.Config()));
        if (files.Config().VocabularySize < tokenizer.VocabularySize)
            throw new PbenchException($"{files.Tokenizer}: {tokenizer.VocabularySize} tokens do not fit the base's vocabulary of {files.Config().VocabularySize}");
        var weights = files.Weights((config, tensors) => DecoderWeights.Load(config, tensors, precision, device));
        return new LoadedBase(info, weights, tokenizer) { ChatTemplate = files.ReadChatTemplate, ReadAgain = files.Weights };
    }

    IBaseModel IBaseCatalog.Load(string name, Precision precision, string device) => Load(name, precision, device);

    private IEnumerable<string> ShippedNames() => !Directory.Exists(_basesFolder)
        ? []
        : Directory.EnumerateDirectories(_basesFolder).Where(d => File.Exists(Path.Combine(d, BaseFolder.ConfigName))).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal);

    private BaseFiles Find(string name)
    {
        var shipped = Path.Combine(_basesFolder, name);
        if (File.Exists(Path.Combine(shipped, BaseFolder.ConfigName))) return OfFolder(shipped);
        if (Llama2cFiles.TryGetValue(name, out var llama))
        {
            if (_dataFolder is null) throw Missing(name, "PBENCH_DATA is not set");
            var folder = Path.Combine(_dataFolder, "weights", "llama2c");
            var (weights, tokenizer) = (Path.Combine(folder, llama.Weights), Path.Combine(folder, llama.Tokenizer));
            foreach (var file in new[] { weights, tokenizer })
                if (!File.Exists(file)) throw Missing(name, $"{file} is not there");
            return OfLlama2c(weights, tokenizer);
        }
        if (File.Exists(Path.Combine(name, BaseFolder.ConfigName))) return OfFolder(name);
        if (File.Exists(name) && Path.GetExtension(name) == ".bin")
        {
            var tokenizer = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(name))!, "tokenizer.bin");
            return File.Exists(tokenizer) ? OfLlama2c(name, tokenizer) : throw new PbenchException($"{name}: expected its tokenizer beside it, as {tokenizer}");
        }
        if (File.Exists(name) && Path.GetExtension(name) == GgufBase.Extension) return OfGguf(name);
        var nearest = NearestWord.Find(name, Names);
        throw new PbenchException($"base '{name}' is unknown{(nearest is null ? "" : $"; did you mean '{nearest}'?")} Expected one of {string.Join(", ", Names)}, or a path to a folder with config.json, to a .gguf file or to a llama2.c .bin");
    }

    private static PbenchException Missing(string name, string why) =>
        new($"base '{name}': {why}. Get it with 'pbench data fetch llama2c', or set PBENCH_DATA to the folder that holds weights/llama2c");

    private static BaseFiles OfFolder(string folder)
    {
        var tokenizer = BaseFolder.TokenizerPath(folder);
        return new BaseFiles(
            [Path.Combine(folder, BaseFolder.ConfigName), .. SafetensorsFolder.FilesOf(folder), .. TokenizerFile.FilesOf(folder), .. BaseFolder.Beside(folder)],
            tokenizer,
            () => BaseFolder.ReadConfig(folder),
            read => BaseFolder.ReadWeights(folder, read))
        { Described = info => BaseFolder.Described(info, folder) };
    }

    private static BaseFiles OfGguf(string path)
    {
        var file = new GgufBase(path);
        return new BaseFiles([path], path, file.ReadConfig, file.ReadWeights) { ReadTokenizer = file.ReadTokenizer, ReadChatTemplate = file.ReadChatTemplate, Described = file.Described };
    }

    private static BaseFiles OfLlama2c(string weights, string tokenizer) => new(
        [weights, tokenizer],
        tokenizer,
        () => ConfigOf(Llama2cCheckpoint.LoadConfig(weights)).Validated(weights),
        read =>
        {
            var checkpoint = Llama2cCheckpoint.Load(weights);
            return read(ConfigOf(checkpoint.Config).Validated(weights), new TensorList(checkpoint.Weights, weights));
        });

    private static DecoderConfig ConfigOf(Llama2cConfig c) =>
        new(c.VocabularySize, c.Dim, c.Layers, c.Heads, c.KvHeads, c.HiddenDim, c.ContextLength, Llama2cConfig.RotaryBase, Llama2cConfig.NormEpsilon, c.TiedHead);

    /// <param name="All">Every file that decides what the base answers.</param>
    /// <param name="Tokenizer">The file that has it.</param>
    private sealed record BaseFiles(IReadOnlyList<string> All, string Tokenizer, Func<DecoderConfig> Config, Func<WeightsReader, DecoderWeights> Weights)
    {
        public Func<ITokenizer> ReadTokenizer { get; init; } = () => TokenizerFile.Load(Tokenizer);

        public Func<ChatTemplate?> ReadChatTemplate { get; init; } = () => ChatTemplate.LoadBeside(Tokenizer);

        /// <summary>Adds what further files say.</summary>
        public Func<BaseInfo, BaseInfo> Described { get; init; } = info => info;
    }
}
