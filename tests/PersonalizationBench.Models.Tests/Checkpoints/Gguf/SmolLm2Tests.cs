using System.Globalization;
using System.Security.Cryptography;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.ChatTemplates;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>A real base, SmolLM2-135M-Instruct as a GGUF file, against what transformers 5.24 gives for its dequantized weights in f32
/// (<c>refs/smollm2</c> of the data folder, whose README says how they were made and what to expect of an engine in f32).</summary>
public sealed class SmolLm2Tests(SmolLm2Tests.Model model) : IClassFixture<SmolLm2Tests.Model>
{
    private const string Weights = "weights/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

    /// <summary>Of log-probabilities: f32 against f64 differs by 5e-5 at most.</summary>
    private const double Tolerance = 5e-4;

    [SkippableFact]
    public void Every_tensor_has_the_digest_of_the_reference_as_stored_and_as_dequantized()
    {
        using var file = GgufFile.Open(SharedData.Require(Weights));
        var config = GgufConfig.Read(file);
        var known = GgufLayout.Of(config).ToDictionary(t => t.Name);
        var rows = File.ReadLines(SharedData.Require("refs/smollm2/gguf-tensors.tsv")).Skip(1).Select(l => l.Split('\t')).ToList();
        Assert.Equal(rows.Select(r => r[0]), file.Tensors.Select(t => t.Name));
        foreach (var row in rows)
        {
            var entry = file.Find(row[0]);
            Assert.Equal((row[1], row[2], row[3], row[4]), (entry.Element.ToString(), string.Join('x', entry.Shape.Reverse()), Shown(entry.Offset), Shown(entry.Length)));
            Assert.Equal(row[5], Digest(file.Read(row[0])));
            var values = file.ReadSingles(row[0]);
            Assert.Equal(row[6], Digest(MemoryMarshal.AsBytes(values.AsSpan())));
            var (name, ordered) = known[row[0]].Split(values).Single();
            Assert.Equal((row[9], row[10]), (name, Digest(MemoryMarshal.AsBytes(ordered.AsSpan()))));
        }

        static string Shown(long number) => number.ToString(CultureInfo.InvariantCulture);
        static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];
    }

    [SkippableFact]
    public void Blocks_are_those_of_the_reference()
    {
        using var file = GgufFile.Open(SharedData.Require(Weights));
        foreach (var block in Reference("gguf-blocks"))
        {
            var bytes = Convert.FromHexString(block["raw_hex"] is JsonArray several ? string.Concat(several.Select(h => (string)h!)) : (string)block["raw_hex"]!);
            Assert.Equal(bytes, file.Read((string)block["tensor"]!)[..bytes.Length]);
            var expected = block["values"]!.AsArray().Select(v => (float)v!).ToArray();
            Assert.Equal(expected, GgufBlocks.ToSingles(Enum.Parse<GgufElement>((string)block["type"]!), bytes));
            Assert.Equal(expected, file.ReadSingles((string)block["tensor"]!)[..expected.Length]);
        }
    }

    [SkippableFact]
    public void The_metadata_tell_the_model()
    {
        Assert.Equal(
            new DecoderConfig(49152, 576, 30, 9, 3, 1536, 8192, RopeTheta: 100000, NormEpsilon: 1e-5f, TiedHead: true), model.Loaded.Config);
        Assert.Equal(134_515_008, model.Loaded.Config.Parameters);
    }

    [SkippableFact]
    public void The_states_after_each_layer_are_the_references()
    {
        var loaded = model.Loaded;
        var width = loaded.Config.Dimension;
        var norm = TensorConversion.Singles(loaded.Weights.Copy(WeightNames.FinalNorm)).ToArray();
        foreach (var prompt in Reference("hidden"))
        {
            using var scope = NewDisposeScope();
            using var off = no_grad();
            foreach (var layer in prompt["layers"]!.AsArray())
            {
                var (index, first, norms) = ((int)layer!["index"]!, layer["first8"]!.AsArray(), layer["l2"]!.AsArray());
                var states = TensorConversion.Singles(DecoderNetwork.Forward(
                    loaded.Config with { Layers = index }, loaded.Weights.Compute, loaded.Weights.Compute.Embedding, loaded.Rotary, new TokenRows(Batches.Padded([Ids(prompt)], Ids(prompt).Length, "cpu"), null), null)).ToArray();
                for (var position = 0; position < first.Count; position++)
                {
                    // The pass ends with the final norm, as the reference does after the last block alone.
                    var scale = index == loaded.Config.Layers ? 1 : 1 / Math.Sqrt(Math.Pow((double)norms[position]!, 2) / width + loaded.Config.NormEpsilon);
                    for (var i = 0; i < 8; i++)
                    {
                        var expected = (double)first[position]!.AsArray()[i]! * (index == loaded.Config.Layers ? 1 : scale * norm[i]);
                        Assert.True(Math.Abs(expected - states[position * width + i]) <= 2e-3 * Math.Max(1, Math.Abs(expected)), $"layer {index}, position {position}, channel {i}: {states[position * width + i]}, expected {expected}");
                    }
                }
            }
        }
    }

    [SkippableFact]
    public void Log_probabilities_are_the_references()
    {
        foreach (var prompt in Reference("logits").Where(p => p["ids"]!.AsArray().Count <= 170)) // longer ones take minutes where processors are few
        {
            var (ids, width) = (Ids(prompt), model.Loaded.Config.VocabularySize);
            var logits = HuggingFaceTests.Logits(model.Loaded, [ids]);
            var next = prompt["next_logprobs"]!.AsArray();
            for (var i = 0; i < next.Count; i++) Near((double)next[i]!, LogProbability(logits.AsSpan(i * width, width), ids[i + 1]), $"{prompt["id"]}, position {i}");
            foreach (var pair in prompt["last_top50"]!.AsArray()) Near((double)pair![1]!, LogProbability(logits.AsSpan((ids.Length - 1) * width, width), (int)pair[0]!), $"{prompt["id"]}, token {pair[0]}");
        }

        static void Near(double expected, double actual, string where) => Assert.True(Math.Abs(expected - actual) <= Tolerance, $"{where}: {actual}, expected {expected}");
    }

    [SkippableFact]
    public void Greedy_texts_are_the_references()
    {
        var prompts = Reference("greedy").ToList();
        var generated = model.Loaded.Generate([.. prompts.Select(p => new GenerationRequest(Ids(p), p["greedy_ids"]!.AsArray().Count))], CostMeter.Unread(), CancellationToken.None);
        foreach (var (prompt, answer) in prompts.Zip(generated))
        {
            int[] expected = [.. prompt["greedy_ids"]!.AsArray().Select(i => (int)i!)];
            // From a step on where two tokens are as likely as can be told, either may follow.
            var told = prompt["gaps"]!.AsArray().TakeWhile(g => (double)g! > 2 * Tolerance).Count();
            Assert.Equal(expected[..told], answer.Tokens[..told]);
        }
    }

    [SkippableFact]
    public void Bits_per_byte_of_real_texts_are_the_references()
    {
        var slices = Reference("perplexity").OrderBy(s => (int)s["tokens"]!).Take(4).ToList();
        foreach (var slice in slices)
        {
            int[] ids = model.Loaded.Tokenizer.Encode(TextOf(slice));
            Assert.Equal((int)slice["tokens"]!, ids.Length);
            var settings = slice["settings"]!["whole"]!;
            var nats = -model.Loaded.Score([new ScoreRequest(ids[..1], ids[1..])], CostMeter.Unread(), CancellationToken.None)[0];
            Assert.Equal((double)settings["nats"]!, nats, 1e-4 * nats);
            Assert.Equal((double)settings["bits_per_byte"]!, nats / Math.Log(2) / (int)settings["scored_bytes"]!, 5e-5);
        }
    }

    [SkippableFact]
    public void Texts_are_the_ids_of_the_reference()
    {
        var tokenizer = model.Loaded.Tokenizer;
        var lines = File.ReadLines(SharedData.Require("refs/smollm2/tokens.jsonl")).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.True(lines.Count >= 276, $"{lines.Count} texts");
        foreach (var line in lines) Assert.Equal(line["ids_special"]!.AsArray().Select(i => (int)i!), tokenizer.Encode((string)line["text"]!));
    }

    [SkippableFact]
    public void A_chat_is_written_by_the_files_own_template()
    {
        var path = SharedData.Require("weights/smollm2/tokenizer.json");
        ChatMessage[] messages = [new("user", "Hi"), new("assistant", "Hello"), new("user", "Bye")];
        Assert.Equal(ChatTemplate.LoadBeside(path)!.Render(messages, true, TimeProvider.System), model.Loaded.ChatTemplate()!.Render(messages, true, TimeProvider.System));
    }

    [SkippableFact]
    public void The_base_is_known_by_its_path_before_it_is_loaded()
    {
        var path = SharedData.Require(Weights);
        var info = new BaseCatalog("none", null).Describe(path);
        Assert.Equal((path, "llama", 134_515_008L, 8192), (info.Name, info.Architecture, info.Parameters, info.ContextLength));
        Assert.Equal([2], info.EndIds);
        Assert.Equal((info.Digest, 1, 2), (model.Loaded.Info.Digest, model.Loaded.Tokenizer.BeginOfText, model.Loaded.Tokenizer.EndOfText));
        Assert.Empty(model.Loaded.Tokenizer.Beginning);
    }

    private static string TextOf(JsonNode slice)
    {
        var path = SharedData.Require(Path.Combine("data", (string)slice["file"]!));
        var bytes = path.EndsWith(".jsonl", StringComparison.Ordinal)
            ? Encoding.UTF8.GetBytes((string)JsonNode.Parse(File.ReadLines(path).ElementAt((int)slice["line"]!))![(string)slice["field"]!]!) : File.ReadAllBytes(path);
        var (from, to) = ((int)slice["byte_from"]!, Math.Min(bytes.Length, (int)slice["byte_to"]!));
        var cut = bytes[from..Math.Min(to, from + (int)slice["bytes"]!)];
        Assert.Equal((string)slice["sha256"]!, Convert.ToHexStringLower(SHA256.HashData(cut)));
        return Encoding.UTF8.GetString(cut);
    }

    private static double LogProbability(ReadOnlySpan<float> logits, int token)
    {
        double most = float.NegativeInfinity, sum = 0;
        foreach (var logit in logits) most = Math.Max(most, logit);
        foreach (var logit in logits) sum += Math.Exp(logit - most);
        return logits[token] - most - Math.Log(sum);
    }

    private static int[] Ids(JsonNode prompt) => [.. prompt["ids"]!.AsArray().Select(i => (int)i!)];

    private static IEnumerable<JsonNode> Reference(string name)
    {
        var root = JsonNode.Parse(File.ReadAllText(SharedData.Require($"refs/smollm2/{name}.json")))!;
        return root is JsonArray several ? several.Select(n => n!) : [root];
    }

    /// <summary>Loaded once, when a test first asks for it.</summary>
    public sealed class Model : IDisposable
    {
        private LoadedBase? _loaded;

        internal LoadedBase Loaded => _loaded ??= new BaseCatalog("none", null).Load(SharedData.Require(Weights), Precision.Float32, "cpu");

        public void Dispose() => _loaded?.Dispose();
    }
}
