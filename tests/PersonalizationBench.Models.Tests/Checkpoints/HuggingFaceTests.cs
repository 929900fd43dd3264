using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Checkpoints of every architecture against logits by an independent implementation (References/make_references.py).</summary>
public sealed class HuggingFaceTests
{
    private const double Tolerance = 1e-4;

    public static TheoryData<string> References => [.. Names];

    private static IEnumerable<string> Names => Directory.EnumerateDirectories(Root).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal);

    internal static string Root => Path.Combine(AppContext.BaseDirectory, "References");

    [Fact]
    public void Every_architecture_has_a_reference() =>
        Assert.Equal(["gpt2", "gpt_neox", "llama", "mamba", "mamba2", "mistral", "qwen2", "qwen3"], Names.Select(n => Read(n).ModelType).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(References))]
    public void Logits_are_the_references(string name)
    {
        using var loaded = Load(name);
        var (rows, expected) = Reference(name);
        var actual = Logits(loaded, rows);
        Assert.Equal(expected.Length, actual.Length);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max();
        Assert.True(worst <= Tolerance, $"largest difference {worst}");
        var width = loaded.Config.VocabularySize;
        Assert.Equal(expected.Chunk(width).Select(Best), actual.Chunk(width).Select(Best));
    }

    [Theory]
    [MemberData(nameof(References))]
    public void Generation_with_the_cache_is_what_whole_passes_give(string name)
    {
        using var loaded = Load(name);
        var rows = Reference(name).Rows;
        int[][] prompts = [rows[0][..3], rows[1][..7]];
        const int Count = 9; // beyond any window here
        var generated = loaded.Generate([.. prompts.Select(p => new GenerationRequest(p, Count))], CostMeter.Unread(), CancellationToken.None);
        for (var i = 0; i < prompts.Length; i++)
        {
            var sequence = prompts[i].ToList();
            for (var t = 0; t < Count; t++) sequence.Add(Best(Logits(loaded, [[.. sequence]]).TakeLast(loaded.Config.VocabularySize)));
            Assert.Equal(sequence.Skip(prompts[i].Length), generated[i].Tokens);
        }
    }

    [Theory]
    [MemberData(nameof(References))]
    public void Sequences_one_after_another_are_as_each_alone(string name)
    {
        using var loaded = Load(name);
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var rows = Reference(name).Rows;
        int[][] sequences = [rows[0][..8], rows[1], rows[0][5..]];
        var starts = sequences.Select((s, i) => (long)sequences.Take(i).Sum(r => r.Length)).ToArray();
        var tokens = new TokenRows(
            tensor(sequences.SelectMany(s => s.Select(t => (long)t)).ToArray()).view(1, -1),
            tensor(sequences.SelectMany((s, i) => new[] { starts[i], s.Length }).ToArray()).view(-1, 2),
            tensor(sequences.SelectMany(s => Enumerable.Range(0, s.Length).Select(t => (long)t)).ToArray()));
        var packed = TensorConversion.Singles(DecoderNetwork.Head(loaded.Config, loaded.Weights.Compute, DecoderNetwork.Forward(loaded.Config, loaded.Weights.Compute, loaded.Weights.Compute.Embedding, loaded.Rotary, tokens, null))).ToArray();
        var alone = sequences.SelectMany(s => Logits(loaded, [s])).ToArray();
        Assert.All(alone.Zip(packed), p => Assert.Equal(p.First, p.Second, 1e-4));
    }

    [Theory]
    [MemberData(nameof(References))]
    public void An_adapter_begins_as_the_base_and_learns(string name)
    {
        using var loaded = Load(name);
        using var bank = new AdapterBank(loaded.Config, 2, new LoraOptions { Rank = 2 });
        Assert.Equal(loaded.Config.Projections.Count * loaded.Config.Layers, bank.Sites.Count);
        var texts = TinyModels.Texts(loaded.Config.VocabularySize, 6, seed: 3);
        var request = new ScoreRequest(Reference(name).Rows[0][..4], Reference(name).Rows[0][4..]);
        var before = loaded.Score([request], CostMeter.Unread(), CancellationToken.None)[0];
        using (loaded.UseAdapters(bank)) Assert.Equal(before, loaded.Score([request with { Slot = 1 }], CostMeter.Unread(), CancellationToken.None)[0], 1e-5);
        var trained = AdapterTrainer.Train(loaded, bank, [new SlotCorpus(0, texts)], new AdapterTrainingOptions { Steps = 30, LearningRate = 2e-2 }, CostMeter.Unread(), CancellationToken.None)[0];
        Assert.True(trained.Losses[^1] < trained.Losses[0] - 0.2, $"{trained.Losses[0]} to {trained.Losses[^1]}");
    }

    [Theory]
    [InlineData("mamba")]
    [InlineData("mamba-biases")]
    [InlineData("mamba2")]
    public void A_state_space_model_is_saved_under_the_names_and_shapes_of_its_file(string name)
    {
        using var loaded = Load(name);
        using var file = SafetensorsFolder.Open(Path.Combine(Root, name));
        var saved = loaded.Weights.Export().ToList();
        Assert.Equal(file.TensorNames.Order(StringComparer.Ordinal), saved.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.All(saved, t =>
        {
            Assert.Equal(file.Describe(t.Name).Shape, t.Shape);
            Assert.Equal(file.ReadSingles(t.Name), TensorDTypes.ToSingles(t.DType, t.Bytes.Span, t.Name));
        });
    }

    public static TheoryData<string> Adapted => [.. AdaptedNames];

    private static IEnumerable<string> AdaptedNames => Names.Where(n => Directory.Exists(Path.Combine(Root, n, "adapter")));

    [Fact]
    public void Adapters_of_patterns_fused_modules_and_mixers_have_references() =>
        Assert.Equal(["gpt2", "gpt_neox", "llama", "mamba", "mamba2"], AdaptedNames);

    [Theory]
    [MemberData(nameof(Adapted))]
    public void An_adapter_of_PEFT_answers_as_the_merged_weights_do(string name)
    {
        var folder = Path.Combine(Root, name, "adapter");
        var adapter = PeftAdapterFile.Load(folder);
        using var loaded = Load(name);
        using var bank = AdapterBank.Of(loaded.Config, adapter, folder);
        var (rows, expected) = Reference(Path.Combine(name, "adapter"));
        Assert.All(expected.Zip(Logits(loaded, rows, bank.Rows([0, 0], torch.ScalarType.Float32))), p => Assert.Equal(p.First, p.Second, Tolerance));
        Assert.Contains(expected.Zip(Logits(loaded, rows)), p => Math.Abs(p.First - p.Second) > 0.1);
    }

    [Theory]
    [MemberData(nameof(Adapted))]
    public void An_adapter_of_PEFT_saved_is_the_same_adapter(string name)
    {
        var adapter = PeftAdapterFile.Load(Path.Combine(Root, name, "adapter"));
        var folder = Directory.CreateTempSubdirectory("pbench-peft-").FullName;
        try
        {
            PeftAdapterFile.Save(folder, adapter);
            var again = PeftAdapterFile.Load(folder);
            Assert.Equal(adapter.Digest(), again.Digest());
            Assert.Equal(adapter.Modules.Select(m => adapter.Config.ScalingOf(m.Module)), again.Modules.Select(m => again.Config.ScalingOf(m.Module)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gpt2")]
    public void Shards_give_what_one_file_gives(string name)
    {
        using var folder = new Folder(name);
        folder.Shard(2);
        using var weights = SafetensorsFolder.Open(folder.Path);
        using var sharded = DecoderWeights.Load(Read(name), weights, Precision.Float32, "cpu");
        using var loaded = Load(name);
        Assert.All(sharded.Export().Zip(loaded.Weights.Export()), p => Assert.Equal(p.First.Bytes.ToArray(), p.Second.Bytes.ToArray()));
    }

    [Fact]
    public void A_file_in_bf16_is_in_memory_once_until_its_weights_are_to_change()
    {
        using var folder = new Folder("llama");
        using (var loaded = Load("llama"))
        {
            // As a file in bf16 has it, norms too.
            SafetensorsFile.Write(folder.File(SafetensorsFolder.SingleName), loaded.Weights.Export().Select(t =>
                new TensorData(t.Name, "BF16", t.Shape, Models.Checkpoints.BFloat16.FromSingles(TensorDTypes.ToSingles(t.DType, t.Bytes.Span, "")))));
        }
        using var source = SafetensorsFolder.Open(folder.Path);
        using var weights = DecoderWeights.Load(Read("llama"), source, Precision.BFloat16, "cpu");
        var norms = weights.Config.Shapes().Where(s => s.Shape.Length == 1).Sum(s => s.Shape[0]);
        Assert.Equal(2 * (weights.Config.Parameters - norms) + 4 * norms, weights.Bytes);
        using (var clone = weights.Clone())
        {
            Assert.Equal(6 * (weights.Config.Parameters - norms) + 4 * norms, clone.Bytes);
            Assert.All(clone.Export().Zip(weights.Export()), p => Assert.Equal(p.Second.Bytes.ToArray(), p.First.Bytes.ToArray()));
            using var off = TorchSharp.torch.no_grad();
            foreach (var name in clone.Names) clone.Master(name).zero_();
            Assert.All(weights.Export(), t => Assert.Contains(t.Bytes.ToArray(), b => b != 0));
        }
        Assert.Equal(2 * (weights.Config.Parameters - norms) + 4 * norms, weights.Bytes);
        using (var exact = DecoderWeights.Load(Read("llama"), source, Precision.Float32, "cpu"))
        {
            foreach (var name in weights.Names)
                Assert.Equal(TensorConversion.Singles(exact.Master(name).contiguous()).ToArray(), TensorConversion.Singles(weights.Master(name).contiguous()).ToArray());
        }
        Assert.Equal(6 * (weights.Config.Parameters - norms) + 4 * norms, weights.Bytes);
    }

    [Fact]
    public void A_folder_with_its_tokenizer_is_a_base()
    {
        using var folder = new Folder("gpt2");
        File.Copy(Path.Combine(Root, "gpt2", "config.json"), folder.File("config.json"));
        Tokenizer(52);
        using var loaded = new BaseCatalog("none", null).Load(folder.Path, Precision.Float32, "cpu");
        Assert.Equal(("gpt2", 52), (loaded.Info.Architecture, loaded.Tokenizer.VocabularySize));
        var generated = loaded.Generate([new GenerationRequest(TextEncoding.Prompt(loaded.Tokenizer, "AB"), 4)], CostMeter.Unread(), CancellationToken.None)[0];
        Assert.Equal(4, generated.Tokens.Length);

        var digest = loaded.Info.Digest;
        File.WriteAllText(folder.File("tokenizer_config.json"), """{ "bos_token": "A" }""");
        Assert.NotEqual(digest, new BaseCatalog("none", null).Describe(folder.Path).Digest); // a text begins otherwise: another base

        File.WriteAllText(folder.File("tokenizer_config.json"), """{ "bos_token": "A", "eos_token": "B", "add_bos_token": false, "add_eos_token": true }""");
        File.WriteAllText(folder.File("generation_config.json"), """{ "eos_token_id": [1, 7], "do_sample": true, "temperature": 0.7 }""");
        using (var ended = new BaseCatalog("none", null).Load(folder.Path, Precision.Float32, "cpu"))
        {
            Assert.NotEqual(digest, ended.Info.Digest);
            Assert.Equal([1, 7], ended.Info.EndIds);
            Assert.Equal(
                [
                    $"{folder.File("generation_config.json")}: not followed, since answers are greedy: do_sample true, temperature 0.7",
                    $"{folder.File("tokenizer.json")}: what is to be put after every text, the ids {ended.Tokenizer.EndOfText}, is not: a prompt is to be gone on from",
                ], ended.Info.Notes);
            Assert.Equal(ended.Tokenizer.Encode("AB"), TextEncoding.Prompt(ended.Tokenizer, "AB")); // nothing is put before it
            Assert.Equal([ended.Tokenizer.BeginOfText], TextEncoding.Prompt(ended.Tokenizer, "").Select(id => (int?)id)); // but a model cannot go on from nothing
        }
        File.WriteAllText(folder.File("generation_config.json"), """{ "eos_token_id": 53 }""");
        Assert.Contains("eos_token_id: expected ids from 0 to 52", Assert.Throws<PbenchException>(() => new BaseCatalog("none", null).Describe(folder.Path)).Message, StringComparison.Ordinal);
        File.Delete(folder.File("generation_config.json"));
        Tokenizer(60);
        Assert.Contains("60 tokens do not fit the base's vocabulary of 53", Assert.Throws<PbenchException>(() => new BaseCatalog("none", null).Load(folder.Path, Precision.Float32, "cpu")).Message, StringComparison.Ordinal);

        // One letter a token, but for the beginning and the end of a text.
        void Tokenizer(int size)
        {
            var vocabulary = new JsonObject { ["<s>"] = 0, ["</s>"] = 1 };
            for (var i = 2; i < size; i++) vocabulary[((char)('A' + i - 2)).ToString()] = i;
            File.WriteAllText(folder.File("tokenizer.json"), new JsonObject
            {
                ["version"] = "1.0",
                ["added_tokens"] = new JsonArray(Special(0, "<s>"), Special(1, "</s>")),
                ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
            }.ToJsonString());
        }

        static JsonObject Special(int id, string content) => new() { ["id"] = id, ["content"] = content, ["special"] = true };
    }

    [Fact]
    public void What_is_wrong_with_the_files_is_named()
    {
        Throws("'model-00002-of-00002.safetensors', which is not there", f => { f.Shard(2); File.Delete(f.File("model-00002-of-00002.safetensors")); });
        Throws("which does not hold it", f => { f.Shard(2); f.Edit(SafetensorsFolder.IndexName, t => t.Replace("00002-of", "00001-of", StringComparison.Ordinal)); });
        Throws("expected the name of a file in this folder", f => { f.Shard(2); f.Edit(SafetensorsFolder.IndexName, t => t.Replace("model-00001", "../model-00001", StringComparison.Ordinal)); });
        Throws("weight_map is missing", f => { f.Shard(1); f.Edit(SafetensorsFolder.IndexName, t => t.Replace("weight_map", "map", StringComparison.Ordinal)); });
        Throws("expected shape [16, 16], found [16, 15]", f => f.Change("model.layers.0.self_attn.q_proj.weight", t => TensorData.FromSingles(t.Name, new float[16 * 15], 16, 15)));
        Throws("'model.layers.1.mlp.up_proj.weight' is missing", f => f.Change("model.layers.1.mlp.up_proj.weight", t => t with { Name = "model.layers.1.mlp.up.weight" }), "has no place in this model");
        Throws("value 3 is NaN", f => f.Change("model.norm.weight", t =>
        {
            var values = TensorDTypes.ToSingles(t.DType, t.Bytes.Span, "").ToArray();
            values[3] = float.NaN;
            return TensorData.FromSingles(t.Name, values, t.Shape);
        }));

        static void Throws(string expected, Action<Folder> spoil, string? orExpected = null)
        {
            using var folder = new Folder("llama");
            spoil(folder);
            var error = Assert.Throws<PbenchException>(() =>
            {
                using var source = SafetensorsFolder.Open(folder.Path);
                using var weights = DecoderWeights.Load(Read("llama"), source, Precision.Float32, "cpu");
            });
            Assert.Contains(folder.Path, error.Message, StringComparison.Ordinal);
            Assert.True(error.Message.Contains(expected, StringComparison.Ordinal) || (orExpected is not null && error.Message.Contains(orExpected, StringComparison.Ordinal)), error.Message);
        }
    }

    internal static DecoderConfig Read(string name)
    {
        var path = Path.Combine(Root, name, "config.json");
        return HuggingFaceConfig.Read(File.ReadAllText(path), path);
    }

    internal static LoadedBase Load(string name)
    {
        var config = Read(name);
        using var source = SafetensorsFolder.Open(Path.Combine(Root, name));
        return new LoadedBase(BaseFolder.InfoOf(name, "digest", config), DecoderWeights.Load(config, source, Precision.Float32, "cpu"), new NumberTokenizer(config.VocabularySize));
    }

    internal static (int[][] Rows, float[] Logits) Reference(string name)
    {
        using var file = SafetensorsFile.Open(Path.Combine(Root, name, "reference.safetensors"));
        var ids = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(file.Read("input_ids")).ToArray();
        var length = (int)file.Find("input_ids").Shape[1];
        return ([.. ids.Select(i => (int)i).Chunk(length)], file.ReadSingles("logits"));
    }

    internal static float[] Logits(LoadedBase loaded, int[][] rows, AdapterRows? adapters = null)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var ids = Batches.Padded(rows, rows.Max(r => r.Length), "cpu");
        var hidden = DecoderNetwork.Forward(loaded.Config, loaded.Weights.Compute, loaded.Weights.Compute.Embedding, loaded.Rotary, new TokenRows(ids, Batches.Lengths(rows.Select(r => r.Length))), adapters);
        return TensorConversion.Singles(DecoderNetwork.Head(loaded.Config, loaded.Weights.Compute, hidden)).ToArray();
    }

    private static int Best(IEnumerable<float> logits) => logits.Select((value, index) => (value, index)).MaxBy(p => p.value).index;

    /// <summary>A copy of a reference's checkpoint, to be spoilt.</summary>
    private sealed class Folder : IDisposable
    {
        public Folder(string name)
        {
            Path = Directory.CreateTempSubdirectory("pbench-hf-").FullName;
            System.IO.File.Copy(System.IO.Path.Combine(Root, name, SafetensorsFolder.SingleName), File(SafetensorsFolder.SingleName));
        }

        public string Path { get; }

        public string File(string name) => System.IO.Path.Combine(Path, name);

        public void Edit(string name, Func<string, string> edit) => System.IO.File.WriteAllText(File(name), edit(System.IO.File.ReadAllText(File(name))));

        public void Change(string tensor, Func<TensorData, TensorData> change) =>
            SafetensorsFile.Write(File(SafetensorsFolder.SingleName), Tensors().Select(t => t.Name == tensor ? change(t) : t));

        public void Shard(int count)
        {
            var tensors = Tensors();
            var map = new JsonObject();
            for (var i = 0; i < count; i++)
            {
                var name = FormattableString.Invariant($"model-{i + 1:D5}-of-{count:D5}.safetensors");
                var own = tensors.Where((_, at) => at % count == i).ToList();
                SafetensorsFile.Write(File(name), own);
                foreach (var tensor in own) map[tensor.Name] = name;
            }
            System.IO.File.WriteAllText(File(SafetensorsFolder.IndexName), new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
            System.IO.File.Delete(File(SafetensorsFolder.SingleName));
        }

        public void Dispose() => Directory.Delete(Path, recursive: true);

        private List<TensorData> Tensors()
        {
            using var file = SafetensorsFile.Open(File(SafetensorsFolder.SingleName));
            return [.. file.Tensors.Select(t => new TensorData(t.Name, t.DType, t.Shape, file.Read(t.Name)))];
        }
    }
}
