using System.Runtime.InteropServices;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>
/// Answers and log-likelihoods by the steps that a server takes, where a base has them: rows of all sequences mixed, keys and values in
/// pages, each sequence done as soon as it is done. What prompts of a call begin with under the same adapter is computed once: a page
/// is found by all tokens up to its end. A row's numbers are the same bits whatever is beside it and whether its beginning was found
/// or computed. Not thread-safe.
/// </summary>
internal sealed class PagedAnswering : IDisposable
{
    /// <summary>Rows of one step, and those of them whose logits are wanted: what a step holds at most.</summary>
    private const int StepRows = 512, StepLogits = 256;

    private const int MaxSequences = 256;
    private const long PageBytes = 256L << 20, SlotBytes = 256L << 20;

    private readonly PagedModel _model;
    private readonly BaseInfo _info;
    private readonly PagePool _pages;
    private readonly PagedRows _rows;
    private SlotTable _slots = new(0);
    private long _slotBytes, _calls;

    private PagedAnswering(PagedModel model, BaseInfo info, long weightsVersion)
    {
        (_model, _info, WeightsVersion) = (model, info, weightsVersion);
        (_pages, _rows) = (new PagePool(model.Options.Pages), new PagedRows(model));
    }

    /// <summary>Which state of the weights it was made from.</summary>
    public long WeightsVersion { get; }

    /// <summary>The longest sequence that has room.</summary>
    public int LongestSequence => _pages.Pages * PagedModel.PageTokens;

    /// <summary>What can be answered so: a plain Llama on a CPU.</summary>
    public static bool Suits(LoadedBase loaded) => loaded.Config.IsPlainLlama && loaded.Weights.Device == "cpu";

    /// <param name="longest">Tokens of the longest sequence that has to have room.</param>
    public static PagedAnswering Create(LoadedBase loaded, int longest)
    {
        var bytes = PagedModel.BytesOfPage(loaded);
        var pages = Math.Min(MaxSequences * (long)PagePool.PagesFor(loaded.Config.ContextLength), Math.Max(PagePool.PagesFor(longest), PageBytes / bytes));
        return new PagedAnswering(PagedModel.Create(loaded, new PagedOptions((int)pages, 0, 0)), loaded.Info, loaded.Weights.Version);
    }

    public IReadOnlyList<Generation> Generate(InferenceModel model, IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation)
    {
        var results = new Generation[requests.Count];
        var sequences = requests.Select((request, i) =>
        {
            var generated = new List<int>();
            IReadOnlyList<double> candidates = [];
            return new PagedSequence(request.Tokens, request.Slot, Math.Min(model.Config.ContextLength, request.Tokens.Length + request.MaxNewTokens), request.Tokens.Length - 1)
            {
                Accept = (_, logits) =>
                {
                    if (generated.Count == 0)
                    {
                        if (request.Candidates.Count > 0) candidates = LogitRow.LogProbabilities(logits, request.Candidates);
                        meter.AddPromptTokens(request.Tokens.Length);
                        meter.AddSequence(DecoderCache.BytesOf(model.Config, 1, Math.Min(model.Config.ContextLength, request.Tokens.Length + request.MaxNewTokens), model.Weights.ComputeType));
                        meter.AddFlops(FlopCount.Sequence(model.Config, request.Tokens.Length) + FlopCount.Head(model.Config) + AdapterFlops(model, request.Slot) * request.Tokens.Length);
                    }
                    else
                    {
                        meter.AddFlops(FlopCount.Projections(model.Config) + FlopCount.Mixing(model.Config, request.Tokens.Length + generated.Count) + FlopCount.Head(model.Config) + AdapterFlops(model, request.Slot));
                    }
                    var token = generated.Count < request.Forced.Count ? request.Forced[generated.Count] : LogitRow.Largest(logits);
                    if (request.MaxNewTokens > 0 && !request.StopIds.Contains(token))
                    {
                        generated.Add(token);
                        if (generated.Count < request.MaxNewTokens && request.Tokens.Length + generated.Count <= model.Config.ContextLength) return token;
                    }
                    results[i] = new Generation([.. generated]) { CandidateScores = candidates };
                    meter.AddGeneratedTokens(generated.Count);
                    return null;
                },
            };
        }).ToList();
        Run(model, sequences, meter, cancellation);
        return results;
    }

    /// <param name="sequences">What is read of each, and the adapter.</param>
    /// <param name="wanted">Of each, the targets behind its positions from <see cref="ReadSequence.MostShared"/> on; several behind one where
    /// the sequence ends there.</param>
    /// <returns>The log-likelihood of each target.</returns>
    public IReadOnlyList<double[]> Score(InferenceModel model, IReadOnlyList<ReadSequence> sequences, IReadOnlyList<int[]> wanted, CostMeter meter, CancellationToken cancellation)
    {
        var results = wanted.Select(w => new double[w.Length]).ToList();
        var running = Enumerable.Range(0, sequences.Count).Where(i => wanted[i].Length > 0).Select(i => Asked(sequences[i], i)).ToList();
        Run(model, running, meter, cancellation);
        return results;

        PagedSequence Asked(ReadSequence sequence, int i) => new(sequence.Tokens, sequence.Slot, sequence.Tokens.Length, sequence.MostShared)
        {
            Accept = (position, logits) =>
            {
                var (first, isLast) = (position - sequence.MostShared, position == sequence.Tokens.Length - 1);
                var targets = isLast ? wanted[i][first..] : wanted[i][first..(first + 1)];
                LogitRow.LogProbabilities(logits, targets).CopyTo(results[i], first);
                return null;
            },
        };
    }

