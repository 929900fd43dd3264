using System.Text.RegularExpressions;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Tests;

public sealed partial class CommandTests : IDisposable
{
    private readonly Desk _desk = new();

    private string Study => _desk.Write("experiments/colours.yaml", Desk.Study);

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task A_study_that_may_run_is_counted()
    {
        Assert.Equal(0, await _desk.Run("validate", Study));
        Assert.Equal(
            """
            experiments/colours.yaml: 6 cells: 1 bases, 1 datasets, 4 strategies (0 of them trained, 5 seeds each)
            base               strategy  cells  done    to go   memory  as in
            tiny                   none      1     0  unknown  unknown
            tiny               majority      1     0  unknown  unknown
            tiny                 oracle      1     0  unknown  unknown
            tiny  majority (wrong-user)      3     0  unknown  unknown
            to go: unknown: no earlier results of these strategies on these bases

            """, _desk.Output);
    }

    [Fact]
    public async Task What_is_done_is_counted_and_what_is_not_is_estimated_from_earlier_results()
    {
        Assert.Equal(0, await _desk.Run("run", Study, "--only", "maj*"));
        Assert.Equal(["majority", "majority", "majority", "majority"], RecordCsv.ReadFile<RunRecord>(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv")).Select(r => r.Strategy));
        Assert.Equal(0, await _desk.Run("run", Study, "--only", "none"));
        var more = _desk.Write("experiments/more.yaml", Desk.Study.Replace("study: colours", "study: more", StringComparison.Ordinal).Replace("users: 3", "users: 6", StringComparison.Ordinal));
        Assert.Equal(0, await _desk.Run("validate", Study));
        Assert.Matches(@"tiny +none +1 +1\n", _desk.Output);
        Assert.Matches(@"tiny +oracle +1 +0 +unknown +unknown\n", _desk.Output);
        Assert.Equal(0, await _desk.Run("validate", more));
        Assert.Matches(@"tiny +none +1 +0 +00:0[01] +(\d+(\.\d+)? MB|unknown) +runs/colours\n", _desk.Output);
        Assert.Matches(@"to go: about 00:0[01], (\d+(\.\d+)? MB|unknown) of memory, [\d.]+ MB of disk, and 1 cells of which no earlier results tell", _desk.Output);
    }

    [Fact]
    public async Task A_run_is_shown_beside_what_was_published_and_a_table_is_written_for_papers()
    {
        Assert.Equal(0, await _desk.Run("run", Study, "--results", Path.Combine(_desk.Folder, "results")));
        Assert.DoesNotContain("published:", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(0, await _desk.Run("run", Study));
        Assert.Contains("\nhere: 6 cells in ", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("\npublished: 6 cells in ", _desk.Output, StringComparison.Ordinal);
        Assert.Contains("\nresults/colours → here:\nstrategy                 recall, %\nno personalisation     33.3 → 33.3\n", _desk.Output, StringComparison.Ordinal);
        Assert.All(_desk.Output.Split('\n'), line => Assert.InRange(line.Length, 0, 200));
        Assert.Equal(0, await _desk.Run("report", "colours", "--table", "latex"));
        Assert.Contains("\\toprule\nstrategy & recall, \\% & ", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(0, await _desk.Run("report", "colours", "--table", "markdown"));
        Assert.Contains("| no personalisation | 33.3 [", _desk.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_base_beside_the_study_is_found_by_its_path()
    {
        var here = Workbench.OfThisMachine();
        var folder = Directory.CreateDirectory(Path.Combine(_desk.Folder, "experiments", "my-base")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(here.BasesFolder, "world-1m"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        var path = _desk.Write("experiments/colours.yaml", Desk.Study.Replace("[tiny]", "[my-base]", StringComparison.Ordinal));
        Assert.True(await PbenchApp.RunAsync(["run", path, "--only", "none"], _desk.Bench with { Bases = here.Bases }, CancellationToken.None) == 0, _desk.Error);
        Assert.Equal("my-base", Assert.Single(RecordCsv.ReadFile<RunRecord>(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv"))).Base);
        Assert.DoesNotContain(_desk.Folder, File.ReadAllText(Path.Combine(_desk.Folder, "runs", "colours", "manifest.json")).Replace("command_line", "", StringComparison.Ordinal).Split("invocations")[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_command_stands_in_the_readme_that_bench_help_prints()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at!.FullName, "PersonalizationBench.sln"))) at = at.Parent;
        var rows = File.ReadLines(Path.Combine(at.FullName, "README.md")).Where(l => l.StartsWith("| `./bench ", StringComparison.Ordinal)).ToList();
        Assert.Equal(0, await _desk.Run("--help"));
        Assert.Equal(0, await _desk.Run("bench", "--help"));
        var commands = _desk.Output.Split("Commands:").Skip(1).Select((part, i) => part.Split('\n').Skip(1).TakeWhile(l => l.StartsWith("  ", StringComparison.Ordinal)).Where(l => l.Length > 2 && l[2] != ' ').Select(l => (i == 1 ? "bench " : "") + l.Trim().Split(' ')[0])).SelectMany(c => c).Where(c => c != "bench").ToList();
        Assert.True(commands.Count > 20, string.Join(", ", commands));
        Assert.All(commands, c => Assert.True(rows.Exists(r => r.Contains($"./bench {c}", StringComparison.Ordinal) || (c.StartsWith("bench ", StringComparison.Ordinal) && r.Contains($"`{c[6..]} ", StringComparison.Ordinal))), $"{c} is in no row of README's commands"));
    }

    [Fact]
    public async Task A_study_that_may_not_run_is_told_with_its_place_and_exit_code_2()
    {
        var path = _desk.Write("experiments/colours.yaml", Desk.Study.Replace("- type: oracle", "- type: oracel", StringComparison.Ordinal));
        Assert.Equal(2, await _desk.Run("run", path));
        Assert.Equal("pbench: experiments/colours.yaml:8: strategies[2].type: unknown strategy 'oracel'; did you mean 'oracle'?\n", _desk.Error);
        Assert.Equal("", _desk.Output);
        Assert.False(Directory.Exists(Path.Combine(_desk.Folder, "runs")));
    }

    [Fact]
    public async Task A_rank_above_the_smallest_dimension_is_refused()
    {
        var path = _desk.Write("experiments/colours.yaml", Desk.Study + "\n  - type: lora\n    rank: 16\n");
        Assert.Equal(2, await _desk.Run("validate", path));
        Assert.Contains("colours.yaml:11: lora on tiny:", _desk.Error, StringComparison.Ordinal);
        Assert.Contains("16", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verbose_shows_where_an_error_comes_from()
    {
        Assert.Equal(2, await _desk.Run("validate", "nowhere.yaml", "--verbose"));
        Assert.StartsWith("pbench: nowhere.yaml: could not be read: there is no such file\n", _desk.Error, StringComparison.Ordinal);
        Assert.Contains("   at ", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_usage_has_exit_code_2()
    {
        Assert.Equal(2, await _desk.Run("rnu", Study));
        Assert.Equal(2, await _desk.Run("run"));
        Assert.Equal(2, await _desk.Run("generate", "tiny", "--greedy", "--tokens", "many"));
        Assert.Contains("rnu", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_prints_progress_table_and_paths_and_a_second_one_skips_all()
    {
        Assert.Equal(0, await _desk.Run("run", Study));
        Golden.Check("run.txt", Times().Replace(_desk.Output, "#"));
        Assert.Equal("", _desk.Error);
        var runs = RecordCsv.ReadFile<RunRecord>(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv"));
        Assert.Equal(["none", "majority", "oracle", "majority", "majority", "majority"], runs.Select(r => r.Strategy));
        Assert.All(runs, r => Assert.True(r.PeakRssAnswerBytes is null or > 1 << 20));

        var before = File.ReadAllText(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv"));
        Assert.Equal(0, await _desk.Run("run", Study));
        Assert.Contains("6 of 6 cells are measured already\n", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv")));
    }

    [Fact]
    public async Task A_report_is_drawn_again_from_its_folder_or_name_in_the_format_that_is_asked_for()
    {
        Assert.Equal(0, await _desk.Run("run", Study));
        var figures = Path.Combine(_desk.Folder, "runs", "colours", "figures");
        var drawn = Directory.GetFiles(figures, "*.svg");
        Assert.NotEmpty(drawn);
        Assert.Equal(0, await _desk.Run("report", "colours", "--format", "png"));
        Assert.Equal(0, await _desk.Run("report", Path.Combine(_desk.Folder, "runs", "colours"), "--format", "pdf"));
        Assert.All(drawn, svg => Assert.True(File.Exists(Path.ChangeExtension(svg, "png")) && File.Exists(Path.ChangeExtension(svg, "pdf"))));
        Assert.Equal(2, await _desk.Run("report", "colours", "--format", "jpeg"));
    }

    [Fact]
    public async Task A_benchmarks_figures_are_drawn_again_from_its_records()
    {
        var folder = Path.Combine(_desk.Folder, "results", "decode");
        DecodeRecord Row(string architecture, int context) => new()
        {
            Architecture = architecture,
            Parameters = 10,
            Precision = "float32",
            Threads = 1,
            Context = context,
            Tokens = 3,
            TokenMs = 2,
            TokenMsMin = 1,
            TokenMsMax = 4,
            FirstTokenMs = 5,
            CacheBytes = 100 * context,
        };
        RecordCsv.WriteFile(Path.Combine(folder, "decode.csv"), [Row("transformer", 64), Row("transformer", 256), Row("mamba2", 64)]);
        Assert.Equal(0, await _desk.Run("report", "decode"));
        Assert.EndsWith("decode.svg\n", _desk.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "figures", "decode.svg")));
        RecordCsv.WriteFile(Path.Combine(folder, "decode.csv"), [new ProbeRecord { Key = "k", UserId = "u", ProbeId = "p", Kind = "recall", Metric = "exact-match", Score = 1 }]);
        Assert.Equal(2, await _desk.Run("report", "decode"));
        Assert.Contains("nothing to draw", _desk.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _desk.Run("report", "no-such"));
        Assert.Contains("no such folder", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failed_cells_are_named_and_the_exit_code_is_1()
    {
        var path = _desk.Write("experiments/colours.yaml", Desk.Study.Replace("[tiny]", "[broken, tiny]", StringComparison.Ordinal));
        Assert.Equal(1, await _desk.Run("run", path, "--results", Path.Combine(_desk.Folder, "elsewhere")));
        Assert.Contains("pbench: failed: none on broken: model.safetensors: ends before its tensors do\n", _desk.Error, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_desk.Folder, "elsewhere", "colours", "report.html")));
    }

    [Fact]
    public async Task A_cancelled_run_has_exit_code_130_and_keeps_what_it_has()
    {
        _desk.CancelsOnLoad = true;
        Assert.Equal(130, await _desk.Run("run", Study));
        Assert.Equal("pbench: stopped; the same command goes on from here\n", _desk.Error);
        Assert.True(File.Exists(Path.Combine(_desk.Folder, "runs", "colours", "runs.csv")));
    }

    [Fact]
    public async Task The_page_of_compatibility_is_what_the_command_prints()
    {
        Assert.Equal(0, await _desk.Run("list", "--formats"));
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at!.FullName, "PersonalizationBench.sln"))) at = at.Parent;
        Assert.Equal(File.ReadAllText(Path.Combine(at.FullName, "docs", "compatibility.md")), _desk.Output);
    }

    [Fact]
    public async Task List_names_what_a_study_may_name()
    {
        _ = Study;
        _desk.Write("experiments/spoilt.yaml", "a: [");
        Assert.Equal(0, await _desk.Run("list"));
        Golden.Check("list.txt", _desk.Output);
    }

    [Fact]
    public async Task Data_are_listed_shown_and_fetched()
    {
        const string Hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        _desk.Write("datasets/letters/dataset.yaml", $"name: letters\nloader: none\nlicence: MIT\nfiles:\n  - {{ path: letters/a.txt, origin: made up, bytes: 5, sha256: {Hello} }}\n");
        Assert.Equal(0, await _desk.Run("data", "list"));
        Assert.StartsWith("letters       0 of 1 files here, 5 bytes  (MIT)", _desk.Output, StringComparison.Ordinal);
        _desk.Write("mine/a.txt", "hello");
        Assert.Equal(0, await _desk.Run("data", "fetch", "letters", "--from", Path.Combine(_desk.Folder, "mine")));
        Assert.EndsWith("letters/a.txt: copied\n", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(0, await _desk.Run("data", "show", "colours"));
        Assert.Contains("# u0 (Name u0): 1 documents, 1 probes\n\n## d1, note\ni like red .\n\n? p1, recall: what do i like ?\n= red\n", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(2, await _desk.Run("data", "show", "colors"));
        Assert.Equal(2, await _desk.Run("data", "fetch", "leters"));
        Assert.Contains("did you mean 'letters'?", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_base_says_is_printed_as_it_is()
    {
        Assert.Equal(0, await _desk.Run("generate", "tiny", "--greedy", "--tokens", "2", "--prompt", "my "));
        Assert.Equal("my re", _desk.Output);
        Assert.Equal(2, await _desk.Run("generate", "tiny"));
        Assert.Equal("pbench: generate: expected --greedy: there is no sampling\n", _desk.Error);
    }

    [Fact]
    public async Task A_chat_is_written_by_the_bases_template_and_only_the_answer_is_printed()
    {
        Assert.Equal(2, await _desk.Run("generate", "tiny", "--greedy", "--chat", "--prompt", "my "));
        Assert.Equal("pbench: --chat: tiny has no chat template; expected chat_template in tokenizer_config.json, or chat_template.jinja, beside its tokenizer\n", _desk.Error);

        var here = Workbench.OfThisMachine();
        var folder = Directory.CreateDirectory(Path.Combine(_desk.Folder, "chatty")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(here.BasesFolder, "world-1m"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), "{{ messages[0].role }} : {{ messages[0].content }}{{ ' ?' if add_generation_prompt }}");
        using var output = new StringWriter();
        Assert.Equal(0, await PbenchApp.RunAsync(["generate", folder, "--greedy", "--chat", "--tokens", "4", "--prompt", "who is it"], here with { Output = output, IsTerminal = false }, CancellationToken.None));

        using var loaded = here.Bases.Load("world-1m", Precision.Auto, "auto");
        var read = loaded.Tokenizer.Encode("user : who is it ?");
        var answer = loaded.Generate([new GenerationRequest(read, 4) { StopIds = loaded.Tokenizer.Ends() }], CostMeter.Unread(), CancellationToken.None)[0].Tokens;
        Assert.Equal(loaded.Tokenizer.Decode(answer), output.ToString());
    }

    [Fact]
    public async Task What_a_bases_files_ask_for_is_followed_or_named()
    {
        Assert.Equal(0, await _desk.Run("generate", "noted", "--greedy", "--prompt", "my "));
        Assert.Equal("my r", _desk.Output);
        const string Generated = "pbench: noted/generation_config.json: not followed: do_sample true\n";
        Assert.Equal(Generated, _desk.Error);
        var path = _desk.Write("experiments/colours.yaml", Desk.Study.Replace("[tiny]", "[noted]", StringComparison.Ordinal));
        Assert.Equal(0, await _desk.Run("validate", path));
        Assert.Equal(Generated + "pbench: warning: experiments/colours.yaml:4: noted/generation_config.json: not followed: do_sample true\n", _desk.Error);
    }

    [Fact]
    public async Task An_adapter_that_no_bank_can_hold_is_put_on_the_base_too_and_what_nothing_in_it_answers_to_is_said()
    {
        var here = Workbench.OfThisMachine();
        using var loaded = (LoadedBase)here.Bases.Load("world-1m", Precision.Auto, "auto");
        var prompt = TextEncoding.Prompt(loaded.Tokenizer, "who is it");
        // A head that says one of two words, whatever is before it.
        const int Word = 7, Other = 8;
        var (vocabulary, width) = (loaded.Config.VocabularySize, loaded.Config.Dimension);
        var head = new float[vocabulary * width];
        var folder = Directory.CreateDirectory(Path.Combine(_desk.Folder, "adapter")).FullName;
        File.WriteAllText(Path.Combine(folder, PeftAdapterFile.ConfigName), """{"peft_type":"LORA","r":1,"lora_alpha":1,"target_modules":["q_proj"],"modules_to_save":["lm_head"],"alpha_pattern":{"v_proj":2}}""");
        const string Query = "base_model.model.model.layers.0.self_attn.q_proj";
        // Of one channel the sign may be either.
        (head[Word * width], head[Other * width]) = (1, -1);
        SafetensorsFile.Write(Path.Combine(folder, PeftAdapterFile.WeightsName),
        [
            TensorData.FromSingles($"{Query}.lora_A.weight", new float[width], 1, width), TensorData.FromSingles($"{Query}.lora_B.weight", new float[width], width, 1),
            TensorData.FromSingles("base_model.model.lm_head.weight", head, vocabulary, width),
        ]);
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(0, await PbenchApp.RunAsync(["generate", "world-1m", "--greedy", "--tokens", "1", "--prompt", "who is it", "--adapter", folder], here with { Output = output, Error = error, IsTerminal = false }, CancellationToken.None));
        Assert.Contains(output.ToString(), new[] { Word, Other }.Select(word => loaded.Tokenizer.Decode([.. prompt, word])));
        var absent = loaded.Config.Layers - 1;
        Assert.Equal(
            $"pbench: {Path.Combine(folder, PeftAdapterFile.ConfigName)}: alpha_pattern: 'v_proj' matches no adapted module\n" +
            $"pbench: {folder}: no tensors of {absent} modules that target_modules names, such as 'model.layers.1.self_attn.q_proj': they are as in the base\n",
            error.ToString());
    }

    [SkippableFact]
    public async Task The_story_of_stories260K_is_the_reference_programs()
    {
        var here = Workbench.OfThisMachine();
        var story = here.Files.Locate("weights/llama2c/stories260K.greedy200.txt");
        Skip.If(story is null || here.Files.Locate("weights/llama2c/stories260K.bin") is null, "weights/llama2c is not in the data folder (PBENCH_DATA)");
        using var output = new StringWriter();
        Assert.Equal(0, await PbenchApp.RunAsync(["generate", "stories260K", "--greedy", "--tokens", "200"], here with { Output = output, IsTerminal = false }, CancellationToken.None));
        Assert.Equal(await File.ReadAllTextAsync(story!), output.ToString());
    }

    [GeneratedRegex(@"\d+\.\d s|ETA \d\d:\d\d|(?<=\nhere: )[^\n]+")]
    private static partial Regex Times();
}
