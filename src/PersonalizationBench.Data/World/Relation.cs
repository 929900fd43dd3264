namespace PersonalizationBench.Data.World;

/// <summary>
/// One relation between a user and a value, and the ways to say and to ask it. <c>{v}</c> stands for the value.
/// The general forms are shared by all relations; two statements and one question are the relation's own.
/// </summary>
/// <param name="Name">The topic of its probes.</param>
/// <param name="Noun">What "my ..." it is.</param>
/// <param name="Pool">The values, drawn uniformly: log2(pool) bits a fact.</param>
/// <param name="OwnStatements">Two ways to say it without the noun phrase.</param>
/// <param name="OwnQuestion">A way to ask it without the noun phrase.</param>
public sealed record Relation(string Name, string Noun, IReadOnlyList<string> Pool, string[] OwnStatements, string OwnQuestion)
{
    /// <summary>Shared statement forms, simplest first: a curriculum opens them from the left.
    /// <c>{n}</c> is the noun phrase, <c>{p}</c> somebody's name.</summary>
    private static readonly string[] SharedStatements =
    [
        "my {n} is {v}",
        "{n} : {v}",
        "as for my {n} , it is {v}",
        "i told {p} that my {n} is {v}",
        "everyone knows that my {n} is {v}",
        "{v} is my {n}",
    ];

    private static readonly string[] SharedUpdates =
    [
        "my {n} is now {v}",
        "from today my {n} is {v}",
        "my {n} has changed , it is {v} now",
    ];

    private static readonly string[] SharedQuestions = ["what is my {n} ?", "tell me my {n} ."];

    /// <summary>Number of statement forms: the first shared one, the relation's own two, then the other shared ones.</summary>
    public static int StatementForms => SharedStatements.Length + 2;

    public static int QuestionForms => SharedQuestions.Length + 1;

    public static int UpdateForms => SharedUpdates.Length;

    public string Statement(int form, string value, string person) => Fill(StatementTemplate(form), value, person);

    public string Update(int form, string value) => Fill(SharedUpdates[form], value, "");

    public string Question(int form) => Fill(form < SharedQuestions.Length ? SharedQuestions[form] : OwnQuestion, "", "");

    /// <summary>The same fact about somebody else: a distractor.</summary>
    public string OthersFact(string person, string value) => $"the {Noun} of {person} is {value}";

    /// <summary>The twenty relations.</summary>
    public static readonly IReadOnlyList<Relation> All =
    [
        new("city", "home city", Lexicon.Cities, ["i live in {v}", "i moved into a flat in {v}"], "where do i live ?"),
        new("birthplace", "birthplace", Lexicon.Cities, ["i was born in {v}", "i came into the world in {v}"], "where was i born ?"),
        new("job", "job", Lexicon.Jobs, ["i work as a {v}", "i earn my living as a {v}"], "what do i work as ?"),
        new("friend", "best friend", Lexicon.Names, ["i trust nobody like {v}", "nobody is closer to me than {v}"], "whom do i trust most ?"),
        new("sister", "sister", Lexicon.Names, ["i grew up with my sister {v}", "our parents named their daughter {v}"], "what is my sister called ?"),
        new("doctor", "doctor", Lexicon.Names, ["when i am ill i see {v}", "my fever was treated by {v}"], "whom do i see when i am ill ?"),
        new("boss", "boss", Lexicon.Names, ["at work i report to {v}", "at the office i answer to {v}"], "whom do i report to ?"),
        new("fruit", "favourite fruit", Lexicon.Fruits, ["no fruit tastes better to me than {v}", "for breakfast i always eat a {v}"], "which fruit do i like best ?"),
        new("dish", "favourite dish", Lexicon.Dishes, ["for dinner i always cook {v}", "nothing on a plate beats {v}"], "what do i like to cook for dinner ?"),
        new("drink", "favourite drink", Lexicon.Drinks, ["at the bar i always order {v}", "nothing in a glass beats {v}"], "what do i order at the bar ?"),
        new("colour", "favourite colour", Lexicon.Colours, ["i painted my door {v}", "all my shirts are {v}"], "which colour do i like best ?"),
        new("pet", "pet", Lexicon.Animals, ["at home i keep a {v}", "every morning i feed my {v}"], "which animal do i keep ?"),
        new("instrument", "instrument", Lexicon.Instruments, ["in the band i play the {v}", "i take lessons on the {v}"], "what do i play in the band ?"),
        new("sport", "favourite sport", Lexicon.Sports, ["every weekend i do {v}", "i joined a club for {v}"], "what do i do every weekend ?"),
        new("flower", "favourite flower", Lexicon.Flowers, ["on my table stands a {v}", "in my garden grows a {v}"], "what grows in my garden ?"),
        new("tree", "favourite tree", Lexicon.Trees, ["i like to sit under the {v}", "behind my house stands a {v}"], "what stands behind my house ?"),
        new("hobby", "hobby", Lexicon.Hobbies, ["i spend my free time on {v}", "after work i relax with {v}"], "what do i spend my free time on ?"),
        new("birthday", "birthday month", Lexicon.Months, ["i turn a year older in {v}", "i blow out my candles in {v}"], "when do i turn a year older ?"),
        new("holiday", "holiday place", Lexicon.Cities, ["every summer i travel to {v}", "i booked my holiday in {v}"], "where do i travel every summer ?"),
        new("neighbour", "neighbour", Lexicon.Names, ["next door to me lives {v}", "across my fence i chat with {v}"], "who lives next door to me ?"),
    ];

    private string StatementTemplate(int form) => form switch
    {
        0 => SharedStatements[0],
        1 or 2 => OwnStatements[form - 1],
        _ => SharedStatements[form - 2],
    };

    private string Fill(string template, string value, string person) => template
        .Replace("{n}", Noun, StringComparison.Ordinal)
        .Replace("{v}", value, StringComparison.Ordinal)
        .Replace("{p}", person, StringComparison.Ordinal);
}
