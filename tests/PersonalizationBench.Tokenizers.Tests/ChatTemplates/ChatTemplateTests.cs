using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Tokenizers.Tests.ChatTemplates;

public class ChatTemplateTests
{
    private static readonly Dictionary<string, string> NoTokens = [];

    private static string References => Path.Combine(AppContext.BaseDirectory, "ChatTemplates");

    /// <summary>Templates and snippets as Jinja renders them: make_renderings.py.</summary>
    [Fact]
    public void TheTextIsJinjas()
    {
        var cases = Cases().ToList();
        var different = cases.Select(c => Difference(c.Case, c.Variables)).OfType<string>().ToList();
        Assert.True(different.Count == 0, string.Join("\n\n", different));
        Assert.InRange(cases.Count, 200, int.MaxValue);
    }

    private static IEnumerable<(JsonObject Case, JsonObject Variables)> Cases()
    {
        var root = JsonNode.Parse(File.ReadAllText(Path.Combine(References, "renderings.json")))!;
        return root["cases"]!.AsArray().Select(c => (c!.AsObject(), root["variables"]![(int)c["variables"]!]!.AsObject()));
    }

    /// <summary>What differs from Jinja's text or refusal; null for nothing.</summary>
    private static string? Difference(JsonObject reference, JsonObject variables)
    {
        var file = (string?)reference["file"];
        var template = file is null ? (string)reference["template"]! : File.ReadAllText(Path.Combine(References, file));
        try
        {
            var rendered = Render(template, variables);
            return rendered == (string?)reference["rendered"] ? null : $"{file ?? template}\nexpected {reference["rendered"] ?? "an error"}\nfound    {rendered}";
        }
        catch (PbenchException e)
        {
            return (string?)reference["raises"] is { } message && e.Message.StartsWith("a.jinja:", StringComparison.Ordinal) && e.Message.EndsWith(message, StringComparison.Ordinal) ? null
                : $"{file ?? template}\nexpected {reference["rendered"] ?? reference["raises"]}\nfound    {e}";
        }
    }

