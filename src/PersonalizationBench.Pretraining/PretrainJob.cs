using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Pretraining;

/// <summary>One base to be trained: its data, its exams and its folder.</summary>
public sealed class PretrainJob
{
    private const int MaxAnswerTokens = 8;

    private readonly PretrainPlace _place;
    private readonly PretrainSpec _spec;
    private readonly WordTokenizer _tokenizer;
    private readonly PretrainConfig _config;
    private readonly Dictionary<string, ITrainingCorpus> _corpora;
    private readonly Dictionary<string, UntilSpec?> _untils;

    /// <exception cref="PbenchException">A corpus that cannot be, or an exam that it does not have.</exception>
    public PretrainJob(PretrainPlace place, PretrainSpec spec)
    {
        (_place, _spec, _tokenizer) = (place, spec, spec.ToTokenizer());
        var corpora = spec.Corpora(place.Files);
        _config = spec.ToConfig(_tokenizer.VocabularySize, corpora);
        _corpora = spec.Stages.Zip(corpora).ToDictionary(p => p.First.Name, p => p.Second.Corpus);
        _untils = spec.Stages.ToDictionary(s => s.Name, s => s.Until);
        foreach (var (stage, until) in _untils) Check(stage, until, _corpora[stage].Exams);
        Folder = spec.Output is null ? Path.Combine(place.BasesFolder, spec.Base) : Path.Combine(place.Root, spec.Output);
    }

    /// <summary>Where the base is, or will be.</summary>
    public string Folder { get; }

    public PretrainConfig Config => _config;

    /// <summary>Of the last stage.</summary>
    public ITrainingCorpus LastCorpus => _corpora[_config.Stages[^1].Name];

    /// <summary>Whether the folder holds this very base; one of other settings is an error.</summary>
    public bool IsDone() => Pretrainer.IsDone(_config, Folder);

    public PretrainResult Train(CancellationToken cancellation)
    {
        var hooks = new PretrainHooks
        {
            Log = _place.Output.WriteLine,
            Clock = _place.Clock,
            Evaluate = (model, progress) =>
            {
                var corpus = _corpora[progress.Stage.Name];
                if (corpus.Exams.Count == 0) return false;
                var scores = HoldExams(model, corpus, cancellation);
                _place.Output.WriteLine($"{progress.Stage.Name}, step {progress.Step}: {Examiner.Show(scores)}");
                return _untils[progress.Stage.Name] is { } until && scores.TryGetValue(until.Exam, out var score) && score.Accuracy >= until.Accuracy;
            },
        };
        var result = Pretrainer.Run(_config, stage => _corpora[stage.Name], _tokenizer, target => _tokenizer.Save(Path.Combine(target, "tokenizer.json")), Folder, hooks, cancellation);
        _place.Output.WriteLine(FormattableString.Invariant($"{ShownPath.Of(result.Folder)}: {result.Steps} steps, {result.Tokens} tokens, loss {result.FinalLoss:0.000}, held out {result.HeldOutLoss:0.000}"));
        return result;
    }

    /// <summary>The last stage's exams.</summary>
    public IReadOnlyDictionary<string, ExamScore> HoldExams(IBaseModel model, CancellationToken cancellation) => HoldExams(model, LastCorpus, cancellation);

    private IReadOnlyDictionary<string, ExamScore> HoldExams(IBaseModel model, ITrainingCorpus corpus, CancellationToken cancellation) =>
        new Examiner(_spec.Evaluate.Questions, MaxAnswerTokens, _tokenizer.IdOf("\n")!.Value).Hold(model, corpus.Exams, cancellation);

    private static void Check(string stage, UntilSpec? until, IReadOnlyList<Exam> exams)
    {
        if (until is not null && exams.All(e => e.Name != until.Exam))
            throw new PbenchException($"stage {stage}: until: unknown exam '{until.Exam}'; expected one of {string.Join(", ", exams.Select(e => e.Name))}");
    }
}
