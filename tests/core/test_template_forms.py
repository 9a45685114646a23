"""TEMPLATE among the other forms of expressions: its ids, and the budget that they share."""

import pytest

from penstock.core.values.expressions import evaluate
from penstock.core.values.forms import Format, Template
from penstock.core.values.types import ValueProblem
from tests.controls import template
from tests.core.test_expressions import SCOPE, read


def test_uuids_of_templates_are_derived_from_place_and_number() -> None:
    form = read(template(["{{ uuid() }}", "{{ uuid() }}", "{{ uuid() }}{{ uuid() }}"]))
    one, two, both = evaluate(form, SCOPE, "a")
    [other, *_] = evaluate(form, SCOPE, "b")
    assert len({one, two, both[:36], both[36:], other}) == 5
    assert evaluate(form, SCOPE, "a") == [one, two, both]


def test_a_template_spends_what_the_expression_about_it_has() -> None:
    """One budget for all of them."""
    costly = Template("{% for i in 1..900 %}{{ i }}{% endfor %}")
    evaluate(Format("", (costly,)), SCOPE)
    with pytest.raises(ValueProblem, match="more than 10000 steps"):
        evaluate(Format("", (costly,) * 4), SCOPE)
