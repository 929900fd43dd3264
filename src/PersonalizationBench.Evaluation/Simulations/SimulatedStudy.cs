using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Simulations;

/// <summary>Users and their answers, drawn from models whose truth is known.</summary>
/// <param name="Users">Drawn anew for every study.</param>
/// <param name="Probes">Of each user.</param>
public sealed record SimulatedStudy(int Users, int Probes)
{
    private static readonly string[] s_userNames = Names("u", 200), s_probeNames = Names("p", 64);

    /// <summary>Right and wrong answers of users whose own shares are Beta-distributed around <paramref name="rate"/>.</summary>
    /// <param name="correlation">Of two probes of one user, 0..1 without 1.</param>
    public List<ScoredProbe> Answers(double rate, double correlation, DeterministicRandom random)
    {
        var answers = new List<ScoredProbe>(Users * Probes);
        for (var user = 0; user < Users; user++)
        {
            var right = 0;
            for (var probe = 0; probe < Probes; probe++)
            {
                var score = Next(rate, correlation, right, probe, random);
                right += score;
                answers.Add(Scored(user, probe, score));
            }
        }
        return answers;
    }

    /// <summary>Answers of several arms to the same probes: each user's share is drawn once, and each arm's is that times its rate over <paramref name="rate"/>.</summary>
    /// <param name="rate">Mean share of the users.</param>
    /// <param name="rates">Of each arm, at most <paramref name="rate"/>.</param>
    public List<ScoredProbe>[] Arms(double rate, double correlation, IReadOnlyList<double> rates, DeterministicRandom random)
    {
        var shares = Enumerable.Range(0, Users).Select(_ => Share(rate, correlation, random)).ToList();
        return [.. rates.Select(armRate => (
            from user in Enumerable.Range(0, Users)
            from probe in Enumerable.Range(0, Probes)
            select Scored(user, probe, random.Chance(shares[user] * armRate / rate) ? 1 : 0)).ToList())];
    }

    /// <summary>Unbounded scores around 0: users and probes normal.</summary>
    /// <param name="ofUsers">Standard deviation of users' levels; probes have 1.</param>
    public List<ScoredProbe> Normal(double ofUsers, DeterministicRandom random)
    {
        var scores = new List<ScoredProbe>(Users * Probes);
        for (var user = 0; user < Users; user++)
        {
            var level = ofUsers * NormalDraw(random);
            for (var probe = 0; probe < Probes; probe++) scores.Add(Scored(user, probe, level + NormalDraw(random)));
        }
        return scores;
    }

    /// <summary>Polya's urn: each answer makes its like more probable, which is the beta-binomial without drawing a share.</summary>
    private static int Next(double rate, double correlation, int right, int before, DeterministicRandom random)
    {
        var size = correlation == 0 ? 0 : (1 / correlation) - 1;
        return random.Chance(correlation == 0 ? rate : ((rate * size) + right) / (size + before)) ? 1 : 0;
    }

    /// <summary>A user's share, as closely as many answers of the urn give it.</summary>
    private static double Share(double rate, double correlation, DeterministicRandom random)
    {
        const int Answers = 400;
        if (correlation == 0) return rate;
        var right = 0;
        for (var i = 0; i < Answers; i++) right += Next(rate, correlation, right, i, random);
        return right / (double)Answers;
    }

    private static ScoredProbe Scored(int user, int probe, double score) => new(s_userNames[user], s_probeNames[probe], 0, score);

    private static string[] Names(string prefix, int count) => [.. Enumerable.Range(0, count).Select(i => FormattableString.Invariant($"{prefix}{i:000}"))];

    private static double NormalDraw(DeterministicRandom random) => MathNet.Numerics.Distributions.Normal.InvCDF(0, 1, Math.Max(random.NextDouble(), 1e-15));
}
