"""The names that a template can not do without."""

import pytest

from penstock.core.values.templates.wanted import wanted_in


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("plain", ""),
        ("{{ a }} {{ b.c[d] }}", "a b d"),
        ("{{ a ?? b }} {{ (c.d ??? 1) ~ e }}", "b e"),
        ("{{ (a ?? b) ?? 1 }}", ""),
        ("{{ (a | upper) ?? 1 }}", "a"),
        ("{{ a | default(b) | upper }}", "b"),
        ("{{ a is defined ? a : b }}", "b"),
        ("{{ a.b is not null and a.b > c }}", "c"),
        ("{{ a is even }}", "a"),
        ("{{ [a, {b: c}, -d, not e] }}", "a b c d e"),
        ("{{ max(a, b) }}{{ currentEachOutput(c) }}", "a b c"),
        ("{{ currentEachOutput(a.b) ?? 1 }}", ""),
        ("{{ 'x' | replace({a: b}) }}", "a b"),
        ("{% set a = b %}{{ a }}", "b"),
        ("{% for a in b %}{{ a }}{{ loop.index }}{% else %}{{ c }}{% endfor %}", "b c"),
        ("{% if a %}{{ b }}{% elseif c %}{{ d }}{% else %}{{ e }}{% endif %}", "a b c d e"),
        (["{{ a }}", {"{{ b }}": {"x": "{{ c }}"}}, 1, None], "a b c"),
    ],
)
def test_what_it_wants(template: object, names: str) -> None:
    assert wanted_in(template) == frozenset(names.split())  # pyright: ignore[reportArgumentType]
