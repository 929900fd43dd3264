using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Serving;

/// <summary>
/// Continuous batching (Yu et al., 2022, "Orca"): after every step finished sequences leave and waiting ones enter, whatever their
/// adapter. One thread of its own does all the work; <see cref="Submit"/> and <see cref="EngineAnswer.Cancel"/> may be called from any
/// thread and never wait for it.
/// </summary>
public sealed class ServingEngine : IDisposable
{
    private readonly PagedModel _model;
    private readonly AdapterCache _adapters;
    private readonly EngineOptions _options;
    private readonly TimeProvider _clock;
    private readonly string _baseDigest;
    private readonly ConcurrentQueue<Action> _commands = [];
    private readonly AutoResetEvent _wake = new(false);
    private readonly LinkedList<RunningSequence> _waiting = [];
    private readonly List<RunningSequence> _running = [];
    private readonly Dictionary<EngineAnswer, RunningSequence> _byAnswer = [];
    private readonly StepRows _rows;
    private readonly ConcurrentDictionary<string, int> _resident = [];
    private readonly Thread _thread;
    private volatile bool _stops;
    private int _submitted;

    /// <summary>Takes ownership of <paramref name="model"/>.</summary>
    public ServingEngine(PagedModel model, string baseDigest, AdapterCache adapters, EngineOptions options, TimeProvider clock)
    {
        (_model, _baseDigest, _adapters, _options, _clock) = (model, baseDigest, adapters, options, clock);
        (Pages, Slots, Metrics) = (new PagePool(model.Options.Pages), new SlotTable(model.Options.Slots), new EngineMetrics());
        _rows = new StepRows(model);
        _thread = new Thread(Run) { Name = "engine", IsBackground = true };
        _thread.Start();
    }

    public EngineMetrics Metrics { get; }

    internal PagePool Pages { get; }

    internal SlotTable Slots { get; }

