using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving.Tests;

/// <summary>The engine's part of what a server must pass to be trusted: isolation, prompt cache, slots, drain, memory pressure.</summary>
public sealed class EngineTests(TinyServing tiny) : IClassFixture<TinyServing>
{
    private static readonly IReadOnlySet<int> NoStops = new HashSet<int>();

    [Fact]
    public async Task Isolation_every_canary_says_its_token_in_any_mixture_and_cancellation()
    {
        using var serving = Start(slots: 5);
        var random = new DeterministicRandom(3);
        var asked = new List<(int? Canary, EngineAnswer Answer, bool Cancelled)>();
        for (var i = 0; i < 1500; i++)
        {
            int? canary = random.Next(0, 5) == 0 ? null : random.Next(0, TinyServing.Canaries);
            var answer = serving.Engine.Submit(new EngineRequest(TinyServing.Prompt(random), random.Next(1, 5), canary is { } c ? Name(c) : null, NoStops, new Sampling()));
            var cancelled = random.Next(0, 10) == 0;
            asked.Add((canary, answer, cancelled));
            if (cancelled) answer.Cancel();
            if (i % 300 == 299) await asked[^100].Answer.Result;
        }
        foreach (var (canary, answer, cancelled) in asked)
        {
            var (tokens, result) = await All(answer);
            Assert.True(result.Reason == FinishReason.Length || (cancelled && result.Reason == FinishReason.Cancelled), $"{result.Reason}: {result.Error}");
            if (canary is { } own) Assert.All(tokens, t => Assert.Equal(TinyServing.FirstCanaryToken + own, t.Id));
        }
        Assert.Equal(serving.Engine.Pages.Pages, serving.Engine.Pages.Available);
        Assert.Equal(0, serving.Engine.Slots.InUse);
    }

    [Fact]
    public async Task Isolation_every_mixed_answer_is_that_of_the_single_adapter_run()
    {
        using var mixed = Start(slots: 4);
        using var alone = Start(slots: 1);
        var random = new DeterministicRandom(4);
        var requests = Enumerable.Range(0, 200).Select(i => new EngineRequest(
            TinyServing.Prompt(random), random.Next(1, 30), i % 4 == 0 ? null : Name(i % TinyServing.Canaries), NoStops,
            i % 3 == 0 ? new Sampling(Temperature: 0.8, TopP: 0.9, Seed: i) : new Sampling())).ToList();
        var answers = requests.ConvertAll(mixed.Engine.Submit);
        for (var i = 0; i < requests.Count; i++)
            Assert.Equal((await All(alone.Engine.Submit(requests[i]))).Tokens, (await All(answers[i])).Tokens);
    }

    [Fact]
    public async Task The_single_adapter_run_is_what_the_operators_generate()
    {
        using var serving = Start(slots: 2);
        using var bank = AdapterBank.Of(TinyServing.Config, tiny.Adapters[3], "canary");
        using var inUse = tiny.Base.UseAdapters(bank);
        var random = new DeterministicRandom(5);
        for (var i = 0; i < 10; i++)
        {
            var prompt = TinyServing.Prompt(random);
            foreach (var adapted in new[] { false, true })
            {
                var expected = tiny.Base.Generate([new GenerationRequest(prompt, 12) { Slot = adapted ? 0 : -1 }], new CostMeter(TimeProvider.System), CancellationToken.None)[0];
                var (tokens, _) = await All(serving.Engine.Submit(new EngineRequest(prompt, 12, adapted ? Name(3) : null, NoStops, new Sampling())));
                Assert.Equal(expected.Tokens, tokens.Select(t => t.Id));
            }
        }
    }

    [Fact]
    public async Task The_prompt_cache_knows_base_adapter_and_tokens()
    {
        using var serving = Start(slots: 4);
        var random = new DeterministicRandom(6);
        int[] prompt = [0, .. Enumerable.Range(0, 70).Select(_ => random.Next(2, 61))];
        async Task<(IReadOnlyList<GeneratedToken> Tokens, int Cached)> Ask(int? canary, int[] tokens)
        {
            var (answer, result) = await All(serving.Engine.Submit(new EngineRequest(tokens, 6, canary is { } c ? Name(c) : null, NoStops, new Sampling())));
            return (answer, result.CachedTokens);
        }

        var first = await Ask(null, prompt);
        var again = await Ask(null, prompt);
        var adapted = await Ask(1, prompt);
        var other = await Ask(2, prompt);
        var adaptedAgain = await Ask(1, prompt);
        int[] changed = [.. prompt[..40], prompt[40] == 5 ? 6 : 5, .. prompt[41..]];
        var beginsAlike = await Ask(1, changed);

        Assert.Equal([0, 64, 0, 0, 64, 32], new[] { first.Cached, again.Cached, adapted.Cached, other.Cached, adaptedAgain.Cached, beginsAlike.Cached });
        Assert.Equal(first.Tokens, again.Tokens);
        Assert.Equal(adapted.Tokens, adaptedAgain.Tokens);
        Assert.NotEqual(adapted.Tokens, first.Tokens);
        Assert.NotEqual(adapted.Tokens, other.Tokens);
    }

