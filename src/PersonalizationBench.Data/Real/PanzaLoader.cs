using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Real;

/// <summary>Panza in a study: <c>dataset: { name: panza, ... }</c>.</summary>
public sealed record PanzaOptions : RealOptions
{
    /// <summary>The users reported, of david, isabel and marcus.</summary>
    public IReadOnlyList<string> Users { get; init; } = PanzaLoader.Authors;

    /// <summary>Users for choosing hyper-parameters; none of those reported.</summary>
    public IReadOnlyList<string> TuningUsers { get; init; } = [];
}

/// <summary>The sent mail of three people. A user's later mails are the probes: given the subject line, predict the mail.</summary>
public sealed class PanzaLoader(DataFiles files) : IDatasetLoader
{
    internal static readonly string[] Authors = ["david", "isabel", "marcus"];

    public string Name => "panza";

    public string Summary => "Real e-mails of three people (PanzaMail, anonymised); later mails are scored in bits per byte.";

    public Type OptionsType => typeof(PanzaOptions);

    public Dataset Load(object options)
    {
        var panza = (PanzaOptions)options;
        RealUsers.Check(Name, panza.Users, panza.TuningUsers, Authors);
        var paths = files.Require(Name);
        return RealUsers.Assemble(Name, panza, panza.Users, panza.TuningUsers, paths, author =>
            TimeSplit.Make(author, author, "mail", Read(paths[$"data/panza_email/{author}_anonymous_clean.jsonl"], panza.Flatten), panza));
    }

    /// <summary>An author's mails, oldest first: by date where every mail has one, by their order where none has.</summary>
    public static IReadOnlyList<DatedText> Read(string path, bool flatten)
    {
        var mails = JsonLines.Read<Mail>(path).Select((mail, i) => (mail, line: i + 1, Sent: Sent(mail, path, i + 1))).ToList();
        var dated = mails.Count(m => m.Sent is not null);
        if (dated != 0 && dated != mails.Count) throw new PbenchException($"{path}: expected all mails to have a date or none, found {dated} of {mails.Count}");
        return [.. mails
            .OrderBy(m => m.Sent) // stable: by order in the file where there are no dates
            .Select(m =>
            {
                var subject = $"Subject: {TextRules.Flatten(m.mail.Subject)}";
                var body = TextRules.Unwrap(m.mail.Email);
                DateOnly? date = m.Sent is { } sent ? DateOnly.FromDateTime(sent.DateTime) : null;
                return flatten
                    ? new DatedText($"mail-{m.line:000}", date, subject, " " + TextRules.Flatten(body))
                    : new DatedText($"mail-{m.line:000}", date, subject + "\n\n", body);
            })];
    }

    private static DateTimeOffset? Sent(Mail mail, string path, int line) => mail.Date switch
    {
        null => null,
        _ when DateTimeOffset.TryParseExact(mail.Date, "yyyy-MM-ddTHH:mm:sszzz", CultureInfo.InvariantCulture, DateTimeStyles.None, out var sent) => sent,
        _ => throw PbenchException.At(path, line, $"date: expected one such as 2024-05-16T20:25:56+02:00, found '{mail.Date}'"),
    };

    private sealed record Mail(string Email, string Subject, string? Date = null);
}
