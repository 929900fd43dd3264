using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Tests.Fakes;

namespace PersonalizationBench.Runner.Tests;

public sealed class ResultStoreTests
{
    private sealed class Killed : Exception;

    private enum Moment
    {
        Before,
        HalfWritten,
        After,
    }

    /// <summary>A writer that dies at its n-th file, as kill -9 would leave it.</summary>
    private static FileWriter DyingAt(int n, Moment moment)
    {
        var count = 0;
        return (path, content) =>
        {
            if (++count != n)
            {
                AtomicFile.Write(path, content);
                return;
            }
            if (moment == Moment.HalfWritten)
            {
                using var whole = new MemoryStream();
                content(whole);
                File.WriteAllBytes($"{path}.4242.tmp", whole.ToArray()[..(int)(whole.Length / 2)]);
            }
            if (moment == Moment.After) AtomicFile.Write(path, content);
            throw new Killed();
        };
    }

    [Fact]
    public void Killed_at_any_write_and_started_again_the_files_are_those_of_a_run_that_was_not()
    {
        using var whole = new Bench();
        var writes = 0;
        whole.Run(Bench.Complete, (path, content) =>
        {
            writes++;
            AtomicFile.Write(path, content);
        });
        // Two files at the start and at the end; of each cell its own and these two; of each arm, whose row is amended, its own.
        Assert.Equal(2 + (3 * 17) + 7 + 2, writes);

        foreach (var moment in Enum.GetValues<Moment>())
        {
            using var bench = new Bench();
            var runs = 0;
            // Killed again and again, each run a little further on.
            for (var n = 1; ; n += 4)
            {
                try
                {
                    bench.Run(Bench.Complete, DyingAt(3 + (n % 7), moment));
                    break;
                }
                catch (Killed)
                {
                    AssertConsistent(bench);
                    Assert.True(++runs < 100, "the study does not get on");
                }
            }
            Assert.True(runs > 3);
            Assert.Equal(WithoutTimes(whole.Text("runs.csv")), WithoutTimes(bench.Text("runs.csv")));
            Assert.Equal(whole.Text("probes.csv"), bench.Text("probes.csv"));
            Assert.Empty(Directory.GetFiles(bench.Results, "*.tmp", SearchOption.AllDirectories));
        }
    }

    [Fact]
    public void At_every_single_write_a_kill_leaves_consistent_files()
    {
        foreach (var moment in Enum.GetValues<Moment>())
        {
            for (var n = 1; n <= 20; n++)
            {
                using var bench = new Bench();
                Assert.Throws<Killed>(() => bench.Run(Bench.Complete, DyingAt(n, moment)));
                AssertConsistent(bench);
            }
        }
    }

