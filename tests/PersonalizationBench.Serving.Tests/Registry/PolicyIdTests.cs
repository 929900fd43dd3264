using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>Test 11 of a trusted server: clients never send paths.</summary>
public sealed class PolicyIdTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz0123456789", More = Letters + "._-";

    private static readonly Gen<string> ValidIds =
        from first in Gen.Elements(Letters.ToCharArray())
        from rest in Gen.ArrayOf(Gen.Elements(More.ToCharArray()))
        let id = string.Concat(first, string.Concat(rest.Take(62)))
        where !id.Contains("..", StringComparison.Ordinal)
        select id;

    [Theory]
    [InlineData("..")]
    [InlineData("a..b")]
    [InlineData("../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("%2e%2e")]
    [InlineData("a%2fb")]
    [InlineData("a\0b")]
    [InlineData("a\n")]
    [InlineData("")]
    [InlineData(".hidden")]
    [InlineData("-option")]
    [InlineData("Alice")]
    [InlineData("ａlice")]
    [InlineData("alicé")]
    [InlineData("a b")]
    [InlineData("http://host/a")]
    [InlineData("file:a")]
    [InlineData("~root")]
    [InlineData("a@b")]
    [InlineData("c:")]
    public void What_is_no_name_is_refused_saying_so(string text)
    {
        var error = Assert.Throws<RegistryException>(() => PolicyId.Require(text, "policy"));
        Assert.Equal(RegistryError.Invalid, error.Error);
        Assert.StartsWith("policy '", error.Message);
        Assert.EndsWith("': expected 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, without '..'", error.Message);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void Sixty_three_characters_are_a_name_and_one_more_is_none()
    {
        Assert.Equal(new string('a', 63), PolicyId.Require(new string('a', 63), "policy"));
        Assert.Throws<RegistryException>(() => PolicyId.Require(new string('a', 64), "policy"));
        Assert.InRange(Assert.Throws<RegistryException>(() => PolicyId.Require(new string('A', 1 << 20), "policy")).Message.Length, 1, 300);
    }

    [Fact]
    public void Every_name_by_the_syntax_is_one_and_leads_nowhere_as_a_path() =>
        Prop.ForAll(Arb.From(ValidIds), id => PolicyId.IsValid(id) && Path.GetFileName(id) == id && Path.GetFullPath(Path.Combine("/x", id)) == $"/x/{id}").QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_is_a_name_exactly_by_the_syntax() =>
        Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), text =>
        {
            var s = text.Get;
            var expected = s.Length is >= 1 and <= 63 && s.All(More.Contains) && Letters.Contains(s[0]) && !s.Contains("..", StringComparison.Ordinal);
            return PolicyId.IsValid(s) == expected;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_spec_is_read_as_it_is_written() =>
        Prop.ForAll(Arb.From(ValidIds), Arb.From(ValidIds), ArbMap.Default.ArbFor<PositiveInt>(), (policy, pointer, number) =>
        {
            var byNumber = PolicySpec.Parse(string.Create(CultureInfo.InvariantCulture, $"{policy}@{number.Get}"));
            var byDefault = PolicySpec.Parse(policy);
            var read = (byNumber.Policy, byNumber.Revision, byNumber.Pointer) == (policy, number.Get, null) && (byDefault.Policy, byDefault.Revision, byDefault.Pointer) == (policy, null, "live");
            if (pointer.All(char.IsAsciiDigit)) return read;
            var byPointer = PolicySpec.Parse($"{policy}@{pointer}");
            return read && (byPointer.Policy, byPointer.Revision, byPointer.Pointer) == (policy, null, pointer) && byPointer.ToString() == $"{policy}@{pointer}";
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_is_a_spec_or_is_refused() =>
        Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), text =>
        {
            foreach (var spec in new[] { text.Get, $"a@{text.Get}", $"{text.Get}@1" })
            {
                try { _ = PolicySpec.Parse(spec); }
                catch (RegistryException e) when (e.Error == RegistryError.Invalid) { /* the only way out */ }
            }
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("a@", "pointer ''")]
    [InlineData("a@0", "revision '0'")]
    [InlineData("a@007", "revision '007'")]
    [InlineData("a@-1", "pointer '-1'")]
    [InlineData("a@99999999999", "revision '99999999999'")]
    [InlineData("a@b@c", "pointer 'b@c'")]
    [InlineData("@live", "policy ''")]
    [InlineData("a@../b", "pointer '../b'")]
    public void A_spec_that_is_none_is_refused_by_its_part(string spec, string part) =>
        Assert.StartsWith(part, Assert.Throws<RegistryException>(() => PolicySpec.Parse(spec)).Message);

    [Fact]
    public void A_pointer_of_digits_would_be_a_revision() =>
        Assert.Equal("pointer '12': only digits are a revision's number; expected a letter in it", Assert.Throws<RegistryException>(() => PolicyId.RequirePointer("12")).Message);
}
