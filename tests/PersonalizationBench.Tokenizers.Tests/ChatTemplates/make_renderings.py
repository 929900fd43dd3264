#!/usr/bin/env python3
"""Writes renderings.json: the chat templates beside it, and snippets, as Jinja renders them for transformers.

    make_renderings.py      (kept file: made with Jinja2 3.1.6, Python 3.11)

The environment is that of transformers' apply_chat_template (sandboxed, trim_blocks, lstrip_blocks, loop controls, its tojson,
raise_exception, strftime_now and the tag `generation`), written anew from its documentation.

Templates: chatml.jinja is the example of transformers' documentation, smollm2.jinja is HuggingFaceTB/SmolLM2-135M-Instruct's
and qwen3.jinja Qwen/Qwen3-0.6B's (all Apache-2.0). Those named *_form.jinja were written for this test in the manner of the
published ones: llama2 (system message in the first user's turn), llama3 (dates and tools), mistral (v0.3: tools, ids), macros
(Qwen3-Coder: macros, continue, blocks of set), blocks (Zephyr, and others that count on trim_blocks and lstrip_blocks).
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).parent
NOW = datetime(2026, 2, 3, 16, 5, 9)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
environment.filters["tojson"] = lambda x, ensure_ascii=False, indent=None: json.dumps(x, ensure_ascii=ensure_ascii, indent=indent)
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = NOW.strftime

SYSTEM = {"role": "system", "content": "  Be brief.\n"}
USER = {"role": "user", "content": " Hello, \"you\" <&> \u00e9\U0001f600\n"}
ASSISTANT = {"role": "assistant", "content": "Good day.\n"}
AGAIN = {"role": "user", "content": "What is it like in Aix?"}
THOUGHT = {"role": "assistant", "content": "<think>\nLet me see.\n</think>\n\nSunny."}
FUNCTION = {"name": "weather", "arguments": {"city": "Aix", "days": 2, "exact": True, "at": None, "scale": [1.0, 0.5, 1e-07, 1e22, 123456789.125]}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "type": "function", "function": FUNCTION}]}
RESULT = {"role": "tool", "tool_call_id": "abcdefghi", "name": "weather", "content": "{\"sky\": \"clear\"}"}
TOOL = {"type": "function", "function": {"name": "weather", "description": "What it is \u2018like\u2019 / \"outside\"", "parameters": {"type": "object", "properties": {
    "city": {"type": "string", "description": " A town's name\n", "enum": ["Aix", "Ulm"]}, "days": {"type": "integer", "default": 1}, "empty": {}}, "required": ["city"]}}}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

CONVERSATIONS = {
    "one turn": [USER],
    "system and three turns": [SYSTEM, USER, ASSISTANT, AGAIN],
    "thought": [USER, THOUGHT, AGAIN, THOUGHT],
    "tool call": [AGAIN, CALLING, RESULT, THOUGHT],
    "two results": [SYSTEM, AGAIN, CALLING, RESULT, RESULT],
    "reasoning apart": [AGAIN, dict(ASSISTANT, reasoning_content="\nHm.\n")],
    "does not alternate": [USER, USER, ASSISTANT],
    "no content": [USER, {"role": "assistant"}],
}

# One a line, where ⏎ stands for a line feed. Their variables are below.
SNIPPETS = r"""
{{ s }}|{{ n }}|{{ x }}|{{ none }}|{{ true }}|{{ l }}|{{ d }}|{{ nothing }}|{{ (1,) }}|{{ (1, 'a') }}|{{ () }}|{{ [] }}|{{ {} }}
{{ "it's" }}{{ ["it's", 'say "hi"', 'both \' "', 'back\\slash', 'tab\t', '\x00\x7f\xa0\u200b\U000e0001\u00e9'] }}
{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 * 'ab' }} {{ 1.5 + 1 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 1.0 // 0.1 }} {{ true + 1 }}
{{ 1e5 }} {{ 0.1 + 0.2 }} {{ 1.0 }} {{ 100000000000000000.0 }} {{ 1234567890123456.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }} {{ 3.14159 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ 'a' == 'a' != 'b' }} {{ [1, 2] == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == false }} {{ nothing == nowhere }} {{ (1,) == [1] }}
{{ not 1 == 2 }} {{ 1 and 2 }} {{ 0 or 'x' }} {{ '' and nothing.a }} {{ not (1 and 0) }} {{ 1 in [1] and 2 not in [1] }} {{ 'ell' in s }} {{ 'role' in m }} {{ 'x' not in d }} {{ 'a' in nothing }}
{{ 'yes' if n > 2 else 'no' }} {{ 'yes' if false }} {{ 1 if 0 else 2 if 0 else 3 }} {{ ('a' if true) ~ 1 ~ none ~ 2.50 }}
{{ -n }} {{ +n }} {{ - -n }} {{ -n | abs }} {{ -2 ~ 1 }} {{ 'a' ~ 'b' * 2 }} {{ 1 - -1 }}
{{ s[0] }} {{ s[-1] }} {{ s[1:3] }} {{ s[::-1] }} {{ s[-3:] }} {{ s[:-1] }} {{ s[10:2:-2] }} {{ l[1:] }} {{ l[::2] }} {{ l[-2] }} {{ l[99] }} {{ l[5:1:-1] }} {{ l[:100] }} {{ l[-100:2] }} {{ '😀bé'[::-1] }} {{ '😀b'[1] }} {{ (1, 2, 3)[1:] }} {{ l.0 }}
{{ d.b }} {{ d['b'] }} {{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.get('b') }} {{ d.get('z') }} {{ d.get('z', 9) }} {{ d.z }} {{ d['z'] }} {{ d.z is defined }} {{ m['items'] }} {{ m.items() | list | length }}
{{ s.strip() }}|{{ s.lstrip() }}|{{ '\n\tab\n '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.lstrip('ab') }}|{{ '\x1c a\x1d'.strip() }}|{{ '😀a😁'.strip('😀') }}
{{ 'a b  c'.split() }} {{ 'a b  c'.split(' ') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b '.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b'.split(sep=',') }} {{ 'aXbXc'.split('X')[-1] }}
{{ 'Abc'.startswith('A') }} {{ 'Abc'.endswith(('x', 'c')) }} {{ 'Abc'.upper() }} {{ 'ABc'.lower() }} {{ "they're x1y".title() }} {{ 'aBC dEF'.capitalize() }} {{ 'aaa'.replace('a', 'b') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ ', '.join(['a', 'b']) }} {{ '😀bc'.find('c') }} {{ 'a'.find('z') }} {{ 'banana'.count('an') }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('bc') }}
{{ s | trim }}|{{ 'xax' | trim('x') }}|{{ none | trim }}|{{ nothing | trim }}|{{ 'aB' | upper }}|{{ 'aB' | lower }}|{{ 'aB c' | capitalize }}|{{ 5 | string | length }}|{{ nothing | upper }}
{{ l | length }} {{ d | count }} {{ '😀é' | length }} {{ nothing | length }} {{ l | first }} {{ l | last }} {{ [] | first }} {{ 'abc' | first }} {{ 'abc' | list }} {{ d | list }} {{ l | reverse | list }} {{ 'abc' | reverse }}
{{ l | join }} {{ l | join(', ') }} {{ ['a', 1, none] | join('-') }} {{ [m, m] | join(',', attribute='role') }} {{ 'abc' | join('.') }} {{ 'x-y-z' | replace('-', '+') }} {{ 'x-y-z' | replace('-', '+', 1) }} {{ 11 | replace('1', '2') }}
{{ nothing | default('d') }} {{ none | default('d') }} {{ none | default('d', true) }} {{ '' | d('e', boolean=true) }} {{ nothing | default }} {{ d.z | default(n) }}
{{ '3' | int }} {{ '3.7' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ none | int }} {{ true | int }}
{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}{% for k, v in nothing | items %}{{ k }}{% endfor %}
{{ ms | map(attribute='role') | list }} {{ [{'f': {'g': 1}}, {'f': [2]}] | map(attribute='f.g') | list }} {{ [[1, [2]]] | map(attribute='1.0') | list }} {{ ms | map(attribute='zz', default='?') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ [' a '] | map('replace', ' ', '_') | list }}
{{ ms | selectattr('role', 'equalto', 'user') | list | length }} {{ ms | selectattr('f') | list | length }} {{ ms | rejectattr('role', '==', 'user') | map(attribute='role') | list }} {{ [1, 2, 3, 4] | select('odd') | list }} {{ [0, 1, none] | select | list }} {{ [1, 'a'] | reject('string') | list }} {{ [{'f': {}}, {'f': {'g': 1}}] | selectattr('f.g', 'defined') | list | length }} {{ [1,2,3] | select('gt', 1) | list }} {{ ['a','b'] | reject('equalto', 'a') | join(', ') }} {{ ['a','b'] | select('in', ['a']) | list }}
{{ none | map('string') | list }} {{ false | select | list }} {{ true * 'ab' }}
{% if ms | selectattr('role', 'equalto', 'nobody') %}always true{% endif %}
{{ nothing is defined }} {{ nothing is undefined }} {{ nothing is not defined }} {{ none is none }} {{ 0 is none }} {{ s is string }} {{ d is mapping }} {{ l is mapping }} {{ l is iterable }} {{ n is iterable }} {{ nothing is iterable }} {{ s is sequence }} {{ d is sequence }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ n is number }} {{ true is number }} {{ n is integer }} {{ true is integer }} {{ x is float }} {{ true is boolean }} {{ range is callable }} {{ s is callable }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is eq 1 }} {{ 1 is ne 1 }} {{ 2 is gt 1 }} {{ 2 is lt(1) }} {{ 2 is ge 2 }} {{ 2 is in [1, 2] }} {{ 2 is not in [1, 2] }} {{ 'a' is equalto 'a' }} {{ 1 is not string and 2 is number }}
{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }} {% endfor %}
{% for i in [] %}x{% else %}none{% endfor %}{% for i in [1, 2, 3, 4] if i is even %}{{ i }}{{ loop.length }}{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}{% for c in 'aé😀' %}[{{ c }}]{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for x in nothing %}{% endfor %}{% for i in 1, 2 %}{{ i }}{% endfor %}
{% for i in range(6) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}{{ range(3) | list }}{{ range(1, 10, 4) | list }}{{ range(5, 0, -2) | list }}{{ range(0) | length }}
{% set a = 1 %}{% for i in [1, 2] %}{{ a }}{% set a = i + 5 %}{{ a }}{% endfor %}{{ a }}{% set ns = namespace(a=1) %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{% set b, c = 1, 2 %}{{ b }}{{ c }}{% if true %}{% set a = 9 %}{% endif %}{{ a }}{{ ns.b is defined }}
{% set ns = namespace({'k': 1}, j=2) %}{{ ns.k }}{{ ns.j }}{{ dict(a=1, b='c') }}{{ dict({'z': 0}, a=1) }}{% set t %}a{% set inside = 3 %}{{ inside }}{% endset %}{{ t }}{{ inside is defined }}
{% macro greet(name, greeting='Hello', more=name) %}{{ greeting }} {{ name }}{{ more }}{{ s }}{% endmacro %}{{ greet('you') }}|{{ greet('you', greeting='Hi') }}|{{ greet(name='a', more=1) }}|{{ greet() }}|{% macro down(i) %}{{ i }}{% if i > 0 %}{{ down(i - 1) }}{% endif %}{% endmacro %}{{ down(3) }}
{{ {'a': [1, 2.5, none, true, 'x"\\\n\t\x01\x7fé '], 'b': {}, 'c': []} | tojson }} {{ [] | tojson }} {{ l | tojson(indent=2) }} {{ {'a': {'b': [1]}, 'e': {}, 'f': []} | tojson(indent=4) }} {{ (1, 2) | tojson }} {{ 'a' | tojson(ensure_ascii=False) }} {{ 1e16 | tojson }}
{{ strftime_now('%d %b %Y|%B %A %a %y %m %H:%M:%S %I %p %j %%') }}
{{ 'a' 'b' "c" }} {{ '\'' }} {{ "\"" }} {{ '\q' }} {{ '\u00e9\x41\101' }} {{ 'line\⏎continued' }} {{ '}}' }} {{ '%}' }} {{ {'a': {'b': 1}}['a']['b'] }} {{ {'a': {'b': 1}} }}
{# comment {{ }} #}a{#- x -#}  b  {#- y #} c
  {% if true %}⏎    indented⏎  {% endif %}⏎after
a {%- if true -%}  b  {%- endif -%}  c
a  {%+ if true %}⏎ b {% endif +%}⏎c
  {{ 1 }}⏎  {{- 2 -}}⏎  3
{% if true %}x{% endif %}⏎⏎{% if true %}y{% endif %}
   {# indented comment #}⏎z  {% if true %}w{% endif %}
{{ 1, 2 }} {{ [1, 2,] }} {{ {'a': 1,} }} {{ (1 + 2) * 3 }} {{ {'a b': 1}['a b'] }} {{ true and True and not False and none is none and None is none }}
{% if n > 5 %}a{% elif n == 3 %}b{% elif true %}c{% else %}d{% endif %}{% if nothing %}e{% else %}f{% endif %}{% if not nothing is defined %}g{% endif %}
{{ l | map('string') | list }} {{ [[1, 2], [3]] | map('length') | list }} {{ [1, 2] + [3] }} {{ (1,) + (2,) }} {{ [3, 1] | first + 1 }}
{%- generation %}{{ s | trim }}{% set hidden = 1 %}{% endgeneration %}{{ hidden is defined }}
{{ s | trim | upper | replace('H', 'J') }} {{ (s | trim)[1] }} {{ s.strip().upper()[::-1] | lower }} {{ m['role'] + ': ' + m.content | trim + '!' }}
{{ nothing.a }}
{{ d.z.y }}
{{ nothing['a'] }}
{{ nothing + 1 }}
{{ 'a' + 1 }}
{{ 'a' + none }}
{{ none + 'a' }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ none | length }}
{{ 5 | length }}
{{ none | items | list }}
{{ nothing() }}
{{ s() }}
{{ 1 in 'a' }}
{{ 1 in 5 }}
{% for i in none %}{% endfor %}
{% for i in 5 %}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{{ nothing | tojson }}
{{ raise_exception('said so') }}
{% for i in [1] %}⏎{{ raise_exception('on line 2 of ' ~ s) }}⏎{% endfor %}
{% set d.b = 1 %}
{{ [1, 2] | select('odd') | length }}
{{ ([1, 2] | select('odd'))[0] }}
{{ 'a'.split('') }}
{{ 'abc'.strip(1) }}
{{ 'abc'.startswith() }}
{{ 'abc'.upper(1) }}
{{ {}.get() }}
{{ range(1000000) }}
{{ l[0:2:0] }}
{{ l['a':] }}
{{ [1] + (2,) }}
{{ 'a' - 'b' }}
{{ -s }}
{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{% endmacro %}{{ f(b=1) }}
{{ l | nofilter }}
{{ l is notest }}
{{ n[1:] }}
{{ d[1:] }}
{{ 1 is string is not none }}
{% if %}{% endif %}
{% if true %}⏎{% endfor %}
{{ 1 + }}
{{ (1 }}
{{ 'open }}
{{ open
{# open
{% nosuchtag %}
{% else %}
{% break %}
{{ 1 2 }}
{{ a b }}
{{ {'a'} }}
{% for in l %}{% endfor %}
{% set 5 = 1 %}
{{ ] }}
{{ f(a=1, 2) }}
{{ $ }}
"""


def snippets():
    variables = {
        "s": " hello ", "n": 3, "x": 2.5, "l": [1, "b", 3.0, None], "d": {"a": 1, "b": [2], "c": {"e": "f"}},
        "m": {"role": "user", "content": " hi ", "items": "an item"}, "ms": [{"role": "user", "f": {"g": 1}}, {"role": "assistant"}, {"role": "user", "f": {}}],
    }
    return [(snippet.replace("⏎", "\n"), variables) for snippet in SNIPPETS.strip("\n").split("\n")]


def cases():
    for path in sorted(HERE.glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        for name, messages in CONVERSATIONS.items():
            for extra in ({"add_generation_prompt": True}, {"add_generation_prompt": False, "tools": [TOOL, TOOL]}):
                if path.stem == "qwen3" and name == "one turn":
                    extra = dict(extra, enable_thinking=False)
                yield path.name, None, template, {"messages": messages, **TOKENS, **extra}
    for template, variables in snippets():
        yield None, template, template, variables


def rendered(template, variables):
    try:
        return {"rendered": environment.from_string(template).render(**{"tools": None, "documents": None, **variables})}
    except (jinja2.exceptions.TemplateError, TypeError, SyntaxError, ValueError, ZeroDivisionError, OverflowError) as e:
        # Only the words of raise_exception are promised to be the same.
        return {"raises": str(e) if type(e) is jinja2.exceptions.TemplateError else ""}


written, known = [], []
for file, inline, template, variables in cases():
    if variables not in known:
        known.append(variables)
    written.append({**({"file": file} if file else {"template": inline}), "variables": known.index(variables), **rendered(template, variables)})
lines = lambda items: ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
(HERE / "renderings.json").write_text(f'{{"variables": [\n{lines(known)}\n], "cases": [\n{lines(written)}\n]}}\n', encoding="utf-8")
print(sum("rendered" in w for w in written), "rendered,", sum("raises" in w for w in written), "refused")
