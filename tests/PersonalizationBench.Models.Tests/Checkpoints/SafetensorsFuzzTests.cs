using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models.Tests.Checkpoints;

/// <summary>Files whose header is JSON but says what cannot be: the damage that random bytes seldom do.</summary>
public class SafetensorsFuzzTests
{
    private const int Files = 60_000;

    private static readonly string[] Types = ["F32", "BF16", "I64", "BOOL", "F64", "f32", "F31", "", "F32 ", "C64"];

    private static readonly string[] Sizes =
    [
        "0", "1", "2", "3", "-1", "4294967296", "4611686018427387904", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "99999999999999999999999", "1e2", "2.0", "0.5", "null", "\"2\"", "[2]", "{}", "true",
    ];

    private static readonly string[] Values = ["null", "0", "\"\"", "[]", "{}", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "{\"a\":{\"a\":{}}}", "\"\\ud800\"", "-", "tru", "\"F32\"", "[0,4,8]"];

    /// <summary>Two tensors that lie one behind the other, and the parts of the file that damage is done to.</summary>
    private sealed class Draft
    {
        public List<List<(string Key, string Value)>> Tensors { get; } =
        [
            [("dtype", "\"F32\""), ("shape", "[2,3]"), ("data_offsets", "[0,24]")],
            [("dtype", "\"BF16\""), ("shape", "[4]"), ("data_offsets", "[24,32]")],
        ];

        public List<string> Names { get; } = ["a.weight", "b"];

        public List<string> More { get; } = ["\"__metadata__\":{\"format\":\"pt\"}"];

        public int DataLength { get; set; } = 32;

        public Func<long, long> HeaderLength { get; set; } = length => length;

        public string Padding { get; set; } = "";

        public byte[] Bytes()
        {
            var tensors = Tensors.Select((fields, i) => $"\"{Names[i]}\":{{{string.Join(',', fields.Select(f => $"\"{f.Key}\":{f.Value}"))}}}");
            var header = Encoding.UTF8.GetBytes($"{{{string.Join(',', More.Concat(tensors))}}}{Padding}");
            var bytes = new byte[8 + header.Length + DataLength];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, HeaderLength(header.Length));
            header.CopyTo(bytes, 8);
            return bytes;
        }
    }

    [Fact]
    public void HeadersThatSayWhatCannotBeAreReadOrRefused()
    {
        var random = new DeterministicRandom(2);
        var (read, refused) = (0, 0);
        for (var i = 0; i < Files; i++)
        {
            var draft = new Draft();
            for (var n = random.Next(1, 4); n > 0; n--) Damage(draft, random);
            var bytes = draft.Bytes();
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                ReadAll(bytes);
                read++;
            }
            catch (PbenchException e)
            {
                Assert.StartsWith("bad.safetensors", e.Message);
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                throw new UnreachableException($"file {i} let a {e.GetType().Name} escape: {e.Message}\n{Encoding.UTF8.GetString(bytes)}", e);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
        Assert.True(read > Files / 50 && refused > Files / 2, $"{read} read, {refused} refused");
    }

    /// <summary>What is read has to be whole: every byte of the data belongs to one tensor, of the size that its shape says.</summary>
    private static void ReadAll(byte[] bytes)
    {
        using var file = SafetensorsFile.Open(new MemoryStream(bytes), "bad.safetensors");
        var end = 8 + BinaryPrimitives.ReadInt64LittleEndian(bytes);
        foreach (var tensor in file.Tensors)
        {
            Assert.Equal(end, tensor.Offset);
            Assert.Equal(tensor.Shape.Aggregate((long)TensorDTypes.SizeOf(tensor.DType)!.Value, (product, size) => product * size), tensor.Length);
            Assert.Equal(tensor.Length, file.Read(tensor.Name).Length);
            end += tensor.Length;
        }
        Assert.Equal(bytes.Length, end);
    }

    private static void Damage(Draft draft, DeterministicRandom random)
    {
        var at = random.Next(draft.Tensors.Count);
        var fields = draft.Tensors[at];
        switch (random.Next(13))
        {
            case 0: Set(fields, "dtype", $"\"{random.Pick(Types)}\""); break;
            case 1: Set(fields, "shape", $"[{string.Join(',', Enumerable.Range(0, random.Next(5)).Select(_ => random.Pick(Sizes)))}]"); break;
            case 2: Set(fields, "data_offsets", $"[{string.Join(',', Enumerable.Range(0, random.Chance(0.9) ? 2 : random.Next(4)).Select(_ => random.Pick(Sizes)))}]"); break;
            // Overlapping, with a gap, turned round, or beside another file's end.
            case 3: Set(fields, "data_offsets", $"[{8 * random.Next(6)},{8 * random.Next(6)}]"); break;
            case 4: Set(fields, random.Pick(["dtype", "shape", "data_offsets"]), random.Pick(Values)); break;
            case 5: fields.Add((random.Pick(["dtype", "shape", "x", "data_offsets", ""]), random.Pick(Values))); break;
            case 6: fields.RemoveAt(random.Next(fields.Count)); break;
            case 7: draft.Names[at] = random.Pick(["b", "a.weight", "__metadata__", "", "\\u0062", "\\ud800", "\\\"", "\u0001"]); break;
            case 8: draft.More.Add(random.Pick(["\"__metadata__\":{}", "\"__metadata__\":{\"a\":1}", "\"__metadata__\":[]", "\"c\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[32,32]}", "\"c\":{\"dtype\":\"U8\",\"shape\":[0,9223372036854775807],\"data_offsets\":[0,0]}", "\"c\":1", ""])); break;
            case 9: draft.DataLength = random.Pick([0, 8, 31, 33, 24, 40]); break;
            case 10:
                var lengths = random.Pick<Func<long, long>>([l => l - 1, l => l + 1, l => l + 8, _ => 0, _ => -1, _ => long.MinValue, _ => 100_000_001, _ => int.MaxValue, l => l << 8, l => l / 2]);
                draft.HeaderLength = lengths;
                break;
            case 11: draft.Padding = random.Pick([" ", "       ", "\n", "\0", ",", "}", "//", new string(' ', 5000)]); break;
            default:
                draft.Tensors.Reverse();
                draft.Names.Reverse();
                break;
        }
        if (fields.Count == 0) fields.Add(("dtype", "\"F32\""));
    }

    private static void Set(List<(string Key, string Value)> fields, string key, string value)
    {
        var at = fields.FindIndex(f => f.Key == key);
        if (at >= 0) fields[at] = (key, value);
        else fields.Add((key, value));
    }
}
