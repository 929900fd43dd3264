using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Study material as training texts.</summary>
/// <param name="OfUsers">Texts of every user, in the order of the request; none for a user without documents.</param>
/// <param name="Pairs">The questions among them and what the base answered.</param>
internal sealed record StudyTexts(IReadOnlyList<IReadOnlyList<TrainingText>> OfUsers, IReadOnlyList<StudyPair> Pairs)
{
    /// <exception cref="PbenchException">The data set has no questions, or no paraphrases, and the material wants them.</exception>
    public static StudyTexts Of(AdaptationRequest request, StudyMaterial material, bool pack, CostMeter meter, CancellationToken cancellation)
    {
        Require(request, material);
        var teacher = new Teacher(request, material);
        var taught = material.AsksQuestions ? Ask(teacher, request, material, meter, cancellation) : [];
        var studied = Studied(teacher, taught, request, material, meter, cancellation).Zip(taught).ToLookup(s => s.Second.Pair.UserId, s => s.First, StringComparer.Ordinal);
        return new StudyTexts([.. request.Histories.Select(h => h.Documents.Count == 0 ? (IReadOnlyList<TrainingText>)[] : [.. Told(h), .. studied[h.Id]])], [.. taught.Select(t => t.Pair)]);

        IReadOnlyList<TrainingText> Told(UserHistory history)
        {
            var paraphrases = material.Paraphrases == 0 ? [] : history.Paraphrases!(material.Paraphrases);
            return HistoryTexts.Of(history with { Documents = [.. material.Documents ? history.Documents : [], .. paraphrases] }, request, pack);
        }
    }

    /// <summary>What of a user's bank is asked: a share of the topics, each in some of its forms.</summary>
    internal static IEnumerable<StudyQuestion> Drawn(UserHistory history, StudyMaterial material, long seed)
    {
        var byTopic = history.StudyQuestions.ToLookup(q => q.Topic, StringComparer.Ordinal);
        var topics = byTopic.Select(t => t.Key).Order(StringComparer.Ordinal).ToList();
        DeterministicRandom.For(seed, "study topics", history.Id).Shuffle(topics);
        foreach (var topic in topics.Take((int)Math.Round(material.Anticipated * topics.Count, MidpointRounding.AwayFromZero)))
        {
            var forms = byTopic[topic].OrderBy(q => q.Form).ToList();
            DeterministicRandom.For(seed, "study forms", history.Id, topic).Shuffle(forms);
            foreach (var question in forms.Take(material.Forms ?? forms.Count)) yield return question;
        }
    }

    private static List<Taught> Ask(Teacher teacher, AdaptationRequest request, StudyMaterial material, CostMeter meter, CancellationToken cancellation)
    {
        var asked = request.Histories.Index().Where(h => h.Item.Documents.Count > 0).SelectMany(h => Drawn(h.Item, material, request.Seed).Select(q => (h.Index, q))).ToList();
        return [.. teacher.Answer(asked, meter, cancellation).GroupBy(t => t.Pair.UserId).SelectMany(own => Kept([.. own], a => AnswerText.IsUnknown(a, request), material.UnknownShare, request.Seed))];
    }

    /// <summary>All of a user's answers but those of "unknown", drawn at random, that are more than their share.</summary>
    internal static IEnumerable<Taught> Kept(IReadOnlyList<Taught> taught, Func<string, bool> isUnknown, double? share, long seed)
    {
        var unknown = taught.Where(t => isUnknown(t.Pair.Answer)).ToList();
        if (share is null || unknown.Count == 0) return taught;
        DeterministicRandom.For(seed, "unknown answers", taught[0].Pair.UserId).Shuffle(unknown);
        var dropped = unknown.Skip((int)Math.Round(share.Value * (taught.Count - unknown.Count), MidpointRounding.AwayFromZero)).ToHashSet();
        return taught.Where(t => !dropped.Contains(t));
    }

    /// <summary>Questions as probes are asked, each with its answer and where an answer ends.</summary>
    private static IEnumerable<TrainingText> Studied(Teacher teacher, List<Taught> taught, AdaptationRequest request, StudyMaterial material, CostMeter meter, CancellationToken cancellation)
    {
        var answers = taught.ConvertAll(t => (t.Prompt, Text: AnswerText.Behind(t.Pair.Prompt, t.Pair.Answer) + request.StopTexts.FirstOrDefault()));
        var soft = material.Targets == StudyTargets.Soft ? teacher.Distributions(answers, meter, cancellation) : null;
        return taught.Select((t, i) => new TrainingText([new TextSegment(t.Pair.Prompt, material.LearnQuestions ? 1 : 0), new TextSegment(answers[i].Text, 1)]) { SoftEnding = soft?[i] });
    }

    private static void Require(AdaptationRequest request, StudyMaterial material)
    {
        if (material.AsksQuestions && request.Histories.Count > 0 && request.Histories.All(h => h.StudyQuestions.Count == 0))
            throw new PbenchException("study.material: self-study, but the data set has no questions to be studied; expected documents");
        if (material.Paraphrases > 0 && request.Histories.Any(h => h.Paraphrases is null))
            throw new PbenchException($"study.paraphrases: {material.Paraphrases}, but the data set cannot tell its documents anew; expected 0");
    }
}
