using PersonalizationBench.Core;
using PersonalizationBench.Data.World;

namespace PersonalizationBench.Data.Tests.World;

public class WorldTests
{
    private static readonly WorldOptions Options = new() { Users = 40, TuningUsers = 40 };
    private static readonly Dataset Loaded = new WorldLoader().Load(Options);

    private static IEnumerable<User> AllUsers => Loaded.Users.Concat(Loaded.TuningUsers);

    [Fact]
    public void The_same_options_give_the_same_users_and_digest()
    {
        var again = new WorldLoader().Load(Options);
        Assert.Equal(Loaded.Digest, again.Digest);
        Assert.Equal(Loaded.Users.SelectMany(u => u.History), again.Users.SelectMany(u => u.History));
        Assert.Equal(Loaded.Users.SelectMany(u => u.Probes.Select(p => p.Prompt + p.Gold)), again.Users.SelectMany(u => u.Probes.Select(p => p.Prompt + p.Gold)));
    }

    [Fact]
    public void Another_seed_gives_other_users_and_another_digest()
    {
        var other = new WorldLoader().Load(Options with { Seed = 2 });
        Assert.NotEqual(Loaded.Digest, other.Digest);
        Assert.NotEqual(Loaded.Users[0].History[0].Text, other.Users[0].History[0].Text);
    }

    [Fact]
    public void No_full_name_occurs_in_two_populations()
    {
        var test = Loaded.Users.Select(u => u.Name).ToHashSet();
        var tuning = Loaded.TuningUsers.Select(u => u.Name).ToHashSet();
        var pretraining = new WorldCorpus(new WorldCorpusOptions { Questions = 1, MaxDocuments = 2 }).Stream(3).Take(2000)
            .Select(t => string.Join(' ', string.Concat(t.Segments.Select(s => s.Text)).Split(' ').Take(2))).ToHashSet();
        Assert.Empty(test.Intersect(tuning));
        Assert.Empty(test.Intersect(pretraining));
        Assert.Empty(tuning.Intersect(pretraining));
        Assert.True(pretraining.Count > 500, $"only {pretraining.Count} pretraining names were drawn");
    }

