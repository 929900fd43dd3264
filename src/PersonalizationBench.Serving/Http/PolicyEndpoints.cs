using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary><c>/v1/policies…</c>: the life of personal models. All of it wants the owner's admin key.</summary>
internal sealed class PolicyEndpoints(ServerParts parts, ServerOptions options)
{
    private const int MaxProbes = 10_000;

    public void Map(IEndpointRouteBuilder routes)
    {
        var policies = routes.MapGroup("/v1/policies");
        policies.MapGet("", (HttpContext c, string? after, int? limit) => Results.Json(new { data = Registry.Policies(Owner(c), after, Limit(limit)).Select(Shown) }));
        policies.MapPost("", (Delegate)Create);
        policies.MapGet("{policy}", (HttpContext c, string policy) => Results.Json(Shown(Registry.FindPolicy(Owner(c), policy))));
        policies.MapDelete("{policy}", (HttpContext c, string policy) =>
        {
            Registry.DeletePolicy(Owner(c), policy, Actor(c));
            return Results.NoContent();
        });
        policies.MapGet("{policy}/revisions", (HttpContext c, string policy, int? after, int? limit) => Results.Json(new { data = Registry.Revisions(Owner(c), policy, after ?? 0, Limit(limit)).Select(Shown) }));
        policies.MapPost("{policy}/revisions", Upload);
        policies.MapGet("{policy}/revisions/{revision:int}", (HttpContext c, string policy, int revision) =>
        {
            var provenance = Registry.ProvenanceOf(Owner(c), policy, revision);
            return Results.Json(new { revision = Shown(provenance.Chain[^1]), @base = provenance.Base, chain = provenance.Chain.Select(Shown), provenance = provenance.Digest() });
        });
        policies.MapGet("{policy}/revisions/{revision:int}/adapter", (HttpContext c, string policy, int revision) =>
            Results.Bytes(Registry.Blobs.Read(Registry.ProvenanceOf(Owner(c), policy, revision).Chain[^1].Digest), "application/octet-stream"));
        policies.MapGet("{policy}/revisions/{revision:int}/evaluations", (HttpContext c, string policy, int revision) => Results.Json(new { data = Registry.Evaluations(Owner(c), policy, revision).Select(Shown) }));
        policies.MapPost("{policy}/revisions/{revision:int}/evaluations", Evaluate);
        policies.MapGet("{policy}/pointers", (HttpContext c, string policy) => Results.Json(new { data = Registry.Pointers(Owner(c), policy).Select(p => new { name = p.Name, revision = p.Revision }) }));
        policies.MapPut("{policy}/pointers/{pointer}", (HttpContext c, string policy, string pointer) => Move(c, policy, pointer, isRollback: false));
        policies.MapPost("{policy}/pointers/{pointer}/rollback", (HttpContext c, string policy, string pointer) => Move(c, policy, pointer, isRollback: true));
        policies.MapGet("{policy}/audit", (HttpContext c, string policy, long? after, int? limit) => Results.Json(new { data = Registry.Audit(Owner(c), policy, after ?? 0, Limit(limit)) }));
    }

    private IRegistry Registry => parts.Registry;

    private async Task<IResult> Create(HttpContext context)
    {
        var owner = Owner(context);
        var fields = new RequestFields(await RequestBody.Json(context.Request, options.MaxBodyBytes));
        var (id, rank, modules) = (fields.RequiredText("id"), fields.Integer("rank", 1, 256) ?? 8, fields.Texts("modules"));
        fields.Finish();
        if (id == parts.Base.Name) throw ApiException.Invalid($"id: '{id}' is the base's name", "id");
        var lora = new LoraOptions { Rank = (int)rank, TargetModules = modules.Count == 0 ? null : modules };
        if (lora.Problems(parts.Config.SmallestDimensions()).FirstOrDefault() is { } problem) throw ApiException.Invalid(problem);
        var policy = Registry.CreatePolicy(new NewPolicy(id, owner, parts.Base.Digest, (int)rank, modules.Count == 0 ? parts.Config.Projections : modules), Actor(context));
        return Results.Json(Shown(policy), statusCode: StatusCodes.Status201Created);
    }