    /// <param name="sequences">What is read of each, and the adapter.</param>
    /// <returns>Of each, what is likeliest behind its positions from <see cref="ReadSequence.MostShared"/> on.</returns>
    public IReadOnlyList<IReadOnlyList<TokenDistribution>> Likeliest(InferenceModel model, IReadOnlyList<ReadSequence> sequences, int count, CostMeter meter, CancellationToken cancellation)
    {
        var results = sequences.Select(_ => new List<TokenDistribution>()).ToList();
        Run(model, [.. sequences.Select((s, i) => new PagedSequence(s.Tokens, s.Slot, s.Tokens.Length, s.MostShared)
        {
            Accept = (_, logits) =>
            {
                results[i].Add(LogitRow.Likeliest(logits, count));
                return null;
            },
        })], meter, cancellation);
        return results;
    }

    public void Dispose() => _model.Dispose();

    private static double AdapterFlops(InferenceModel model, int slot) => slot < 0 ? 0 : model.FlopsPerAdaptedToken;

    private void Run(InferenceModel model, IReadOnlyList<PagedSequence> sequences, CostMeter meter, CancellationToken cancellation)
    {
        var call = _calls++;
        if (model.Adapters is { } bank) Reserve(bank);
        // Those that begin alike stand beside each other, and those of one adapter.
        var waiting = new LinkedList<PagedSequence>(sequences.OrderBy(s => s.Slot).ThenBy(s => s, Comparer<PagedSequence>.Create((a, b) => a.Prompt.AsSpan().SequenceCompareTo(b.Prompt))));
        var running = new List<PagedSequence>();
        var (number, clock) = (0, meter.Clock);
        var before = clock.GetTimestamp();
        while (waiting.Count > 0 || running.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            Admit();
            if (running.Count == 0) throw new InvalidOperationException("a sequence has no room though nothing else runs");
            var taken = _rows.Step(running, StepRows, StepLogits);
            var goesOn = false;
            foreach (var (sequence, position, logits) in taken.Wanted)
            {
                goesOn |= sequence.Tokens.Count > sequence.Prompt.Length;
                if (!sequence.HasAnswered) meter.ObserveFirstToken();
                sequence.HasAnswered = true;
                if (sequence.Accept(position, _rows.Logits(logits)) is { } token) sequence.Tokens.Add(token);
                else if (position == sequence.Tokens.Count - 1) sequence.IsDone = true;
            }
            if (goesOn) meter.ObserveToken(clock.GetElapsedTime(before));
            before = clock.GetTimestamp();
            foreach (var (sequence, rows) in taken.Rows)
            {
                sequence.Read += rows;
                _pages.Keep(sequence.Pages!, CollectionsMarshal.AsSpan(sequence.Tokens)[..sequence.Read]);
            }
            foreach (var sequence in running.Where(s => s.IsDone)) Release(sequence);
            running.RemoveAll(s => s.IsDone);
        }

        void Admit()
        {
            for (var node = waiting.First; node is not null && running.Count < MaxSequences;)
            {
                var (sequence, next) = (node.Value, node.Next);
                // Who will find more of its beginning once another has read it waits for that one.
                if (!model.SharesPrefixes || !running.Any(r => r.WillGive(sequence)))
                {
                    if (!TryPlace(sequence, model)) return;
                    var start = PageKey.Start(FormattableString.Invariant($"call {call}"), FormattableString.Invariant($"slot {sequence.Slot}{(model.SharesPrefixes ? "" : $" sequence {number++}")}"));
                    sequence.Pages = _pages.TryLease(start, sequence.Prompt, sequence.Longest, sequence.FirstWanted);
                    if (sequence.Pages is null)
                    {
                        if (sequence.ModelSlot >= 0) _slots.Release(sequence.ModelSlot);
                        return;
                    }
                    sequence.Read = sequence.Pages.Found * PagedModel.PageTokens;
                    waiting.Remove(node);
                    running.Add(sequence);
                }
                node = next;
            }
        }
    }

    private void Release(PagedSequence sequence)
    {
        _pages.Release(sequence.Pages!);
        if (sequence.ModelSlot >= 0) _slots.Release(sequence.ModelSlot);
    }

    private void Reserve(AdapterBank bank)
    {
        var bytes = _model.Layout.BytesOf(bank.Options.Rank);
        var slots = (int)Math.Clamp(SlotBytes / Math.Max(1, bytes), 1, bank.Slots);
        if (bytes <= _slotBytes && slots <= _slots.Count) return;
        _slotBytes = Math.Max(bytes, _slotBytes);
        _model.Reserve(slots, _slotBytes);
        _slots = new SlotTable(slots);
    }

    private bool TryPlace(PagedSequence sequence, InferenceModel model)
    {
        if (sequence.Slot < 0) return true;
        var bank = model.Adapters ?? throw new InvalidOperationException($"a request names slot {sequence.Slot} but no adapter bank is in use");
        bank.RequireSlot(sequence.Slot);
        var name = FormattableString.Invariant($"{bank.Identity}/{bank.Version}/{sequence.Slot}");
        sequence.ModelSlot = _slots.TryAcquire(name);
        if (sequence.ModelSlot >= 0) return true;
        sequence.ModelSlot = _slots.TryPlace(name, out _);
        if (sequence.ModelSlot < 0) return false;
        var image = _model.Layout.Pack(bank.Export(sequence.Slot, _info), $"slot {sequence.Slot}");
        _model.Put(sequence.ModelSlot, image);
        _model.Layout.Recycle(image);
        return true;
    }
}
