using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>The world's bank of questions for study material: what anybody could ask about anybody's documents. It sees a user's name and
/// documents and nothing of the profile.</summary>
public static class StudyBank
{
    /// <summary>Every relation, whether told or not, in every form; the private words and the pairs of preferences of which the documents
    /// speak, the pairs in either order.</summary>
    public static IEnumerable<StudyQuestion> For(string name, IEnumerable<Document> documents)
    {
        var words = documents.SelectMany(d => d.Text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)).ToHashSet(StringComparer.Ordinal);
        foreach (var relation in Relation.All)
        {
            for (var form = 0; form < Relation.QuestionForms; form++) yield return Asked(relation.Question(form), relation.Name, form);
        }
        foreach (var (a, b) in Lexicon.Preferences.Where(p => words.Contains(p.A) && words.Contains(p.B)))
        {
            for (var form = 0; form < QuestionWriter.PreferenceForms; form++)
            {
                yield return Asked(QuestionWriter.PreferenceQuestion(form, a, b), $"{a}/{b}", 2 * form);
                yield return Asked(QuestionWriter.PreferenceQuestion(form, b, a), $"{a}/{b}", (2 * form) + 1);
            }
        }
        foreach (var word in Lexicon.PrivateWords.Where(words.Contains))
        {
            for (var form = 0; form < QuestionWriter.JargonForms; form++) yield return Asked(QuestionWriter.JargonQuestion(form, word), word, form);
        }

        StudyQuestion Asked(string question, string topic, int form) => new(QuestionWriter.Wrap(name, question), topic, form);
    }
}