    [Fact]
    public void Every_word_of_every_text_is_in_the_vocabulary()
    {
        var vocabulary = WorldVocabulary.Words.ToHashSet();
        var texts = AllUsers.SelectMany(u => u.History.Select(d => d.Text).Concat(u.Probes.Select(p => $"{p.Prompt} {p.Gold} {string.Join(' ', p.Choices)}")))
            .Concat(new WorldCorpus(new WorldCorpusOptions { ClosedBook = 0.2, ClosedBookDocuments = 0.2, NoContext = 0.1 }).Stream(1).Take(300).SelectMany(t => t.Segments.Select(s => s.Text)));
        var unknown = texts.SelectMany(t => t.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)).Where(w => !vocabulary.Contains(w)).Distinct().ToList();
        Assert.Empty(unknown);
    }

    [Fact]
    public void A_document_to_which_nothing_falls_is_not_empty()
    {
        // A line that ends in a space makes the world's tokenizer spell the whole text in bytes: three times as many tokens.
        var sparse = new WorldLoader().Load(Options with { Documents = 60, Mentions = 1 });
        var lines = sparse.Users.SelectMany(u => u.History).SelectMany(d => d.Text.Split('\n')).ToList();
        Assert.All(lines, l => Assert.True(l.Length > 0 && l.Trim() == l && !l.Contains("  ", StringComparison.Ordinal), $"'{l}'"));
        Assert.All(sparse.Users.SelectMany(u => u.History), d => Assert.True(d.Text.Split('\n').Length > 1));
    }

    [Fact]
    public void The_vocabulary_and_the_pools_have_no_word_twice()
    {
        Assert.Equal(WorldVocabulary.Words.Count, WorldVocabulary.Words.Distinct().Count());
        foreach (var relation in Relation.All) Assert.Equal(relation.Pool.Count, relation.Pool.Distinct().Count());
        Assert.Equal([64, 64, 64, 64], new[] { Lexicon.Names, Lexicon.FirstNames, Lexicon.FamilyNames, Lexicon.Cities }.Select(p => p.Distinct().Count()));
        Assert.Equal(Relation.All.Count, Relation.All.Select(r => r.Name).Distinct().Count());
    }

    [Fact]
    public void Evidence_says_the_gold_answer_and_an_absent_relation_is_never_told()
    {
        foreach (var user in AllUsers)
        {
            foreach (var probe in user.Probes.Where(p => p.Kind is "recall" or "update" or "jargon" or "preference"))
            {
                Assert.NotEmpty(probe.EvidenceIds);
                Assert.All(probe.EvidenceIds, id => Assert.Contains(probe.Gold, user.History.Single(d => d.Id == id).Text.Split(' ', '\n')));
            }
            foreach (var probe in user.Probes.Where(p => p.Kind == "absence"))
            {
                Assert.Equal("unknown", probe.Gold);
                Assert.Empty(probe.EvidenceIds);
                var noun = Relation.All.Single(r => r.Name == probe.Topic).Noun;
                Assert.DoesNotContain(user.History, d => d.Text.Contains($"my {noun} is", StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public void A_changed_fact_is_told_anew_only_after_its_old_value()
    {
        foreach (var user in AllUsers)
        {
            foreach (var probe in user.Probes.Where(p => p.Kind == "update"))
            {
                var relation = Relation.All.Single(r => r.Name == probe.Topic);
                var first = user.History.ToList().FindIndex(d => d.Id == probe.EvidenceIds[0]);
                // Every form of statement with the noun; an update's own words hold "now" or "from today".
                var lastOld = user.History.ToList().FindLastIndex(d => d.Text.Split('\n', '.').Any(s =>
                    s.Contains($"my {relation.Noun} is ", StringComparison.Ordinal) && !s.Contains(" now ", StringComparison.Ordinal) && !s.Contains("from today", StringComparison.Ordinal)));
                Assert.True(lastOld <= first, $"{user.Id} {probe.Topic}: old value in document {lastOld}, new one already in {first}");
            }
        }
    }

    [Fact]
    public void Histories_are_dated_in_order_and_choices_hold_the_gold_answer()
    {
        foreach (var user in AllUsers)
        {
            Assert.Equal(user.History.Select(d => d.Date).Order(), user.History.Select(d => d.Date));
            Assert.Equal(Options.Documents, user.History.Count);
            Assert.All(user.Probes.Where(p => p.Choices.Count > 0), p => Assert.Single(p.Choices, c => c == p.Gold));
            Assert.All(user.Probes.Where(p => p.Choices.Count > 0), p => Assert.Equal(p.Choices.Count, p.Choices.Distinct().Count()));
        }
    }

    [Fact]
    public void Gold_choices_stand_anywhere()
    {
        var places = AllUsers.SelectMany(u => u.Probes).Where(p => p.Choices.Count == 4).GroupBy(p => p.Choices.ToList().IndexOf(p.Gold)).ToDictionary(g => g.Key, g => g.Count());
        var total = places.Values.Sum();
        Assert.Equal(4, places.Count);
        Assert.All(places.Values, n => Assert.InRange((double)n / total, 0.2, 0.3));
    }

    [Fact]
    public void Closed_book_users_are_the_same_in_every_stage()
    {
        static HashSet<string> Names(WorldCorpusOptions options) => new WorldCorpus(options).Stream(9).Take(400).Select(t => string.Join(' ', t.Segments[0].Text.Split(' ').Take(2))).ToHashSet();
        var narrow = Names(new WorldCorpusOptions { ClosedBook = 1, ClosedBookUsers = 8, StatementForms = 1 });
        var wide = Names(new WorldCorpusOptions { ClosedBookDocuments = 1, ClosedBookUsers = 8, UnaskedUsers = 0 });
        Assert.Equal(8, narrow.Count);
        Assert.Equal(narrow.Order(), wide.Order());
    }

    [Fact]
    public void The_corpus_differs_by_seed_and_its_digest_by_options()
    {
        var corpus = new WorldCorpus(new WorldCorpusOptions());
        Assert.Equal(corpus.Stream(1).First().Segments, corpus.Stream(1).First().Segments);
        Assert.NotEqual(corpus.Stream(1).First().Segments, corpus.Stream(2).First().Segments);
        Assert.NotEqual(corpus.Digest, new WorldCorpus(new WorldCorpusOptions { DocumentKinds = ["diary"] }).Digest);
    }

    [Fact]
    public void The_bank_asks_everything_in_every_form_but_as_a_probe_does()
    {
        foreach (var user in AllUsers)
        {
            var probed = user.Probes.Select(p => p.Prompt).ToHashSet();
            Assert.DoesNotContain(user.StudyQuestions, q => probed.Contains(q.Prompt));
            var relations = user.StudyQuestions.Where(q => Relation.All.Any(r => r.Name == q.Topic)).ToList();
            Assert.Equal(Relation.All.Count * Relation.QuestionForms, relations.Count + user.Probes.Count(p => p.Kind is "recall" or "update" or "absence"));
            // Whatever is told can be studied, and nothing else is asked than what anybody could ask who read the documents.
            var topics = user.StudyQuestions.Select(q => q.Topic).ToHashSet();
            Assert.All(user.Probes.Where(p => p.Kind is not "style"), p => Assert.Contains(p.Topic, topics));
            var text = string.Join(' ', user.History.Select(d => d.Text)).Split(' ', '\n').ToHashSet();
            Assert.All(topics.Where(t => Relation.All.All(r => r.Name != t)), t => Assert.All(t.Split('/'), w => Assert.Contains(w, text)));
            Assert.Equal(user.StudyQuestions, StudyQuestion.Unprobed(StudyBank.For(user.Name, user.History), user.Probes));
        }
    }

    [Fact]
    public void Paraphrases_tell_what_each_document_tells_in_other_words()
    {
        foreach (var user in Loaded.Users)
        {
            var twice = user.Paraphrases!(2);
            Assert.Equal(twice, user.Paraphrases(3).Take(twice.Count));
            Assert.Equal(twice.Select(p => p.Id).Distinct().Count(), twice.Count);
            // A form drawn anew can be the one that it was: of a document that tells one thing, now and then.
            Assert.InRange(twice.Count(p => user.History.Any(d => d.Text == p.Text)), 0, twice.Count / 4);
            foreach (var paraphrase in twice)
            {
                var document = user.History.Single(d => paraphrase.Id.StartsWith(d.Id, StringComparison.Ordinal));
                Assert.Equal((document.Date, document.Kind, document.Text.Split('\n')[0]), (paraphrase.Date, paraphrase.Kind, paraphrase.Text.Split('\n')[0]));
                foreach (var probe in user.Probes.Where(p => p.Kind is "recall" or "update" or "jargon" && p.EvidenceIds.Contains(document.Id)))
                    Assert.Contains(probe.Gold, paraphrase.Text.Split(' ', '\n'));
            }
        }
    }

    [Theory]
    [InlineData("facts", 21)]
    [InlineData("updates", 13)]
    [InlineData("absences", 9)]
    [InlineData("users", 5000)]
    public void Options_out_of_range_name_the_key(string key, int value)
    {
        var options = key switch
        {
            "facts" => Options with { Facts = value },
            "updates" => Options with { Updates = value },
            "users" => Options with { Users = value },
            _ => Options with { Absences = value },
        };
        var error = Assert.Throws<PbenchException>(() => new WorldLoader().Load(options));
        Assert.Contains($"'{key}'", error.Message, StringComparison.Ordinal);
    }
}