    [Theory]
    [InlineData("a\n{{ 'x' | sort }}", "a.jinja:2: the filter 'sort' is not supported")]
    [InlineData("{% if x is filter %}{% endif %}", "a.jinja:1: the test 'filter' is not supported")]
    [InlineData("{% include 'x' %}", "a.jinja:1: the tag 'include' is not supported")]
    [InlineData("{% call f() %}{% endcall %}", "a.jinja:1: the tag 'call' is not supported")]
    [InlineData("\n\n{% raw %}{{{% endraw %}", "a.jinja:3: the tag 'raw' is not supported")]
    [InlineData("{% for a in b recursive %}{% endfor %}", "a.jinja:1: a recursive loop is not supported")]
    [InlineData("{% set a | trim %}{% endset %}", "a.jinja:1: a filter of what 'set' encloses is not supported")]
    [InlineData("{% macro f() %}{{ caller() }}{% endmacro %}", "a.jinja:1: 'caller' in a macro is not supported")]
    [InlineData("{{ 2 ** 3 }}", "a.jinja:1: the operator '**' is not supported")]
    [InlineData("{{ f(*a) }}", "a.jinja:1: '*' before an argument is not supported")]
    [InlineData("{{ 0x1F }}", "a.jinja:1: the number '0x...' is not supported")]
    [InlineData("{{ 9999999999999999999 }}", "a.jinja:1: the number 9999999999999999999 is too large")]
    [InlineData("{{ 'x'.format(1) }}", "a.jinja:1: the method 'format' of a string is not supported")]
    [InlineData("{{ [1].append(2) }}", "a.jinja:1: the method 'append' of a list is not supported")]
    [InlineData("{{ {}.update(a=1) }}", "a.jinja:1: the method 'update' of a dictionary is not supported")]
    [InlineData("{{ '%s' % 1 }}", "a.jinja:1: formatting a string by % is not supported")]
    [InlineData("{{ {1: 2} }}", "a.jinja:1: a dictionary's key that is a whole number is not supported; expected a string")]
    [InlineData("{{ [] | tojson(sort_keys=true) }}", "a.jinja:1: tojson: the argument 'sort_keys' is not supported")]
    [InlineData("{{ strftime_now('%c') }}", "a.jinja:1: strftime_now: '%c' is not supported")]
    [InlineData("{{ [1] | map('x') }}", "a.jinja:1: the filter 'x' is not supported")]
    [InlineData("{% if a %}\n{% for b in c %}\n{% endif %}", "a.jinja:3: the tag 'endif' does not close 'for'; expected 'else', 'endfor'")]
    [InlineData("{% if a %}", "a.jinja:1: 'if' is not closed: expected 'endif'")]
    [InlineData("{{ a b }}", "a.jinja:1: expected '}}', found 'b'")]
    [InlineData("{{ (a\n}}", "a.jinja:2: expected ')', found '}'")]
    [InlineData("{{ a", "a.jinja:1: expected '}}', found the end of the template")]
    [InlineData("{{\n\nx.y }}", "a.jinja:3: 'x' is undefined")]
    [InlineData("{{ {}.y.z }}", "a.jinja:1: a dictionary has no 'y'")]
    [InlineData("{{ 'a' +\nmore }}", "a.jinja:1: '+' does not take a string and an undefined value ('more' is undefined)")]
    [InlineData("{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}", "nested too deeply")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}\n{{ f() }}", "nested too deeply")]
    [InlineData("{% set n = namespace(x='x') %}{% for i in range(99999) %}{% set n.x = n.x + n.x %}{% endfor %}", "a.jinja:1: a value becomes too large")]
    [InlineData("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "a.jinja:1: more than 1000000 turns of loops and calls of macros")]
    public void WhatIsNotSupportedOrGoesWrongIsNamedWithItsLine(string template, string expected) =>
        Assert.Contains(expected, Assert.Throws<PbenchException>(() => Render(template, [])).Message);

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("1 if 1 else ", "")]
    [InlineData("1 + ", "")]
    public void DepthIsRefusedOrBorne(string open, string close)
    {
        var template = $"{{{{ {string.Concat(Enumerable.Repeat(open, 100_000))}1{string.Concat(Enumerable.Repeat(close, 100_000))} }}}}";
        try
        {
            Assert.InRange(Render(template, []).Length, 1, 6);
        }
        catch (PbenchException e)
        {
            Assert.Contains("nested too deeply", e.Message);
        }
    }

    [Fact]
    public void DamagedTemplatesAreReadOrRefused()
    {
        var cases = Cases().ToList();
        var seed = 40;
        foreach (var file in Directory.EnumerateFiles(References, "*.jinja").Order(StringComparer.Ordinal))
        {
            var variables = cases.Last(c => (string?)c.Case["file"] == Path.GetFileName(file)).Variables;
            Mutations.Run(File.ReadAllBytes(file), 1500, seed++, allocationLimit: 1 << 24, bytes => Render(System.Text.Encoding.UTF8.GetString(bytes), variables));
        }
    }

    [Fact]
    public void AFolderGivesItsTemplateAndTokens()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = folder.File("tokenizer.json");
        Assert.Null(ChatTemplate.LoadBeside(tokenizer));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":"<s>"}""");
        Assert.Null(ChatTemplate.LoadBeside(tokenizer));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":"<s>","eos_token":{"content":"</s>"},"pad_token":null,"chat_template":"{{ bos_token }}{{ messages[0].role }}{{ eos_token }}{{ pad_token is defined }}"}""");
        Assert.Equal("<s>user</s>False", Said(ChatTemplate.LoadBeside(tokenizer)!));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"eos_token":"</s>","chat_template":[{"name":"default","template":"{{ eos_token }}"},{"name":"tool_use","template":"\n{{ x | y }}"}]}""");
        Assert.Equal("</s>", Said(ChatTemplate.LoadBeside(tokenizer)!));
        Assert.Equal($"{folder.File("tokenizer_config.json")}: chat_template[1].template:2: the filter 'y' is not supported", Assert.Throws<PbenchException>(() => ChatTemplate.LoadBeside(tokenizer, "tool_use")).Message);
        Assert.Contains("there is no chat template 'rag'; expected one of default, tool_use", Assert.Throws<PbenchException>(() => ChatTemplate.LoadBeside(tokenizer, "rag")).Message);
        File.WriteAllText(folder.File("chat_template.jinja"), "{{ messages[0].content }}{{ eos_token }}{% if add_generation_prompt %}!{% endif %}\n");
        Assert.Equal("Hello</s>!", Said(ChatTemplate.LoadBeside(tokenizer)!));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"chat_template":[{"name":"default"}]}""");
        File.Delete(folder.File("chat_template.jinja"));
        Assert.Contains("chat_template[0]: template is missing", Assert.Throws<PbenchException>(() => ChatTemplate.LoadBeside(tokenizer)).Message);
    }

    private static string Said(ChatTemplate template) => template.Render([new ChatMessage("user", "Hello")], addGenerationPrompt: true, new Noon());

    private static string Render(string template, JsonObject variables) => ChatTemplate.Parse(template, "a.jinja", NoTokens).Render(variables, new Noon());

    /// <summary>The time at which the references were made.</summary>
    private sealed class Noon : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 2, 3, 16, 5, 9, TimeSpan.Zero);
    }
}
