using PersonalizationBench.Core;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Tests.Fakes;
using PersonalizationBench.Runner.Validation;

namespace PersonalizationBench.Runner.Tests;

public sealed class StudyReviewTests
{
    private static readonly User Ann = new("ann", "Ann", [],
    [
        new Probe("p1", "recall", ProbeScoring.ExactMatch, "What is my job?", "nurse") { Topic = "job" },
        new Probe("p2", "preference", ProbeScoring.Choice, "tea or milk?", "tea") { Topic = "tea/milk", Choices = ["tea", "milk"] },
        new Probe("p3", "style", ProbeScoring.Style, "mail", "") { Topic = "style" },
        new Probe("p4", "recall", ProbeScoring.ExactMatch, "Where do I live?", "Oslo") { Topic = "city" },
    ]);

    private static StudyPair Pair(string topic, string answer, string prompt = "other words", string user = "ann") => new(user, topic, prompt, answer);

    [Fact]
    public void The_teacher_is_judged_by_the_probes_of_the_same_topic()
    {
        var review = new StudyReview([Pair("job", "Nurse."), Pair("job", "pilot"), Pair("tea/milk", "tea"), Pair("dog", "rex"), Pair("job", "nurse", user: "bob")]);
        Assert.Equal(2.0 / 3, review.TeacherAccuracy([Ann])!.Value, 12);
        Assert.Null(new StudyReview([Pair("dog", "rex")]).TeacherAccuracy([Ann]));
        Assert.Null(new StudyReview([]).TeacherAccuracy([Ann]));
    }

    [Fact]
    public void A_probe_is_anticipated_where_its_users_material_asks_about_its_topic()
    {
        var review = new StudyReview([Pair("job", "nurse"), Pair("city", "Oslo", user: "bob")]);
        Assert.Equal([true, false, null, false], Ann.Probes.Select(p => review.Anticipates("ann", p)));
        Assert.All(Ann.Probes, p => Assert.Null(new StudyReview([]).Anticipates("ann", p)));
    }

    [Theory]
    [InlineData("What is my job?")]
    [InlineData(" what  IS my\njob?")]
    public void Material_that_asks_a_probe_in_its_own_words_is_refused(string prompt)
    {
        var seen = Assert.Throws<InvalidOperationException>(() => new StudyReview([Pair("job", "nurse", prompt)]).RequireUnprobed([Ann]));
        Assert.Contains("user ann", seen.Message, StringComparison.Ordinal);
        new StudyReview([Pair("job", "nurse", prompt, user: "bob"), Pair("job", "nurse")]).RequireUnprobed([Ann]);
    }

    [Fact]
    public void A_bank_with_a_probes_wording_is_refused_beforehand()
    {
        using var bench = new Bench(d => d with { Users = [d.Users[0] with { StudyQuestions = [new("what  is it?", "x", 0), new("WHAT?", "x", 1)] }, .. d.Users.Skip(1)] });
        Assert.Equal("letters.yaml:4: dataset letters: user u1: study questions worded as a probe is: 'WHAT?'", bench.Error(() => StudyValidators.Check(bench.Plan(Bench.Complete))));
    }
}
