using System.Text;

namespace PersonalizationBench.Core.Csv;

/// <summary>Splits RFC 4180 text into rows of fields. Knows nothing of records: see <see cref="RecordCsv"/>.</summary>
internal sealed class CsvReader(TextReader reader, string file)
{
    private int _line = 1;

    /// <summary>The next row and the 1-based line on which it starts; null at the end of the text. The last row may lack its line feed.</summary>
    public (int Line, List<string> Fields)? ReadRow()
    {
        if (reader.Peek() < 0) return null;
        var start = _line;
        var fields = new List<string>();
        while (true)
        {
            fields.Add(reader.Peek() == '"' ? ReadQuoted(start) : ReadPlain());
            var next = reader.Read();
            if (next == ',') continue;
            if (next == '\r' && reader.Peek() == '\n') next = reader.Read();
            if (next is not ('\n' or -1)) throw PbenchException.At(file, _line, $"field {fields.Count}: expected a comma or the end of the line after the closing quote, found '{(char)next}'");
            _line++;
            return (start, fields);
        }
    }

    private string ReadPlain()
    {
        var text = new StringBuilder();
        while (reader.Peek() is var c && c is not (-1 or ',' or '\n' or '\r'))
        {
            if (c == '"') throw PbenchException.At(file, _line, "a quote inside a field that is not quoted; expected the whole field in quotes and the quote doubled");
            text.Append((char)reader.Read());
        }
        return text.ToString();
    }

    private string ReadQuoted(int start)
    {
        reader.Read();
        var text = new StringBuilder();
        while (true)
        {
            var c = reader.Read();
            if (c < 0) throw PbenchException.At(file, start, "the row ends inside a quoted field: the file is cut off");
            if (c == '"' && reader.Peek() != '"') return text.ToString();
            if (c == '"') reader.Read();
            if (c == '\n') _line++;
            text.Append((char)c);
        }
    }
}
