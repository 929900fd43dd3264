using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Catalog;

/// <summary>The digest of a dataset by its contents: whatever a strategy or a metric can see of it.</summary>
public static class DatasetDigest
{
    /// <summary><paramref name="dataset"/> with <see cref="Dataset.Digest"/> filled in. Options that change nothing change no digest,
    /// and a change of loader, file or option that changes a text does.</summary>
    public static Dataset Seal(Dataset dataset)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Text(dataset.Name);
        Users(dataset.Users);
        Users(dataset.TuningUsers);
        Text(dataset.Format.DocumentSeparator);
        Texts(dataset.HeldOutTexts);
        Texts(dataset.ReplayTexts);
        Number(dataset.MaxAnswerTokens);
        Texts(dataset.StopTexts);
        return dataset with { Digest = Convert.ToHexStringLower(hash.GetHashAndReset()) };

        void Users(IReadOnlyList<User> users)
        {
            Number(users.Count);
            foreach (var user in users)
            {
                Text(user.Id);
                Text(user.Name);
                Number(user.History.Count);
                foreach (var document in user.History)
                {
                    Text(document.Id);
                    Date(document.Date);
                    Text(document.Kind);
                    Text(document.Text);
                }
                Number(user.Probes.Count);
                foreach (var probe in user.Probes) OneProbe(probe);
            }
        }

        void OneProbe(Probe probe)
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

        void Date(DateOnly? date) => Text(date?.ToString("O", CultureInfo.InvariantCulture) ?? "");

        void Texts(IReadOnlyList<string> texts)
        {
            Number(texts.Count);
            foreach (var text in texts) Text(text);
        }

        // Lengths go first: "ab", "c" and "a", "bc" must differ.
        void Text(string text)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            Number(utf8.Length);
            hash.AppendData(utf8);
        }

        void Number(int number)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }
    }
}
