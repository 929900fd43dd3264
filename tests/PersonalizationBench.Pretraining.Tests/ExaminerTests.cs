using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;

namespace PersonalizationBench.Pretraining.Tests;

public sealed class ExaminerTests
{
    [Fact]
    public void An_answer_counts_where_it_is_the_gold_one()
    {
        var tooLong = new Exam("long", [new ExamQuestion(new string('x', 600), "red")]);
        var exams = new[] { tooLong, new Exam("colours", [new ExamQuestion("what ?", "red"), new ExamQuestion("what ?", "green")]), new Exam("short", [new ExamQuestion("what ?", "Red.")]) };
        var scores = new Examiner(questions: 64, maxAnswerTokens: 8, stopId: 10).Hold(new FakeBase(), exams, CancellationToken.None);
        Assert.Equal("colours 0.50, short 1.00", Examiner.Show(scores));
    }
}
