"""Templates: what `{{ }}` and `{% %}` make of names and values; and that no text whatever can take
more than its share, or raise anything but a ValueProblem.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.core.limits import EXPRESSION_STEPS_MAX
from penstock.core.values.templates.evaluator import Rendering
from penstock.core.values.templates.filters import FILTERS
from penstock.core.values.templates.functions import FUNCTIONS
from penstock.core.values.templates.names import Found, Lazy, Undefined
from penstock.core.values.templates.params import Called
from penstock.core.values.templates.parser import parse_template
from penstock.core.values.types import ValueProblem

NOW_MS = 1_731_508_718_355


class Place:
    """A task run of the flow in the seed."""

    NAMES: dict[str, Any] = {
        "taskrun": {"id": "t1", "attemptsCount": 0, "value": "s1"},
        "inputs": {"n": 5, "half": 0.5, "xs": [3, 1, 2], "s": "héllo wörld", "none": None},
        "parents": [{"taskrun": {"value": "inner"}}, {"taskrun": {"value": "outer"}}],
        "labels": {"b": "2", "a": "1"},
    }

    def root(self, name: str) -> Found:
        if name == "outputs":
            return Lazy(self.output, lambda: {"one": {"value": "x"}})
        return self.NAMES[name] if name in self.NAMES else Undefined(name)

    def output(self, task: str) -> Found:
        tables: dict[str, Any] = {
            "one": {"value": "x"},
            "each": {"outer": {"inner": {"s1": {"value": "deep"}}}},
        }
        return tables[task] if task in tables else Undefined(f"outputs.{task}")

    def now_ms(self) -> int:
        return NOW_MS

    def seed(self) -> tuple[str | int, ...]:
        return ("here", 1)


class Budget:
    def __init__(self) -> None:
        self.left = EXPRESSION_STEPS_MAX

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise ValueProblem("too many steps")


def rendered(template: str) -> str:
    return Rendering(Place(), Budget().spend).text(template)


def valued(template: str) -> Any:
    return Rendering(Place(), Budget().spend).value(template)


TEXTS = [
    ("no braces", "no braces"),
    ("{{ taskrun }}", '{"attemptsCount":0,"id":"t1","value":"s1"}'),
    ("{{ inputs.n }} of {{ inputs.half }}", "5 of 0.5"),
    ("[{{ inputs.none }}]", "[]"),
    ("{{ inputs['s'] }}", "héllo wörld"),
    ("{{ outputs.one.value }} {{ outputs }}", 'x {"one":{"value":"x"}}'),
    ("{{ currentEachOutput(outputs.each).value }}", "deep"),
    ("{{ inputs.xs[0] }}{{ inputs.xs[-1] }}", "32"),
    ("{{ inputs.n + 1 }} {{ 7 / 2 }} {{ 7.0 / 2 }} {{ -7 % 3 }} {{ '2' * 3 }}", "6 3 3.5 -1 6"),
    ("{{ 'a' + 1 }} {{ 'a' ~ 1 ~ [2] }}", "a1 a1[2]"),
    ("{{ 1 + 2 * 3 == 7 and not false }}", "true"),
    ("{{ 1 > 2 or 'x' }} {{ 'false' ? 1 : 2 }} {{ '0' ? 1 : 2 }}", "true 2 2"),
    ("{{ 'b' in 'abc' }} {{ inputs.xs contains 2 }} {{ 'a' in labels }}", "true true true"),
    ("{{ inputs.nothing ?? 'other' }} {{ inputs.none ?? 'null, too' }}", "other null, too"),
    ("[{{ inputs.none ??? 'x' }}] {{ nobody ??? 'x' }}", "[] x"),
    ("{{ nobody.knows.this | default('d') }}", "d"),
    ("{{ inputs is defined }} {{ inputs.x is defined }} {{ x is not defined }}", "true false true"),
    ("{{ inputs.n is odd }} {{ [] is empty }} {{ inputs.none is null }}", "true true true"),
    ("{{ 3..1 }} {{ range(1, 3) }}", "[3,2,1] [1,2,3]"),
    ("{% if inputs.n > 9 %}a{% elseif inputs.n > 4 %}b{% else %}c{% endif %}", "b"),
    ("{% for x in inputs.xs | sort %}{{ x }}{{ loop.last ? '' : ',' }}{% endfor %}", "1,2,3"),
    ("{% for e in labels %}{{ e.key }}={{ e.value }};{% endfor %}", "a=1;b=2;"),
    ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
    ("{% set y = 3 %}{{ y }}{# not seen #}", "3"),
    ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("a {{- ' b ' -}} c", "a b c"),
    ("{{ 'a}}b' }} {{ {'a': {'b': 1}} }}", 'a}}b {"a":{"b":1}}'),
    ("{{ 'it\\'s' }}", "it's"),
    ("{{ fromJson('{\"a\": [1]}').a[0] }}", "1"),
    ("{{ render('{{ inputs.n }}') }}", "5"),
    ("{{ now() }}", "2024-11-13T14:38:38.355Z"),
    ("{{ now() | date('EEE d MMM yyyy HH:mm:ss xxx', '+02') }}", "Wed 13 Nov 2024 16:38:38 +02:00"),
    ("{{ '2024-01-31' | dateAdd(1, 'MONTHS') }}", "2024-02-29T00:00:00.000Z"),
    ("{{ now() | timestamp }} {{ now() | timestampMilli }}", "1731508718 1731508718355"),
    ("{{ max(1, 3, 2) }} {{ min(inputs.xs) }}", "3 1"),
]


@pytest.mark.parametrize(("template", "expected"), TEXTS)
def test_what_a_template_says(template: str, expected: str) -> None:
    assert rendered(template) == expected


FILTERED = [
    ("'abcdef' | abbreviate(5)", "ab..."),
    ("(0 - 3) | abs", 3),
    ("'aGk=' | base64decode", "hi"),
    ("'hi' | base64encode", "aGk="),
    ("'TRUE' | boolean", True),
    ("'ada l' | capitalize", "Ada l"),
    ("[1,2,3] | chunk(2)", [[1, 2], [3]]),
    ("'abc' | contains('b')", True),
    ("'2024-02-03' | date('yyyy/M/d')", "2024/2/3"),
    ("'2024-02-03' | dateAdd(-1)", "2024-02-02T00:00:00.000Z"),
    ("null | default(1)", 1),
    ("[1,1.0,'1'] | distinct", [1, 1.0, "1"]),
    ("'abc' | endsWith('c')", True),
    ("1 | equals(1.0)", True),
    ("'<a>' | escape", "&lt;a&gt;"),
    ("[7,8] | first", 7),
    ("[[1],[2,3],4] | flatten", [1, 2, 3, 4]),
    ("'a\\nb' | indent(1)", " a\n b"),
    ("[1,2] | join('-')", "1-2"),
    ("{'a':1} | json", '{"a":1}'),
    ("{'b':1,'a':2} | keys", ["a", "b"]),
    ("[7,8] | last", 8),
    ("'four' | length", 4),
    ("'ABC' | lower", "abc"),
    ("' a ' | ltrim", "a "),
    ("'a' | md5", "0cc175b9c0f1b6a831c399e269772661"),
    ("{'a':1} | merge({'b':2})", {"a": 1, "b": 2}),
    ("'a' | nindent(1)", "\n a"),
    ("'5' | number('INT')", 5),
    ("1234.5 | numberFormat('#,##0.00')", "1,234.50"),
    ("'aXb' | replace({'X': '-'})", "a-b"),
    ("[1,2] | reverse", [2, 1]),
    ("2.675 | round(1)", 2.7),
    ("[1,3,2] | rsort", [3, 2, 1]),
    ("' a ' | rtrim", " a"),
    ("'a' | sha1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("'a' | sha256 | length", 64),
    ("'a' | sha512 | length", 128),
    ("'abcd' | slice(1, 3)", "bc"),
    ("'Hello, World!' | slugify", "hello-world"),
    ("['b','a'] | sort", ["a", "b"]),
    ("'a,b' | split(',')", ["a", "b"]),
    ("'abc' | startsWith('a')", True),
    ("5 | string", "5"),
    ("'a.b.c' | substringAfter('.')", "b.c"),
    ("'a.b.c' | substringAfterLast('.')", "c"),
    ("'a.b.c' | substringBefore('.')", "a"),
    ("'a.b.c' | substringBeforeLast('.')", "a.b"),
    ("'1970-01-02' | timestamp", 86_400),
    ("'1970-01-02' | timestampMilli", 86_400_000),
    ("'ada lovelace' | title", "Ada Lovelace"),
    ("[1] | toJson", "[1]"),
    ("' a ' | trim", "a"),
    ("'abc' | upper", "ABC"),
    ("'a%20b' | urldecode", "a b"),
    ("'a b/ü' | urlencode", "a%20b%2F%C3%BC"),
    ("{'b':1,'a':2} | values", [2, 1]),
]


@pytest.mark.parametrize(("expression", "expected"), FILTERED)
def test_what_a_filter_makes(expression: str, expected: Any) -> None:
    made = valued("{{ " + expression + " }}")

    assert made == expected
    assert type(made) is type(expected)


def test_each_filter_has_its_line() -> None:
    assert {line.split(" | ")[1].split("(")[0] for line, _ in FILTERED} == set(FILTERS)


def test_parts_of_a_list_are_a_list_again() -> None:
    """What FLOWS.md says to do where others have `jq`."""
    said = "[{% for one in inputs.xs %}{{ one | json }}{{ loop.last ? '' : ',' }}{% endfor %}]"
    assert rendered(said) == "[3,1,2]"
    assert valued("{{ inputs.xs[0] }}") == 3


REFUSED = [
    ("{{ x", "character 1: there is no }}"),
    ("ab {% if x %}", "there is no endif"),
    ("{{ a. }}", "character 6: a key is expected"),
    ("{{ a b }}", "character 6: 'b' is not expected"),
    ("{{ foo() }}", "function 'foo' is not known"),
    ("{{ a | foo }}", "filter 'foo' is not known$"),
    ("{{ a | jq('.b[]') }}", "filter 'jq' is not known: name what is wanted by its path"),
    ("{{ kv('x') }}", "function 'kv' is not known: give the value as an input"),
    ("{{ errorLogs() }}", "function 'errorLogs' is not known: read the lines from the logs"),
    ("{{ a is foo }}", "test 'foo' is not known"),
    ("{% include 'x' %}", "tag 'include' is not known"),
    ("{{ @ }}", "'@' means nothing here"),
    ("{% set true = 1 %}", "can be no name"),
    ("{{ " + "(" * 50 + "1" + ")" * 50 + " }}", "levels deep"),
    ("{{ " + "not " * 5_000 + "1 }}", "levels deep"),
    ("{{ " + "1 + " * 5_000 + "1 }}", "levels deep"),
    ("{{ a" + ".b" * 5_000 + " }}", "levels deep"),
    ("{% if 1 %}" * 3_000, "levels deep"),
    ("x" * 70_000, "characters"),
]


@pytest.mark.parametrize(("template", "said"), REFUSED)
def test_a_template_that_can_never_be_right_is_refused_before_it_runs(
    template: str, said: str
) -> None:
    with pytest.raises(ValueProblem, match=said):
        parse_template(template)


PROBLEMS = [
    ("{{ nobody }}", "nobody is not there"),
    ("{{ inputs.x.y }}", r"inputs\.x is not there"),
    ("{{ outputs.two }}", r"outputs\.two is not there"),
    ("{{ 1 / 0 }}", "DIVIDE"),
    ("{{ 'a' * 2 }}", "not INT|not DOUBLE"),
    ("{{ 'x' | dateAdd(1) }}", "not TIMESTAMP"),
    ("{{ 'a' | join }}", "join wants an array"),
    ("{{ 'a' | split }}", "split wants 'delimiter'"),
    ("{{ 'a' | upper(1) }}", "takes 0 arguments"),
    ("{{ 9223372036854775807 + 1 }}", "64 bits"),
    ("{{ 1e3 }}", "not expected"),
    ("{{ 1..99999999 }}", "10000 items"),
    ("{{ render('{{ render(taskrun.id) }}') }}" * 6, "render may be called"),
    ("{% set x = 'ab' %}" + "{% set x = x ~ x %}" * 30, "bytes|steps"),
    ("{% set x = [1] %}" + "{% set x = [x, x] %}" * 30, "bytes|steps|deep"),
    ("{% for a in 1..200 %}{% for b in 1..200 %}x{% endfor %}{% endfor %}", "steps"),
    ("{{ 'a\\nb' * 2 }}", "not"),
    ("{{ 1.5 | randomInt(1) }}", "filter"),
    ("{{ secret('key') }}", "only a worker knows"),
    ("{{ render('{{ secret(\\'key\\') }}') }}", "only a worker knows"),
]


@pytest.mark.parametrize(("template", "said"), PROBLEMS)
def test_what_goes_wrong_while_it_runs_is_said(template: str, said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        rendered(template)


def test_a_template_costs_what_there_is_to_parse() -> None:
    budget = Budget()
    Rendering(Place(), budget.spend).text("{#" + "x" * 8_000 + "#}")
    assert EXPRESSION_STEPS_MAX - budget.left >= 1_000


def test_ids_and_chance_are_derived() -> None:
    template = "{{ uuid() }} {{ randomInt(0, 1000000) }}"

    assert rendered(template) == rendered(template)
    first, second = rendered("{{ uuid() }} {{ uuid() }}").split()
    assert first != second


def test_a_single_expression_keeps_its_type() -> None:
    assert valued("{{ inputs.xs }}") == [3, 1, 2]
    assert valued("{{ inputs.n }}") == 5
    assert valued(" {{ inputs.n }}") == " 5"


@pytest.mark.parametrize(("name", "called"), [*FILTERS.items(), *FUNCTIONS.items()])
def test_what_is_said_of_arguments_is_true(name: str, called: Called) -> None:
    taken = list(inspect.signature(called.work).parameters)[1:]

    assert called.many or taken == list(called.names), name


def test_functions_are_all_called_above() -> None:
    written = " ".join(template for template, _ in TEXTS) + "uuid randomInt json secret"
    assert [name for name in FUNCTIONS if name not in written] == []


SIGNS = [*"()[]{},:.=|?+-*/%~'", "{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-%}", "??", "..", '"']
WORDS = [
    *("if", "for", "in", "set", "else", "endif", "endfor", "raw", "is", "not", "null", "true"),
    *("inputs", "outputs", "taskrun", ".n", ".xs", ".s", "['one']", "x", "0", "1", "2.5", "'a'"),
    *("9223372036854775807", "now()", "uuid()", "render(", "fromJson(", "\\"),
]
FRAGMENTS = st.sampled_from(
    [
        *SIGNS,
        *(f" {sign} " for sign in SIGNS),
        *WORDS,
        *(f" {word} " for word in WORDS),
        *(f" | {name}" for name in sorted(FILTERS)),
        *(f"{name}(" for name in sorted(FUNCTIONS)),
    ]
)


@settings(max_examples=1_500, deadline=None)
@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=25).map("".join)))
@example("{{ 1e400 }}")
@example("{{ fromJson('1e999') }}")
@example("{{ fromJson('[' ~ '[') }}")
@example("{{ 9223372036854775807 | abs | numberFormat }}")
@example("{{ '123456789012345678901234567890' | numberFormat('0.00') }}")
@example("{{ (0 - 9223372036854775807 - 1) | abs }}")
@example("{{ 9999999999999 | date }}")
@example("{{ 99999999999999999 | date }}")
def test_no_text_raises_anything_else(template: str) -> None:
    try:
        rendered(template)
        rendered("{{ " + template + " }}")
    except ValueProblem:
        pass
