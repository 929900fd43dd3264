using System.Globalization;

namespace PersonalizationBench.Data.World;

/// <summary>Every word that the grammar can write, in a fixed order: the vocabulary of the world's tokenizer.</summary>
public static class WorldVocabulary
{
    public static IReadOnlyList<string> Words { get; } = Build();

    private static List<string> Build()
    {
        var words = new List<string> { "\n" };
        words.AddRange(Lexicon.Names.Concat(Lexicon.FirstNames).Concat(Lexicon.FamilyNames));
        foreach (var relation in Relation.All) words.AddRange(relation.Pool);
        words.AddRange(Lexicon.PrivateWords.Concat(Lexicon.Things).Concat(Lexicon.Months));
        words.AddRange(Lexicon.Preferences.SelectMany(p => new[] { p.A, p.B }));
        words.AddRange(Lexicon.Greetings.Concat(Lexicon.SignOffs).Concat(Lexicon.Fillers).Concat(Lexicon.Emphases));
        words.AddRange(Enumerable.Range(1, 31).Select(d => d.ToString(CultureInfo.InvariantCulture)));
        words.AddRange(Enumerable.Range(2019, 8).Select(y => y.ToString(CultureInfo.InvariantCulture)));
        words.AddRange(["diary", "mail", "chat", "note", "to-do", QuestionWriter.Unknown]);

        // The rest is found by writing every form once.
        foreach (var relation in Relation.All)
        {
            for (var f = 0; f < Relation.StatementForms; f++) words.AddRange(Split(relation.Statement(f, "", "")));
            for (var f = 0; f < Relation.UpdateForms; f++) words.AddRange(Split(relation.Update(f, "")));
            for (var f = 0; f < Relation.QuestionForms; f++) words.AddRange(Split(relation.Question(f)));
            words.AddRange(Split(relation.OthersFact("", "")));
        }
        words.AddRange(Split("""
            of and i prefer or ? for me i would rather have than , always means when i say i mean the is my word for the
            : how are you ? me : - remember : . asks : answer : do i prefer or ? which is it for me ? what do i mean by ? what is a ?
            """));
        words.AddRange(Lexicon.Remarks.Concat(Lexicon.Chores).SelectMany(Split));
        return words.Distinct().ToList();
    }

    private static string[] Split(string text) => text.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
}