    /// <summary>The body is an adapter's blob, or a form with PEFT's two files; what is known of its training stands in the query.</summary>
    private async Task<IResult> Upload(HttpContext context, string policy, int? parent, string? data, string? training, string? code)
    {
        var found = Registry.FindPolicy(Owner(context), policy);
        var adapter = await Adapter(context.Request, found);
        AdapterBlob.Check(adapter, found, parts.Config, "adapter");
        var digest = Registry.Blobs.Put(AdapterBlob.Pack(adapter));
        var revision = Registry.AddRevision(Owner(context), policy, new NewRevision(digest, code ?? "uploaded") { Parent = parent, Data = data, Training = training }, Actor(context));
        var shown = JsonSerializer.SerializeToNode(Shown(revision))!;
        // Settings that nothing in the adapter's file answers to: whoever uploads it may have meant something by them.
        if (adapter.Notes.Count > 0) shown["notes"] = JsonSerializer.SerializeToNode(adapter.Notes);
        return Results.Json(shown, statusCode: StatusCodes.Status201Created);
    }

    private async Task<PeftAdapter> Adapter(HttpRequest request, Policy policy)
    {
        if (!request.HasFormContentType) return AdapterBlob.Read(await RequestBody.Bytes(request, options.MaxUploadBytes), "adapter");
        var form = await request.ReadFormAsync(request.HttpContext.RequestAborted);
        if (form.Files.Sum(f => f.Length) > options.MaxUploadBytes) throw new ApiException(StatusCodes.Status413PayloadTooLarge, "too_large", $"the files are larger than {options.MaxUploadBytes} bytes");
        async Task<byte[]> File(string name)
        {
            var file = form.Files.GetFile(name) ?? throw ApiException.Invalid($"{name}: missing", name);
            using var memory = new MemoryStream();
            await file.CopyToAsync(memory, request.HttpContext.RequestAborted);
            return memory.ToArray();
        }
        var (config, weights) = (await File(PeftAdapterFile.ConfigName), await File(PeftAdapterFile.WeightsName));
        using var tensors = SafetensorsFile.Open(new MemoryStream(weights, writable: false), PeftAdapterFile.WeightsName);
        var adapter = PeftAdapterFile.Parse(config, PeftAdapterFile.ConfigName, tensors, PeftAdapterFile.WeightsName);
        // PEFT's files do not say which base they are of; whoever uploads them here says: this one.
        return adapter.BaseDigest is null ? adapter with { BaseDigest = policy.Base } : adapter;
    }

    /// <summary>Records a value, or asks the revision some questions and records the share of right answers.</summary>
    private async Task<IResult> Evaluate(HttpContext context, string policy, int revision)
    {
        var owner = Owner(context);
        var fields = new RequestFields(await RequestBody.Json(context.Request, options.MaxUploadBytes));
        var (name, value, probes) = (fields.RequiredText("name"), fields.Number("value", double.MinValue, double.MaxValue), fields.Take("probes"));
        var tokens = (int)(fields.Integer("max_tokens", 1, 1024) ?? 16);
        var details = fields.Take("details")?.GetRawText();
        fields.Finish();
        if (value is null == probes is null) throw ApiException.Invalid("expected either value or probes");
        if (probes is { } asked)
        {
            var (right, count) = await Ask(Registry.Resolve(owner, $"{policy}@{revision.ToString(CultureInfo.InvariantCulture)}"), asked, tokens, context.RequestAborted);
            (value, details) = ((double)right / count, JsonSerializer.Serialize(new { right, probes = count }));
        }
        return Results.Json(Shown(Registry.Evaluate(owner, policy, revision, name, value!.Value, details, Actor(context))), statusCode: StatusCodes.Status201Created);
    }