    [Fact]
    public async Task More_sequences_than_pages_wait_their_turn_and_all_are_answered()
    {
        using var serving = Start(slots: 4, pages: 12);
        var random = new DeterministicRandom(7);
        var answers = Enumerable.Range(0, 60).Select(i => serving.Engine.Submit(new EngineRequest(TinyServing.Prompt(random, 100), 20, Name(i % 8), NoStops, new Sampling()))).ToList();
        foreach (var answer in answers) Assert.Equal(FinishReason.Length, (await answer.Result).Reason);
        Assert.Equal(12, serving.Engine.Pages.Available);
    }

    [Fact]
    public void What_can_never_fit_is_refused_at_once()
    {
        using var serving = Start(slots: 1, pages: 4);
        EngineRequest Request(int prompt, int tokens) => new([.. Enumerable.Repeat(3, prompt)], tokens, null, NoStops, new Sampling());
        Assert.Contains("do not fit", Assert.Throws<PbenchException>(() => serving.Engine.Submit(Request(60, 10))).Message);
        Assert.Contains("is empty", Assert.Throws<PbenchException>(() => serving.Engine.Submit(Request(0, 10))).Message);
        Assert.Contains("max_tokens", Assert.Throws<PbenchException>(() => serving.Engine.Submit(Request(3, 0))).Message);
        Assert.Contains("context of 160", Assert.Throws<PbenchException>(() => serving.Engine.Submit(Request(160, 1))).Message);
        Assert.Contains("token 61", Assert.Throws<PbenchException>(() => serving.Engine.Submit(new EngineRequest([0, 61], 1, null, NoStops, new Sampling()))).Message);
    }

