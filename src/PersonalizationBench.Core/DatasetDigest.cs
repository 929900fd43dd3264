using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PersonalizationBench.Core;

/// <summary>The digest of a dataset by its contents: whatever a strategy or a metric can see of it.</summary>
public static class DatasetDigest
{
    /// <summary><paramref name="dataset"/> with <see cref="Dataset.Digest"/> filled in. Options that change nothing change no digest,
    /// and a change of loader, file or option that changes a text does.</summary>
    public static Dataset Seal(Dataset dataset)
    {
        using var content = new Content();
        content.Text(dataset.Name);
        content.Users(dataset.Users);
        content.Users(dataset.TuningUsers);
        content.Text(dataset.Format.DocumentSeparator);
        content.Texts(dataset.HeldOutTexts);
        content.Texts(dataset.ReplayTexts);
        content.Number(dataset.MaxAnswerCharacters);
        content.Texts(dataset.StopTexts);
        // Behind everything else, and only where there is something: data sets without them keep their digests.
        if (dataset.UnknownAnswer is { } unknown) content.Texts(["unknown answer", unknown]);
        if (dataset.Users.Any(u => u.StudyQuestions.Count > 0)) content.StudyQuestions(dataset.Users);
        return dataset with { Digest = content.Finish() };
    }

    /// <summary>The digest of one user's documents, in their order: of what an adapter was trained on.</summary>
    public static string Of(IReadOnlyList<Document> documents)
    {
        using var content = new Content();
        content.Documents(documents);
        return content.Finish();
    }

    private sealed class Content : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

        public void Dispose() => _hash.Dispose();

        public void Users(IReadOnlyList<User> users)
        {
            Number(users.Count);
            foreach (var user in users)
            {
                Text(user.Id);
                Text(user.Name);
                Documents(user.History);
                Number(user.Probes.Count);
                foreach (var probe in user.Probes) OneProbe(probe);
            }
        }

        public void StudyQuestions(IReadOnlyList<User> users)
        {
            Text("study questions");
            foreach (var user in users)
            {
                Number(user.StudyQuestions.Count);
                foreach (var question in user.StudyQuestions)
                {
                    Text(question.Prompt);
                    Text(question.Topic);
                    Number(question.Form);
                }
            }
        }

        public void Documents(IReadOnlyList<Document> documents)
        {
            Number(documents.Count);
            foreach (var document in documents)
            {
                Text(document.Id);
                Date(document.Date);
                Text(document.Kind);
                Text(document.Text);
            }
        }

        public void Texts(IReadOnlyList<string> texts)
        {
            Number(texts.Count);
            foreach (var text in texts) Text(text);
        }

        // Lengths go first: "ab", "c" and "a", "bc" must differ.
        public void Text(string text)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            Number(utf8.Length);
            _hash.AppendData(utf8);
        }

        public void Number(int number)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
            _hash.AppendData(bytes);
        }

        private void OneProbe(Probe probe)
        {
            Text(probe.Id);
            Text(probe.Kind);
            Text(probe.Scoring.ToString());
            Text(probe.Prompt);
            Text(probe.Gold);
            Texts(probe.Accepted);
            Texts(probe.Choices);
            Texts(probe.EvidenceIds);
            Texts([.. probe.StyleFeatures.OrderBy(f => f.Key, StringComparer.Ordinal).SelectMany(f => new[] { f.Key, f.Value })]);
            Text(probe.Topic);
            Number(probe.PoolSize);
            Date(probe.Date);
        }

        private void Date(DateOnly? date) => Text(date?.ToString("O", CultureInfo.InvariantCulture) ?? "");
    }
}