    [Fact]
    public void A_real_process_killed_in_the_middle_goes_on_where_it_was()
    {
        using var whole = new Bench();
        whole.Run(SlowStudy.Yaml);
        using var bench = new Bench();
        bench.Read(SlowStudy.Yaml);
        var kills = 0;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            using var child = SlowStudy.Start(bench.Folder);
            // Two cells committed by this process, then gone without a word.
            for (var lines = 0; lines < 2 && child.StandardOutput.ReadLine() is not null; lines++)
            {
            }
            if (!child.HasExited)
            {
                child.Kill();
                kills++;
            }
            child.WaitForExit();
            AssertConsistent(bench);
        }
        Assert.Equal(3, kills);
        using (var last = SlowStudy.Start(bench.Folder))
        {
            last.StandardOutput.ReadToEnd();
            last.WaitForExit();
            Assert.Equal(0, last.ExitCode);
        }
        Assert.Equal(WithoutTimes(whole.Text("runs.csv")), WithoutTimes(bench.Text("runs.csv")));
        Assert.Equal(whole.Text("probes.csv"), bench.Text("probes.csv"));
    }

    [Fact]
    public void Two_runs_of_a_study_do_not_write_into_one_folder()
    {
        using var bench = new Bench();
        var plan = bench.Plan(Bench.Complete);
        using (ResultStore.Open(bench.Results, plan, bench.Clock))
            Assert.Equal("results: another run of this study is writing here; wait for it, or give another --results", bench.Error(() => ResultStore.Open(bench.Results, plan, bench.Clock)));
        ResultStore.Open(bench.Results, plan, bench.Clock).Dispose();
    }

    [Fact]
    public void Results_that_came_without_their_journal_are_taken_over()
    {
        using var bench = new Bench();
        bench.Run(Bench.Complete);
        var (runs, probes) = (bench.Text("runs.csv"), bench.Text("probes.csv"));
        Directory.Delete(Path.Combine(bench.Results, "cells"), recursive: true);
        Assert.Equal((0, 17), (bench.Run(Bench.Complete).Measured, bench.Run(Bench.Complete).Skipped));
        Assert.Equal((runs, probes), (bench.Text("runs.csv"), bench.Text("probes.csv")));
    }

    [Fact]
    public void Cells_that_a_changed_study_no_longer_has_leave_the_files_and_come_back_unmeasured()
    {
        using var bench = new Bench();
        bench.Run(Bench.Complete);
        var runs = bench.Text("runs.csv");
        var changed = Bench.Complete.Replace("rank: [2, 4]", "rank: [4]", StringComparison.Ordinal);
        Assert.Equal(0, bench.Run(changed).Measured);
        var fewer = RecordCsv.ReadFile<RunRecord>(Path.Combine(bench.Results, "runs.csv"));
        Assert.Equal(12, fewer.Count);
        // One rank is left: the label says it no more, in old rows either.
        Assert.All(fewer.Where(r => r.Strategy == "lora"), r => Assert.Equal("lora", r.Label));
        AssertConsistent(bench);
        Assert.Equal(0, bench.Run(Bench.Complete).Measured);
        Assert.Equal(runs, bench.Text("runs.csv"));
    }

    [Fact]
    public void Files_that_are_no_results_are_not_overwritten()
    {
        using var bench = new Bench();
        Directory.CreateDirectory(bench.Results);
        File.WriteAllText(Path.Combine(bench.Results, "runs.csv"), "my,own,table\n1,2,3\n");
        File.WriteAllText(Path.Combine(bench.Results, "probes.csv"), "key\n");
        Assert.Contains("results/runs.csv:1: unknown column 'my'", bench.Error(() => bench.Run(Bench.Complete)), StringComparison.Ordinal);
        Assert.Equal("my,own,table\n1,2,3\n", bench.Text("runs.csv"));
        Assert.Equal(17, bench.Run(Bench.Complete, isFresh: true).Measured);

        var cell = Directory.GetFiles(Path.Combine(bench.Results, "cells"), "*.json")[0];
        File.WriteAllText(cell, "{");
        Assert.Contains("is not the result of a cell", bench.Error(() => bench.Run(Bench.Complete)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_writer_that_fails_stops_the_run_and_loses_nothing()
    {
        using var bench = new Bench();
        var count = 0;
        var error = Assert.Throws<ResultsException>(() => bench.Run(Bench.Complete, (path, content) =>
        {
            // The disk is full from the twelfth file on.
            AtomicFile.Write(path, ++count < 12 ? content : _ => throw new IOException("No space left on device"));
        }));
        Assert.Contains("could not be written: No space left on device", error.Message, StringComparison.Ordinal);
        Assert.Contains("the same command goes on", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, error.ExitCode);
        AssertConsistent(bench);
        Assert.Equal(3, RecordCsv.ReadFile<RunRecord>(Path.Combine(bench.Results, "runs.csv")).Count);
        Assert.Equal(14, bench.Run(Bench.Complete).Measured);
    }

    [SkippableFact]
    public void A_full_disk_is_a_clear_error_and_loses_nothing()
    {
        using var bench = new Bench();
        Directory.CreateDirectory(bench.Results);
        Skip.IfNot(Shell("mount", "-t", "tmpfs", "-o", "size=64k", "none", bench.Results), "mounting a small file system needs more rights");
        try
        {
            var error = Assert.Throws<ResultsException>(() => bench.Run(Bench.Complete));
            Assert.Contains("No space left on device", error.Message, StringComparison.Ordinal);
            AssertConsistent(bench);
            Assert.NotEmpty(RecordCsv.ReadFile<RunRecord>(Path.Combine(bench.Results, "runs.csv")));
            Assert.True(Shell("mount", "-o", "remount,size=4m", bench.Results));
            Assert.Empty(bench.Run(Bench.Complete).Failed);
            Assert.Equal(17, RecordCsv.ReadFile<RunRecord>(Path.Combine(bench.Results, "runs.csv")).Count);
        }
        finally
        {
            Shell("umount", bench.Results);
        }
    }

    private static bool Shell(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true });
            process!.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Whole rows, and each ok row with its eight probes, once.</summary>
    private static void AssertConsistent(Bench bench)
    {
        var path = Path.Combine(bench.Results, "runs.csv");
        if (!File.Exists(path)) return;
        var probes = RecordCsv.ReadFile<ProbeRecord>(Path.Combine(bench.Results, "probes.csv")).ToLookup(p => p.Key);
        foreach (var run in RecordCsv.ReadFile<RunRecord>(path))
        {
            Assert.Equal("ok", run.Status);
            Assert.Equal(12, probes[run.Key].Count());
            Assert.Equal(12, probes[run.Key].Select(p => (p.UserId, p.ProbeId, p.Metric)).Distinct().Count());
        }
        Assert.EndsWith("\n", File.ReadAllText(path), StringComparison.Ordinal);
    }

    private static IEnumerable<RunRecord> WithoutTimes(string runs) =>
        RecordCsv.Read<RunRecord>(new StringReader(runs), "runs.csv").Select(r => r with
        {
            Started = "",
            AdaptSeconds = null,
            AnswerSeconds = null,
        });
}