    private async Task<(int Right, int Count)> Ask(Revision revision, JsonElement probes, int tokens, CancellationToken cancellation)
    {
        if (probes.ValueKind != JsonValueKind.Array || probes.GetArrayLength() is 0 or > MaxProbes) throw ApiException.Invalid($"probes: expected an array of 1 to {MaxProbes}", "probes");
        var asked = probes.EnumerateArray().Select(p =>
        {
            var fields = new RequestFields(p);
            var probe = (Prompt: fields.RequiredText("prompt"), Accepted: fields.Texts("accepted"));
            fields.Finish();
            if (probe.Accepted.Any(string.IsNullOrWhiteSpace)) throw ApiException.Invalid("accepted: an answer is empty; expected some text", "probes");
            return probe.Accepted.Count > 0 ? probe : throw ApiException.Invalid("accepted: missing", "probes");
        }).ToList();
        var right = 0;
        foreach (var some in asked.Chunk(64))
        {
            var answers = some.Select(p => parts.Engine.Submit(new EngineRequest(parts.Tokenizer.Begun(parts.Tokenizer.Encode(p.Prompt)), tokens, revision.Digest, parts.Stops, new Sampling()))).ToList();
            for (var i = 0; i < some.Length; i++)
            {
                var ids = new List<int>();
                await foreach (var token in answers[i].Tokens.ReadAllAsync(cancellation)) ids.Add(token.Id);
                var result = await answers[i].Result;
                if (result.Reason == FinishReason.Failed) throw new ApiException(StatusCodes.Status500InternalServerError, "failed", result.Error ?? "the answer failed");
                // As the suite scores: the first line, spaces aside.
                var line = parts.Tokenizer.Decode([.. ids]).Split('\n')[0].Trim();
                if (some[i].Accepted.Any(a => a.Trim() == line)) right++;
            }
        }
        return (right, asked.Count);
    }

    private async Task<IResult> Move(HttpContext context, string policy, string pointer, bool isRollback)
    {
        var owner = Owner(context);
        var fields = new RequestFields(await RequestBody.Json(context.Request, options.MaxBodyBytes));
        var (revision, expected) = (fields.Integer("revision", 1, int.MaxValue), fields.Integer("expected", 1, int.MaxValue));
        fields.Finish();
        if (revision is not { } to) throw ApiException.Invalid("revision: missing", "revision");
        if (!isRollback) Registry.Publish(owner, policy, pointer, (int)to, (int?)expected, Actor(context));
        else Registry.Rollback(owner, policy, pointer, (int)to, (int)(expected ?? throw ApiException.Invalid("expected: missing; a rollback says from where", "expected")), Actor(context));
        return Results.Json(new { name = pointer, revision = to });
    }

    private object Shown(Policy policy) => new
    {
        id = policy.Id,
        @base = policy.Base,
        rank = policy.Rank,
        modules = policy.Modules,
        created = policy.Created,
        pointers = Registry.Pointers(policy.Owner, policy.Id).ToDictionary(p => p.Name, p => p.Revision),
    };

    private object Shown(Revision revision) => new
    {
        revision = revision.Number,
        digest = revision.Digest,
        bytes = revision.Bytes,
        parent = revision.Parent,
        training = revision.Training,
        data = revision.Data,
        code = revision.Code,
        created = revision.Created,
        residency = parts.Engine.ResidencyOf(revision.Digest).ToString().ToLowerInvariant(),
    };

    private static object Shown(Evaluation evaluation) => new { name = evaluation.Name, value = evaluation.Value, details = evaluation.Details, at = evaluation.At };

    private static int Limit(int? limit) => limit is null ? 100 : limit is >= 1 and <= 1000 ? limit.Value : throw ApiException.Invalid("limit: expected 1 to 1000", "limit");

    private static string Owner(HttpContext context) => context.Key(KeyKind.Admin).Owner;

    private static string Actor(HttpContext context) => FormattableString.Invariant($"key {context.Key(KeyKind.Admin).Id}");
}
