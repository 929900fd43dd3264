using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using CsvHelper;

namespace PersonalizationBench.Core.Csv;

/// <summary>
/// Records as CSV and back: the one mapping behind every table that is stored. CsvHelper splits and quotes (RFC 4180, line feeds,
/// invariant culture, doubles in their shortest form that reads back to the same bits, always with a point, so that who guesses a
/// column's type from its first rows guesses right); what it would let pass is refused here. A column per public property, in the order of declaration, named in snake case. Null is an empty field. Properties are string, int,
/// long or double, or one of these with a question mark (of an empty text and no text, a <c>string?</c> comes back as no text).
/// </summary>
public static class RecordCsv
{
    private static readonly CsvWriterOptions s_writing = CsvWriterOptions.Default with { NewLine = "\n" };

    // Blank lines and the header come as rows: both are looked at here.
    private static readonly CsvReaderOptions s_reading = CsvReaderOptions.Default with
    {
        Separator = ',',
        HasHeader = false,
        SkipEmptyLines = false,
        TrackLineNumbers = true,
        MalformedData = CsvMalformedDataHandling.Throw,
    };

    /// <summary>The header line with its line feed.</summary>
    public static string Header<T>() where T : class => Text(csv => csv.WriteHeader([.. Columns<T>.All.Select(c => c.Name)]));

    /// <summary>One record as a row, line feed included: what to append to a file that has its header.</summary>
    /// <exception cref="PbenchException">A double is NaN or infinite: that is no measurement, and the cell should say so in its status.</exception>
    public static string Row<T>(T record) where T : class => Text(csv => WriteRow(csv, record));

    /// <summary>Header and rows.</summary>
    public static void Write<T>(TextWriter writer, IEnumerable<T> records) where T : class
    {
        using var csv = CsvWriter.Create(writer, s_writing, leaveOpen: true);
        csv.WriteHeader([.. Columns<T>.All.Select(c => c.Name)]);
        foreach (var record in records) WriteRow(csv, record);
    }

    /// <summary>Header and rows as a whole file or, on any failure, not at all.</summary>
    public static void WriteFile<T>(string path, IEnumerable<T> records) where T : class => AtomicFile.Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true);
        Write(writer, records);
    });

    /// <summary>All records of a file.</summary>
    /// <exception cref="PbenchException">Missing or cut off, an unknown, doubled or missing column, a row of another length,
    /// or a field that is not of its column's type; the message names file, line and column.</exception>
    public static List<T> ReadFile<T>(string path) where T : class
    {
        try
        {
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return Read<T>(reader, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }

    /// <summary>All records of a text; <paramref name="file"/> is named in errors. Columns may stand in any order, and those
    /// of properties that are not <c>required</c> may be missing: the property then keeps its default.</summary>
    public static List<T> Read<T>(TextReader text, string file) where T : class
    {
        using var rows = CsvReader.Create(text, s_reading, leaveOpen: true);
        try
        {
            if (!rows.Read()) throw PbenchException.At(file, 1, "the file is empty; expected a header line");
            var columns = MatchHeader<T>([.. Enumerable.Range(0, rows.FieldCount).Select(rows.GetString)], file);
            var records = new List<T>();
            while (rows.Read())
            {
                if (rows.FieldCount != columns.Count) throw PbenchException.At(file, (int)rows.LineNumber, $"{rows.FieldCount} fields; expected {columns.Count}, as in the header");
                // By reflection: the members that are `required` are all among the columns, which MatchHeader has seen to.
                var record = (T)Activator.CreateInstance(typeof(T))!;
                for (var i = 0; i < columns.Count; i++) columns[i].Parse(record, rows.GetString(i), file, (int)rows.LineNumber);
                records.Add(record);
            }
            return records;
        }
        catch (CsvFormatException e)
        {
            throw new PbenchException($"{file}:{e.LineNumber}: {e.Message}", e);
        }
    }

    private static List<Column> MatchHeader<T>(List<string> header, string file)
    {
        var known = Columns<T>.All.ToDictionary(c => c.Name);
        var seen = new HashSet<string>();
        foreach (var name in header)
        {
            if (!known.ContainsKey(name))
            {
                var nearest = NearestWord.Find(name, known.Keys);
                throw PbenchException.At(file, 1, $"unknown column '{name}'" + (nearest is null ? $"; expected {string.Join(", ", known.Keys)}" : $"; did you mean '{nearest}'?"));
            }
            if (!seen.Add(name)) throw PbenchException.At(file, 1, $"column '{name}' stands twice");
        }
        if (known.Values.FirstOrDefault(c => c.IsRequired && !seen.Contains(c.Name)) is { } missing)
            throw PbenchException.At(file, 1, $"column '{missing.Name}' is missing");
        return header.ConvertAll(name => known[name]);
    }

    private static void WriteRow<T>(CsvWriter csv, T record) where T : class
    {
        foreach (var column in Columns<T>.All) csv.WriteField(column.Value(record));
        csv.EndRecord();
    }

    private static string Text(Action<CsvWriter> write)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        using (var csv = CsvWriter.Create(text, s_writing, leaveOpen: true)) write(csv);
        return text.ToString();
    }

    private static class Columns<T>
    {
        // Reflection promises no order; metadata tokens ascend in the order of declaration.
        public static readonly IReadOnlyList<Column> All =
            typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(p => p.MetadataToken).Select(p => new Column(p)).ToList();
    }

    private sealed class Column
    {
        private readonly PropertyInfo _property;
        private readonly Type _type;
        private readonly bool _isNullable;

        public Column(PropertyInfo property)
        {
            _property = property;
            _type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            _isNullable = new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;
            if (_type != typeof(string) && _type != typeof(int) && _type != typeof(long) && _type != typeof(double))
                throw new NotSupportedException($"{property.DeclaringType}.{property.Name}: a {_type} has no form in CSV");
            Name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            IsRequired = property.IsDefined(typeof(RequiredMemberAttribute));
        }

        public string Name { get; }

        public bool IsRequired { get; }

        public object? Value(object record) => _property.GetValue(record) switch
        {
            double d when !double.IsFinite(d) => throw new PbenchException($"column '{Name}': {d.ToString(CultureInfo.InvariantCulture)} is not a measurement; expected a finite number or nothing"),
            double d => Real(d),
            var value => value,
        };

        private static string Real(double number)
        {
            var text = number.ToString("R", CultureInfo.InvariantCulture);
            if (text.Contains('.')) return text;
            var exponent = text.IndexOf('E');
            return exponent < 0 ? text + ".0" : text.Insert(exponent, ".0");
        }

        public void Parse(object record, string field, string file, int line)
        {
            object? value;
            if (field.Length == 0 && _isNullable) value = null;
            else if (_type == typeof(string)) value = field;
            else if (_type == typeof(double) && double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d)) value = d;
            else if (_type == typeof(long) && long.TryParse(field, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var l)) value = l;
            else if (_type == typeof(int) && int.TryParse(field, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var i)) value = i;
            else throw PbenchException.At(file, line, $"column '{Name}': '{field}' found; expected {(_type == typeof(double) ? "a finite number" : "a whole number")}{(_isNullable ? " or nothing" : "")}");
            _property.SetValue(record, value);
        }
    }
}