    /// <summary>Queues a request and begins to load its adapter.</summary>
    /// <exception cref="PbenchException">The prompt is empty, longer than the context, has an unknown token, or would not fit the pages.</exception>
    /// <exception cref="QueueFullException">Too many are waiting.</exception>
    public EngineAnswer Submit(EngineRequest request)
    {
        var context = _model.Config.ContextLength;
        if (request.Prompt.Count == 0) throw new PbenchException("the prompt is empty; it holds at least the begin-of-text token");
        if (request.MaxNewTokens < 1) throw new PbenchException($"max_tokens: expected at least 1, not {request.MaxNewTokens}");
        if (request.Prompt.Count >= context) throw new PbenchException($"the prompt has {request.Prompt.Count} tokens; the base's context of {context} leaves no room for an answer");
        foreach (var token in request.Prompt)
            if ((uint)token >= (uint)_model.Config.VocabularySize) throw new PbenchException($"token {token} is outside the base's vocabulary of {_model.Config.VocabularySize}");
        var longest = (int)Math.Min(context, (long)request.Prompt.Count + request.MaxNewTokens);
        if (PagePool.PagesFor(longest) > Pages.Pages) throw new PbenchException($"prompt and answer of {longest} tokens do not fit the {Pages.Pages * PagedModel.PageTokens} that the server keeps; ask for fewer");
        if (Interlocked.Increment(ref _submitted) > _options.MaxWaiting + _options.MaxSequences)
        {
            Interlocked.Decrement(ref _submitted);
            throw new QueueFullException(_options.MaxWaiting);
        }
        var tier = request.Adapter is null ? Tier.Base : _adapters.IsLoaded(request.Adapter) ? Tier.Memory : Tier.Storage;
        var lease = request.Adapter is null ? null : _adapters.Acquire(request.Adapter);
        var answer = new EngineAnswer(a => Post(() => Cancel(a)));
        var sequence = new RunningSequence(request, answer, lease, PageKey.Start(_baseDigest, request.Adapter), longest, _clock.GetTimestamp()) { Tier = tier };
        // Asked before the request is handed in: an adapter that arrives between the two has been seen by nobody, and would wake nobody.
        if (lease is { Image.IsCompleted: false }) lease.Image.ContinueWith(_ => Post(() => { }), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (!Post(() => Enqueue(sequence)))
        {
            lease?.Dispose();
            throw new ObjectDisposedException(nameof(ServingEngine));
        }
        return answer;
    }

    /// <summary>Where an adapter is now.</summary>
    public Tier ResidencyOf(string digest) => _resident.ContainsKey(digest) ? Tier.Slot : _adapters.IsLoaded(digest) ? Tier.Memory : Tier.Storage;

    /// <summary>Ends every request as cancelled, and the thread.</summary>
    public void Dispose()
    {
        lock (_commands)
        {
            if (_stops) return;
            _stops = true;
            _wake.Set();
        }
        _thread.Join();
        _wake.Dispose();
        _model.Dispose();
    }

    /// <returns>False where the engine has stopped: nobody will do it.</returns>
    private bool Post(Action command)
    {
        lock (_commands)
        {
            if (_stops) return false;
            _commands.Enqueue(command);
            _wake.Set();
            return true;
        }
    }

    private void Run()
    {
        while (!_stops)
        {
            while (_commands.TryDequeue(out var command)) command();
            Admit();
            Metrics.ObserveState(_waiting.Count, _running.Count, Slots.InUse, Pages.Available);
            if (_running.Count == 0)
            {
                // Whatever could change that wakes: a request, a cancellation, an adapter that has arrived.
                _wake.WaitOne();
                continue;
            }
            Step();
        }
        while (_commands.TryDequeue(out var command)) command();
        foreach (var sequence in _waiting.Concat(_running).ToList()) End(sequence, FinishReason.Cancelled);
    }

    private void Enqueue(RunningSequence sequence)
    {
        _byAnswer.Add(sequence.Answer, sequence);
        _waiting.AddLast(sequence);
    }

    private void Cancel(EngineAnswer answer)
    {
        if (_byAnswer.TryGetValue(answer, out var sequence)) End(sequence, FinishReason.Cancelled);
    }

    /// <summary>In the order of arrival; who waits for an adapter or a slot is passed by, who waits for pages is not, lest the long starve.</summary>
    private void Admit()
    {
        for (var node = _waiting.First; node is not null && _running.Count < _options.MaxSequences;)
        {
            var (sequence, next) = (node.Value, node.Next);
            if (sequence.Adapter is { Image: { IsFaulted: true } image }) End(sequence, FinishReason.Failed, image.Exception!.InnerException!.Message);
            else if (sequence.Adapter is null or { Image.IsCompletedSuccessfully: true } && TryPlace(sequence))
            {
                sequence.Pages = Pages.TryLease(sequence.Start, CollectionsMarshal.AsSpan(sequence.Tokens), sequence.Longest);
                if (sequence.Pages is null)
                {
                    if (sequence.Slot >= 0) Slots.Release(sequence.Slot);
                    sequence.Slot = -1;
                    break;
                }
                sequence.Done = sequence.Pages.Found * PagedModel.PageTokens;
                sequence.Admitted = _clock.GetTimestamp();
                _waiting.Remove(node);
                _running.Add(sequence);
            }
            node = next;
        }
        // Rows of one adapter beside each other: it is read once for them.
        _running.Sort((a, b) => a.Slot.CompareTo(b.Slot));
    }

    private bool TryPlace(RunningSequence sequence)
    {
        if (sequence.Adapter is null) return true;
        sequence.Slot = Slots.TryAcquire(sequence.Adapter.Digest);
        if (sequence.Slot >= 0)
        {
            sequence.Tier = Tier.Slot;
            return true;
        }
        sequence.Slot = Slots.TryPlace(sequence.Adapter.Digest, out var before);
        if (sequence.Slot < 0) return false;
        if (before is not null) _resident.TryRemove(before, out _);
        _resident[sequence.Adapter.Digest] = sequence.Slot;
        var started = _clock.GetTimestamp();
        _model.Put(sequence.Slot, sequence.Adapter.Image.Result);
        Metrics.ObserveSlotLoad(_clock.GetElapsedTime(started));
        return true;
    }

    private void Step()
    {
        var started = _clock.GetTimestamp();
        var budget = Math.Max(_options.MinPromptRows, _options.StepRows - _running.Count);
        _rows.Clear();
        foreach (var sequence in _running)
        {
            var left = sequence.Tokens.Count - sequence.Done;
            var taken = left == 1 ? 1 : Math.Min(left, budget);
            if (left > 1) budget -= taken;
            if (taken > 0) _rows.Add(sequence, taken);
        }
        try
        {
            _rows.Step();
        }
        catch (Exception e)
        {
            foreach (var sequence in _running.ToList()) End(sequence, FinishReason.Failed, e.Message);
            return;
        }
        Metrics.ObserveStep(_rows.Count, _rows.Taken.Count, _rows.Adapters, _clock.GetElapsedTime(started));
        foreach (var (sequence, taken) in _rows.Taken)
        {
            sequence.Done += taken;
            Pages.Keep(sequence.Pages!, CollectionsMarshal.AsSpan(sequence.Tokens)[..sequence.Done]);
        }
        var wanted = 0;
        foreach (var sequence in _rows.Wanted) Accept(sequence, _rows.Logits(wanted++));
    }

    private void Accept(RunningSequence sequence, ReadOnlySpan<float> logits)
    {
        var (token, logProbability) = sequence.Sampler.Choose(logits);
        if (sequence.FirstToken == 0)
        {
            sequence.FirstToken = _clock.GetTimestamp();
            Metrics.ObserveFirstToken(sequence.Tier, _clock.GetElapsedTime(sequence.Submitted, sequence.FirstToken));
        }
        if (token < 0) End(sequence, FinishReason.Failed, "the model's answer is not a number");
        else if (sequence.Request.Stops.Contains(token)) End(sequence, FinishReason.Stop);
        else
        {
            sequence.Tokens.Add(token);
            sequence.Answer.Add(new GeneratedToken(token, logProbability) { Chosen = _clock.GetTimestamp() });
            Metrics.ObserveTokens(1);
            if (sequence.Tokens.Count >= sequence.Longest) End(sequence, FinishReason.Length);
        }
    }

    private void End(RunningSequence sequence, FinishReason reason, string? error = null)
    {
        if (!_byAnswer.Remove(sequence.Answer)) return;
        if (!_running.Remove(sequence)) _waiting.Remove(sequence);
        if (sequence.Pages is { } pages) Pages.Release(pages);
        if (sequence.Slot >= 0) Slots.Release(sequence.Slot);
        sequence.Adapter?.Dispose();
        Interlocked.Decrement(ref _submitted);
        var now = _clock.GetTimestamp();
        var result = new EngineResult(
            reason, error, sequence.Tier,
            sequence.Admitted == 0 ? _clock.GetElapsedTime(sequence.Submitted, now) : _clock.GetElapsedTime(sequence.Submitted, sequence.Admitted),
            sequence.FirstToken == 0 ? TimeSpan.Zero : _clock.GetElapsedTime(sequence.Submitted, sequence.FirstToken),
            _clock.GetElapsedTime(sequence.Submitted, now),
            sequence.Request.Prompt.Count, (sequence.Pages?.Found ?? 0) * PagedModel.PageTokens, sequence.NewTokens);
        Metrics.ObserveEnd(result);
        sequence.Answer.End(result);
    }
}
