using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Cartridge;
using PersonalizationBench.Strategies.ContinuedPretraining;
using PersonalizationBench.Strategies.FullHistory;
using PersonalizationBench.Strategies.Lora;
using PersonalizationBench.Strategies.LoraRag;
using PersonalizationBench.Strategies.Majority;
using PersonalizationBench.Strategies.NoPersonalization;
using PersonalizationBench.Strategies.Oracle;
using PersonalizationBench.Strategies.PromptDistillation;
using PersonalizationBench.Strategies.Rag;
using PersonalizationBench.Strategies.RecentHistory;
using PersonalizationBench.Strategies.SavedAdapter;
using PersonalizationBench.Strategies.UnsureRag;
using PersonalizationBench.Strategies.WrongUser;

namespace PersonalizationBench.Strategies;

/// <summary>Every strategy that a study may name.</summary>
public sealed class StrategyCatalog : IStrategyCatalog
{
    public IReadOnlyList<StrategyDescriptor> Strategies { get; } =
    [
        Entry<NoPersonalizationOptions>("none", "the bare question: no personalisation", _ => new NoPersonalizationStrategy(), (_, _) => []),
        Entry<MajorityOptions>("majority", "the most frequent answer of other users, without a model", _ => new MajorityStrategy(), (_, _) => []),
        Entry<FullHistoryOptions>("full-history", "all documents in the prompt, as many as fit", o => new FullHistoryStrategy(o), (o, b) => o.Problems(b)),
        Entry<RecentHistoryOptions>("recent-history", "the newest documents in the prompt", o => new RecentHistoryStrategy(o), (o, b) => o.Problems(b)),
        Entry<RagOptions>("rag", "documents found by BM25 in the prompt", o => new RagStrategy(o), (o, b) => o.Problems(b)),
        Entry<OracleOptions>("oracle", "the gold evidence in the prompt: the ceiling", _ => new OracleStrategy(), (_, _) => []),
        Entry<LoraStrategyOptions>("lora", "a low-rank adapter per user", o => new LoraStrategy(o), (o, b) => o.Problems(b)),
        Entry<SavedAdapterOptions>("adapter", "adapters that exist already, one folder per user", o => new SavedAdapterStrategy(o), (_, _) => []),
        Entry<LoraRagOptions>("lora-rag", "a low-rank adapter per user, and documents found by BM25 in the prompt", o => new LoraRagStrategy(o), (o, b) => o.Problems(b)),
        Entry<UnsureRagOptions>("unsure-rag", "a low-rank adapter per user, and documents found by BM25 where it is unsure", o => new UnsureRagStrategy(o), (o, b) => o.Problems(b)),
        Entry<PromptDistillationOptions>("prompt-distillation", "a low-rank adapter per user learns what the base says with the documents in its prompt", o => new PromptDistillationStrategy(o), (o, b) => o.Problems(b)),
        Entry<CartridgeOptions>("cartridge", "trained keys and values per user in place of the history", o => new CartridgeStrategy(o), (o, b) => o.Problems(b)),
        Entry<ContinuedPretrainingOptions>("continued-pretraining", "all weights trained on per user, with replay", o => new ContinuedPretrainingStrategy(o), (o, _) => o.Problems()),
    ];

    public IStrategy WithWrongUsers(IStrategy inner) => new WrongUserStrategy(inner);

    private static StrategyDescriptor Entry<TOptions>(string type, string summary, Func<TOptions, IStrategy> create, Func<TOptions, BaseInfo, IEnumerable<string>> validate)
        where TOptions : class, new() => new(type, summary, typeof(TOptions), o => create((TOptions)o), (o, b) => validate((TOptions)o, b));
}
