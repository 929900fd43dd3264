using System.Security.Cryptography;
using System.Text;
using PersonalizationBench.Tests;

namespace PersonalizationBench.Core.Tests;

public class UnicodeNormalizationTests
{
    [Theory]
    // SHA-256 of every code point c in "a" c U+0301 U+0323 c U+11A8 "\n", normalized by Python's unicodedata (Unicode 14.0).
    [InlineData(NormalizationForm.FormC, "0a80e2893c8df086e6ee1d3a7953e8e2014b9dedafefc3f4fe30a3481a11d80b")]
    [InlineData(NormalizationForm.FormD, "1e66d1d20e817439412cf999b4ca8fa0a461fa1e5031c6ef0f386231adfb4bdc")]
    [InlineData(NormalizationForm.FormKC, "aa6f7abc0f30840d16bfa2bbb0dfe7065a0948ca0117f9fb4493d4efe66e85a2")]
    [InlineData(NormalizationForm.FormKD, "0276f367aea785a3e1ba78dbda4c412b7fa09bf3466042436f547502a1ad7db0")]
    public void EveryCodePointIsNormalizedAsByPython(NormalizationForm form, string digest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var code = 0; code <= 0x10FFFF; code++)
            if (Rune.IsValid(code)) hash.AppendData(Encoding.UTF8.GetBytes(UnicodeNormalization.Normalize($"a{new Rune(code)}\u0301\u0323{new Rune(code)}\u11a8\n", form)));
        Assert.Equal(digest, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public void NormalizingTwiceIsNormalizingOnceAndTextCanBeCutBeforeALetter()
    {
        var random = new DeterministicRandom(4);
        foreach (var form in Enum.GetValues<NormalizationForm>())
            for (var i = 0; i < 500; i++)
            {
                var (a, b) = (RandomText.Next(random, 20), RandomText.Next(random, 20));
                var whole = UnicodeNormalization.Normalize($"{a}x{b}", form);
                Assert.Equal(whole, UnicodeNormalization.Normalize(whole, form));
                Assert.Equal(whole, UnicodeNormalization.Normalize(a, form) + UnicodeNormalization.Normalize("x" + b, form));
            }
    }

    [Fact]
    public void AMillionMarksAreSortedInTime()
    {
        var marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 500_000));
        Assert.Equal($"{new string('\u0323', 500_000)}{new string('\u0301', 500_000)}", UnicodeNormalization.Normalize(marks, NormalizationForm.FormD));
    }
}
