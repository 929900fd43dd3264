using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Core.Tests.Csv;

public sealed class RecordCsvTests
{
    private static readonly ProbeRecord Plain = new() { Key = "k", UserId = "u1", ProbeId = "p1", Kind = "recall", Metric = "exact-match", Score = 1 };

    private static List<T> Read<T>(string text) where T : class => RecordCsv.Read<T>(new StringReader(text), "probes.csv");

    private static string Write<T>(params T[] records) where T : class
    {
        var writer = new StringWriter();
        RecordCsv.Write(writer, records);
        return writer.ToString();
    }

    [Fact]
    public void The_columns_of_probes_are_the_records_properties_in_order_and_snake_case() =>
        Assert.Equal("key,user_id,probe_id,kind,metric,score,chance,answer,gold,evidence_recall,prompt_tokens,anticipated\n", RecordCsv.Header<ProbeRecord>());

    [Fact]
    public void The_columns_of_runs_begin_with_the_schema_and_name_percentiles_readably()
    {
        var header = RecordCsv.Header<RunRecord>();
        Assert.StartsWith("schema,key,study,dataset,base,strategy,label,control,seed,settings,status,error,users,probes,adapt_seconds,adapt_flops,", header);
        Assert.Contains(",first_token_ms_p50,first_token_ms_p50_low,first_token_ms_p50_high,first_token_ms_p95,", header);
        Assert.Contains(",held_out_bits_per_byte_before,held_out_bits_per_byte_after,", header);
    }

    [Fact]
    public void What_was_not_measured_is_an_empty_field() =>
        Assert.Equal("k,u1,p1,recall,exact-match,1.0,,,,,,\n", RecordCsv.Row(Plain));

    /// <summary>A column that begins with 0 and 1 and goes on with 0.5 is one of real numbers for whoever reads it, polars for one.</summary>
    [Theory]
    [InlineData(0, "0.0")]
    [InlineData(-3, "-3.0")]
    [InlineData(0.5, "0.5")]
    [InlineData(1e19, "1.0E+19")]
    [InlineData(1.5e-9, "1.5E-09")]
    public void A_real_number_has_its_point(double score, string field) =>
        Assert.Equal($"k,u1,p1,recall,exact-match,{field},,,,,2,\n", RecordCsv.Row(Plain with { Score = score, PromptTokens = 2 }));

    [Fact]
    public void Real_numbers_without_a_point_are_read_too() =>
        Assert.Equal([1, 1, 1e19], Read<ProbeRecord>("score,kind,metric,probe_id,user_id,key\n1,recall,m,p,u,k\n1.0,recall,m,p,u,k\n1E+19,recall,m,p,u,k\n").Select(p => p.Score));

    [Fact]
    public void Commas_quotes_and_line_ends_are_quoted_as_RFC_4180_says() =>
        Assert.Equal("k,u1,p1,recall,exact-match,0.1,,\"say \"\"hi\"\", then\n\r go\", plain ,,3,\n",
            RecordCsv.Row(Plain with { Score = 0.1, Answer = "say \"hi\", then\n\r go", Gold = " plain ", PromptTokens = 3 }));

    [Fact]
    public void Any_text_and_any_finite_number_come_back_as_they_were() =>
        Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), ArbMap.Default.ArbFor<NormalFloat>(), ArbMap.Default.ArbFor<int?>(), (text, number, whole) =>
        {
            var record = Plain with { Answer = text.Get, Gold = text.Get + ",\"", Score = number.Get, Chance = whole is null ? null : number.Get / 3, PromptTokens = whole };
            return Read<ProbeRecord>(Write(record, record)) is [var first, var second] && first == record && second == record;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_whole_run_record_comes_back_as_it_was()
    {
        var run = new RunRecord
        {
            Key = "k",
            Study = "s",
            Dataset = "world",
            Base = "b",
            Strategy = "lora",
            Label = "lora r=8",
            Seed = long.MinValue,
            Settings = """{"rank":8,"targets":["q","v"]}""",
            Status = "ok",
            AdaptSeconds = 1.0 / 3,
            AdaptFlops = 1e19,
            TrainedTokens = long.MaxValue,
        };
        Assert.Equal(run, Assert.Single(Read<RunRecord>(Write(run))));
    }

    [Fact]
    public void A_file_is_written_whole_and_read_back()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName(), "probes.csv");
        RecordCsv.WriteFile(path, [Plain, Plain with { ProbeId = "p2" }]);
        Assert.Equal(["p1", "p2"], RecordCsv.ReadFile<ProbeRecord>(path).Select(p => p.ProbeId));
        Assert.Equal([(byte)'k'], File.ReadAllBytes(path)[..1]);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Columns_in_another_order_and_absent_optional_ones_are_read() =>
        Assert.Equal(Plain, Assert.Single(Read<ProbeRecord>("score,kind,metric,probe_id,user_id,key\r\n1,recall,exact-match,p1,u1,k")));

    [Theory]
    [InlineData("", "probes.csv:1: the file is empty")]
    [InlineData("key,user_id,probe_id,kind,metrik,score\n", "probes.csv:1: unknown column 'metrik'; did you mean 'metric'?")]
    [InlineData("key,user_id,probe_id,kind,metric,score,score\n", "probes.csv:1: column 'score' stands twice")]
    [InlineData("key,user_id,probe_id,kind,metric\n", "probes.csv:1: column 'score' is missing")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,p,r,m\n", "probes.csv:2: 5 fields; expected 6")]
    [InlineData("key,user_id,probe_id,kind,metric,score\n\"k\nk\",u,p,r,m,1\nk,u,p,r,m,\n", "probes.csv:4: column 'score': '' found; expected a finite number")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,p,r,m,0,5\n", "probes.csv:2: 7 fields")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,p,r,m,NaN\n", "column 'score': 'NaN' found")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,p,r,m,\"1,5\"\n", "probes.csv:2: column 'score': '1,5' found; expected a finite number")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,p,r,m,1\n\nk,u,p,r,m,1\n", "probes.csv:3: 1 fields; expected 6")]
    [InlineData("key;user_id;probe_id;kind;metric;score\n", "probes.csv:1: unknown column 'key;user_id;probe_id;kind;metric;score'")]
    [InlineData("key,user_id,probe_id,kind,metric,score,prompt_tokens\nk,u,p,r,m,1,1.5\n", "column 'prompt_tokens': '1.5' found; expected a whole number or nothing")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,\"p\"x,r,m,1\n", "probes.csv:2: Malformed CSV in record 2 (line 2): text after the closing quote")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,p\"x\",r,m,1\n", "probes.csv:2: Malformed CSV in record 2 (line 2): a quote inside an unquoted field")]
    [InlineData("key,user_id,probe_id,kind,metric,score\nk,u,\"p,r,m,1\n", "probes.csv:2: Malformed CSV in record 2 (line 2): a quoted field that is never closed")]
    public void What_is_wrong_with_a_file_is_said_with_its_place(string text, string message) =>
        Assert.Contains(message, Assert.Throws<PbenchException>(() => Read<ProbeRecord>(text)).Message);

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void What_is_no_number_is_not_written_as_one(double score) =>
        Assert.Contains("column 'score'", Assert.Throws<PbenchException>(() => RecordCsv.Row(Plain with { Score = score })).Message);

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("/no/such.csv", Assert.Throws<PbenchException>(() => RecordCsv.ReadFile<ProbeRecord>("/no/such.csv")).Message);
}
