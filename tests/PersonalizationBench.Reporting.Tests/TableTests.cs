using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting.Tests;

public sealed class TableTests
{
    private static readonly Table s_table = new(["strategy", "recall, %", "style_a, %", "kept"], [["rag k=1", new Field("99.1 [98.0, 99.9]", true), "–", "3 kB"], ["lora", "5.0 → 6.1", "10.0", "< 1 kB"]]);

    [Fact]
    public void LaTeX_has_rules_and_what_it_takes_for_commands_escaped() => Assert.Equal(
        """
        \begin{tabular}{lrrr}
        \toprule
        strategy & recall, \% & style\_a, \% & kept \\
        \midrule
        rag k=1 & \textbf{99.1 [98.0, 99.9]} & -- & 3 kB \\
        lora & 5.0 $\rightarrow$ 6.1 & 10.0 & $<$ 1 kB \\
        \bottomrule
        \end{tabular}

        """, s_table.ToLatex());

    [Fact]
    public void A_table_that_is_too_wide_goes_on_below_with_its_first_column()
    {
        Assert.Equal(s_table.Header, Assert.Single(s_table.Fold(100, 2)).Header);
        Assert.Equal([["strategy", "recall, %"], ["strategy", "style_a, %", "kept"]], s_table.Fold(32, 2).Select(t => t.Header));
        Assert.Equal(["lora", "10.0", "< 1 kB"], s_table.Fold(32, 2).Last().Rows[1].Select(f => f.Text));
        // A column wider than the line stands alone.
        Assert.Equal([2, 2, 2], s_table.Fold(5, 2).Select(t => t.Header.Count));
        var alone = new Table(["strategy"], [["lora"]]);
        Assert.Equal(alone.Header, Assert.Single(alone.Fold(5, 2)).Header);
    }

    [Fact]
    public void The_key_table_fits_a_hundred_columns()
    {
        foreach (var part in SyntheticStudy.World().Results().Table().Fold(100, 2))
        {
            var widths = part.Header.Select((h, i) => part.Rows.Select(r => r[i].Text.Length).Append(h.Length).Max()).ToList();
            Assert.InRange(widths.Sum() + 2 * (widths.Count - 1), 1, 100);
        }
    }
}
