using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;

namespace PersonalizationBench.Evaluation.Tests.Metrics;

public sealed class StyleFeaturesTests
{
    private const string Mail = "hello anna !\nfrankly , i moved to oslo . i prefer tea to coffee .\ncheers , amir";

    [Theory]
    [InlineData("greeting", "hello", true)]
    [InlineData("greeting", "Hello Anna", true)]
    [InlineData("greeting", "hell", false)]
    [InlineData("greeting", "frankly", false)]
    [InlineData("sign_off", "cheers", true)]
    [InlineData("sign_off", "cheer", false)]
    [InlineData("sign_off", "hello", false)]
    [InlineData("emphasis", "!", true)]
    [InlineData("emphasis", ".", false)]
    [InlineData("filler", "frankly", true)]
    [InlineData("filler", "frank", false)]
    [InlineData("filler", "ankly", false)]
    [InlineData("laugh", "haha", false)]
    [InlineData("exclamation", "yes", true)]
    [InlineData("exclamation", "no", false)]
    [InlineData("lower_case", "yes", true)]
    [InlineData("lower_case", "no", false)]
    public void A_feature_is_seen_where_it_is_and_only_there(string feature, string value, bool seen) =>
        Assert.Equal(seen ? 1 : 0, StyleFeatures.Score(Mail, new Dictionary<string, string> { [feature] = value }));

    [Theory]
    [InlineData("what colour is it", 1)]
    [InlineData("what color is it", 0)]
    [InlineData("colour or color", 0)]
    [InlineData("a discolouring", 0)]
    public void Spelling_is_the_users_form_without_the_other(string text, double score) =>
        Assert.Equal(score, StyleFeatures.Score(text, new Dictionary<string, string> { ["spelling"] = "colour/color" }));

    [Fact]
    public void A_sign_off_may_have_its_signature_on_a_line_of_its_own() =>
        Assert.Equal(1, StyleFeatures.Score("Hi,\nall good.\n\nBest regards,\nBo\n", new Dictionary<string, string> { ["sign_off"] = "best regards" }));

    [Fact]
    public void The_score_is_the_share_of_features_seen() =>
        Assert.Equal(0.75, StyleFeatures.Score(Mail, new Dictionary<string, string> { ["greeting"] = "hello", ["emphasis"] = "!", ["filler"] = "well", ["sign_off"] = "cheers" }));

    [Fact]
    public void A_constant_text_shows_the_commonest_value_of_every_feature()
    {
        Dictionary<string, string> common = new() { ["greeting"] = "hi", ["emphasis"] = "!", ["filler"] = "well", ["sign_off"] = "cheers", ["spelling"] = "colour/color", ["laugh"] = "haha", ["lower_case"] = "yes" };
        Dictionary<string, string> rare = common.ToDictionary(f => f.Key, f => f.Key == "lower_case" ? "no" : f.Key == "spelling" ? "color/colour" : "other");
        var text = StyleFeatures.ConstantText([rare, common, common])!;
        Assert.Equal((1.0, 0.0), (StyleFeatures.Score(text, common), StyleFeatures.Score(text, rare)));
        Assert.Null(StyleFeatures.ConstantText([]));
    }

    [Fact]
    public void An_empty_text_shows_nothing() =>
        Assert.All(StyleFeatures.Names.Where(n => n is not ("exclamation" or "spelling")), name =>
            Assert.Equal(0, StyleFeatures.Score("", new Dictionary<string, string> { [name] = name == "lower_case" ? "yes" : "x" })));

    [Theory]
    [InlineData("greetings", "hi", "did you mean 'greeting'?")]
    [InlineData("lower_case", "maybe", "expected yes or no")]
    [InlineData("spelling", "colour", "such as colour/color")]
    public void What_no_feature_can_be_is_refused(string feature, string value, string message) =>
        Assert.Contains(message, Assert.Throws<PbenchException>(() => StyleFeatures.Score(Mail, new Dictionary<string, string> { [feature] = value })).Message);

    [Fact]
    public void A_probe_without_features_is_refused() =>
        Assert.Throws<PbenchException>(() => StyleFeatures.Score(Mail, new Dictionary<string, string>()));
}
