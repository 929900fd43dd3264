using Microsoft.ML.Tokenizers;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Library;

/// <summary>SentencePiece's <c>tokenizer.model</c> (Llama 2, Mistral, Gemma), by Microsoft.ML.Tokenizers.</summary>
/// <remarks>
/// <para>Only BPE without a table of replacements, as these bases have: with a table (and a Unigram model seldom has none) the library keeps
/// characters that the table removes, and its ids are others than SentencePiece's. What it leaves apart, unknown characters in a row, is put together.</para>
/// <para>After a special token inside a text nothing is put before what follows, which is what transformers calls <c>legacy: false</c>.</para>
/// </remarks>
internal static class SentencePieceFile
{
    // Fields of sentencepiece_model.proto: of the model, of its trainer_spec, and of its normalizer_spec.
    private const int TrainerSpec = 2, NormalizerSpec = 3, ModelType = 3, PrecompiledMap = 2, AddDummyPrefix = 3, Pieces = 1;
    private const ulong Bpe = 2;

    /// <param name="source">What errors call the file.</param>
    public static LibraryTokenizer Parse(byte[] bytes, string source, SpecialTokenNames names)
    {
        var vocabularySize = Check(bytes, source);
        var special = new Dictionary<string, int>(names.Added);
        try
        {
            var bare = SentencePieceTokenizer.Create(new MemoryStream(bytes), addBeginningOfSentence: false, addEndOfSentence: false);
            foreach (var (token, id) in new[] { (bare.UnknownToken, bare.UnknownId), (bare.BeginningOfSentenceToken, bare.BeginningOfSentenceId), (bare.EndOfSentenceToken, bare.EndOfSentenceId) })
                if (id >= 0) special.TryAdd(token, id);
            var inner = SentencePieceTokenizer.Create(new MemoryStream(bytes), addBeginningOfSentence: false, addEndOfSentence: false, special);
            // A message that comes again goes over the first, field by field: here nothing is put before a text.
            var goingOn = SentencePieceTokenizer.Create(new MemoryStream([.. bytes, NormalizerSpec << 3 | 2, 2, AddDummyPrefix << 3, 0]), addBeginningOfSentence: false, addEndOfSentence: false, special);
            var ofFile = Template.Around(bare.BeginningOfSentenceId >= 0 ? bare.BeginningOfSentenceId : null, null);
            var ends = names.Resolve(special, special.Keys.ToHashSet(), ofFile, source);
            return new LibraryTokenizer(inner, goingOn, Math.Max(vocabularySize, special.Values.Max() + 1), ends, special, names.Followed(ofFile, special), bare.UnknownId);
        }
        // The library says what is wrong with a file by exceptions of many kinds, its reader of protocol buffers among them.
        catch (Exception e) when (e is not PbenchException and not OutOfMemoryException)
        {
            throw new PbenchException($"{source}: not a SentencePiece model that can be read: {e.Message}", e);
        }
    }

    /// <summary>Refuses what the library reads otherwise than SentencePiece; gives the number of pieces.</summary>
    private static int Check(ReadOnlySpan<byte> model, string source)
    {
        var (pieces, type) = (0, 0UL);
        foreach (var (field, _, length, start) in Fields(model, source))
        {
            if (field == Pieces) pieces++;
            if (field is not (TrainerSpec or NormalizerSpec)) continue;
            foreach (var (inner, value, innerLength, _) in Fields(model.Slice(start, length), source))
            {
                if (field == TrainerSpec && inner == ModelType) type = value;
                if (field == NormalizerSpec && inner == PrecompiledMap && innerLength > 0) throw new PbenchException($"{source}: normalizer_spec: a table of replacements is not read; expected none, or a tokenizer.json beside");
            }
        }
        if (type != Bpe) throw new PbenchException($"{source}: trainer_spec: a model of type {(type is 0 or 1 ? "Unigram" : type)} is not read; expected BPE, or a tokenizer.json beside");
        return pieces > 0 ? pieces : throw new PbenchException($"{source}: expected a SentencePiece model, found no pieces");
    }

    /// <summary>The fields of a message: number, value (of a varint), and length and beginning (of bytes).</summary>
    private static List<(int Field, ulong Value, int Length, int Start)> Fields(ReadOnlySpan<byte> message, string source)
    {
        var fields = new List<(int, ulong, int, int)>();
        for (var at = 0; at < message.Length;)
        {
            var key = Varint(message, ref at, source);
            var (field, value, length) = ((int)(key >> 3), 0UL, 0);
            switch (key & 7)
            {
                case 0: value = Varint(message, ref at, source); break;
                case 1: length = 8; break;
                case 2: length = (int)Math.Min(int.MaxValue, Varint(message, ref at, source)); break;
                case 5: length = 4; break;
                default: throw Damaged(source);
            }
            if (length > message.Length - at) throw Damaged(source);
            fields.Add((field, value, length, at));
            at += length;
        }
        return fields;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at, string source)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (at >= message.Length) throw Damaged(source);
            var b = message[at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw Damaged(source);
    }

    private static PbenchException Damaged(string source) => new($"{source}: not a SentencePiece model: its fields do not fit together; the file is damaged or of another kind");
}