    [Fact]
    public async Task One_load_serves_all_who_wait_for_it_and_bystanders_go_on()
    {
        using var serving = Start(slots: 4);
        using var gate = new ManualResetEventSlim();
        serving.Source.BeforeLoad = name => { if (name == Name(0)) gate.Wait(); };
        var waiting = Enumerable.Range(0, 16).Select(_ => serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling()))).ToList();
        var bystander = await serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(1), NoStops, new Sampling())).Result;
        Assert.Equal(FinishReason.Length, bystander.Reason);
        Assert.All(waiting, w => Assert.False(w.Result.IsCompleted));
        gate.Set();
        foreach (var answer in waiting) Assert.Equal(FinishReason.Length, (await answer.Result).Reason);
        Assert.Equal(1, serving.Source.LoadsOf(Name(0)));
    }

    [Fact]
    public async Task A_load_that_fails_fails_its_requests_alone_and_is_tried_again()
    {
        using var serving = Start(slots: 4);
        var broken = true;
        serving.Source.BeforeLoad = name => { if (broken && name == Name(0)) throw new PbenchException("half of it is missing"); };
        var failed = await serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling())).Result;
        Assert.Equal((FinishReason.Failed, "half of it is missing"), (failed.Reason, failed.Error));
        broken = false;
        Assert.Equal(FinishReason.Length, (await serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling())).Result).Reason);
    }

    [Fact]
    public async Task An_adapter_that_arrives_while_its_request_is_being_submitted_is_not_missed()
    {
        using var serving = Start(slots: 4);
        // The load ends just after the engine has seen the request: often enough that it once falls between the request's being handed in
        // and what the submitting thread does next.
        serving.Source.BeforeLoad = _ =>
        {
            SpinWait.SpinUntil(() => serving.Engine.Metrics.Waiting > 0, 5);
            throw new PbenchException("not there");
        };
        for (var i = 0; i < 2000; i++)
        {
            var request = new EngineRequest([0, 5], 3, Name(i % TinyServing.Canaries), NoStops, new Sampling());
            var result = await serving.Engine.Submit(request).Result.WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Equal(FinishReason.Failed, result.Reason);
        }
    }

    [Fact]
    public async Task An_images_memory_is_given_back_when_it_is_evicted_and_never_while_it_is_used()
    {
        using var serving = Start(slots: 4, imagesInMemory: 2);
        var (first, second) = (serving.Cache.Acquire(Name(0)), serving.Cache.Acquire(Name(1)));
        var images = new[] { await first.Image, await second.Image };
        using var third = serving.Cache.Acquire(Name(2));
        await third.Image;
        Assert.Empty(serving.Source.Recycled);
        first.Dispose();
        Assert.Same(images[0], Assert.Single(serving.Source.Recycled));
        second.Dispose();
        second.Dispose();
        Assert.Single(serving.Source.Recycled);
        using var fourth = serving.Cache.Acquire(Name(3));
        await fourth.Image;
        Assert.Equal(images, serving.Source.Recycled);
    }

    [Fact]
    public async Task An_adapter_loads_and_answers_however_busy_the_thread_pool_is()
    {
        using var serving = Start(slots: 4);
        using var gate = new ManualResetEventSlim();
        // More than the pool would make threads for within the time that is waited here: it adds one or two a second.
        var busy = Enumerable.Range(0, 200).Select(_ => Task.Run(() => gate.Wait())).ToList();
        try
        {
            var answer = serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling()));
            Assert.True(SpinWait.SpinUntil(() => serving.Engine.Metrics.Tokens == 3, TimeSpan.FromSeconds(20)));
            Assert.False(busy[^1].IsCompleted);
            gate.Set();
            Assert.Equal(FinishReason.Length, (await answer.Result).Reason);
        }
        finally
        {
            gate.Set();
            await Task.WhenAll(busy);
        }
    }

    [Fact]
    public async Task Memory_pressure_evicts_only_what_nobody_uses_and_the_cold_do_not_starve_the_hot()
    {
        using var serving = Start(slots: 3, imagesInMemory: 3);
        var random = new DeterministicRandom(8);
        var answers = new List<EngineAnswer>();
        for (var i = 0; i < 600; i++)
        {
            // Every second asks for one of two, the others for all in turn.
            var name = Name(i % 2 == 0 ? i / 2 % 2 : i / 2 % TinyServing.Canaries);
            answers.Add(serving.Engine.Submit(new EngineRequest(TinyServing.Prompt(random, 20), 3, name, NoStops, new Sampling())));
            if (i % 20 == 19) await answers[^1].Result;
        }
        foreach (var answer in answers) Assert.Equal(FinishReason.Length, (await answer.Result).Reason);
        Assert.InRange(serving.Cache.Bytes, 1, serving.Cache.CapacityBytes);
        Assert.InRange(serving.Cache.Count, 1, 3);
    }

    [Fact]
    public async Task Cancellation_frees_at_once_and_twice_is_harmless()
    {
        using var serving = Start(slots: 1, pages: 10);
        // The answer may be whole before the cancellation arrives: some are caught midway.
        var caught = 0;
        for (var i = 0; i < 200 && caught < 3; i++)
        {
            var endless = serving.Engine.Submit(new EngineRequest([0, 5], 150, Name(0), NoStops, new Sampling()));
            await endless.Tokens.ReadAsync();
            var behind = serving.Engine.Submit(new EngineRequest([0, 5], 150, Name(1), NoStops, new Sampling()));
            endless.Cancel();
            endless.Cancel();
            var result = await endless.Result;
            Assert.Equal(FinishReason.Length, (await behind.Result).Reason);
            endless.Cancel();
            if (result.Reason == FinishReason.Cancelled && result.NewTokens < 150) caught++;
        }
        Assert.Equal(3, caught);
        Assert.Equal(10, serving.Engine.Pages.Available);
    }

    [Fact]
    public async Task Stopping_the_engine_ends_every_request()
    {
        var serving = Start(slots: 1);
        var answers = Enumerable.Range(0, 40).Select(i => serving.Engine.Submit(new EngineRequest([0, 5], 140, Name(i % 3), NoStops, new Sampling()))).ToList();
        serving.Dispose();
        foreach (var answer in answers) Assert.Contains((await answer.Result).Reason, new[] { FinishReason.Cancelled, FinishReason.Length });
    }

    [Fact]
    public async Task A_full_queue_refuses_and_takes_again_when_there_is_room()
    {
        using var serving = Start(slots: 1, options: new EngineOptions { MaxSequences = 1, MaxWaiting = 2 });
        using var gate = new ManualResetEventSlim();
        serving.Source.BeforeLoad = _ => gate.Wait();
        var answers = Enumerable.Range(0, 3).Select(_ => serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling()))).ToList();
        Assert.Throws<QueueFullException>(() => serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling())));
        gate.Set();
        foreach (var answer in answers) await answer.Result;
        Assert.Equal(FinishReason.Length, (await serving.Engine.Submit(new EngineRequest([0, 5], 3, Name(0), NoStops, new Sampling())).Result).Reason);
    }

    private static string Name(int canary) => $"canary-{canary}";

    private static async Task<(IReadOnlyList<GeneratedToken> Tokens, EngineResult Result)> All(EngineAnswer answer)
    {
        var tokens = new List<GeneratedToken>();
        await foreach (var token in answer.Tokens.ReadAllAsync()) tokens.Add(token);
        return (tokens, await answer.Result);
    }

    private Running Start(int slots, int pages = 200, int? imagesInMemory = null, EngineOptions? options = null)
    {
        var model = tiny.Serve(pages, slots);
        var source = new MemorySource(model.Layout, Enumerable.Range(0, TinyServing.Canaries).ToDictionary(Name, i => tiny.Adapters[i]));
        var bytes = model.Layout.Pack(tiny.Adapters[0], "canary").Bytes.LongLength;
        var cache = new AdapterCache(source, imagesInMemory is { } count ? count * bytes : long.MaxValue, TimeProvider.System);
        return new Running(new ServingEngine(model, tiny.Base.Info.Digest, cache, options ?? new EngineOptions(), TimeProvider.System), cache, source);
    }

    private sealed record Running(ServingEngine Engine, AdapterCache Cache, MemorySource Source) : IDisposable
    {
        public void Dispose() => Engine.Dispose();
    }
}
