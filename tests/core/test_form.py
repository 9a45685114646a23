"""Faults of form, in our own words."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.registration.form import OTHERWISE, form_fault
from tests.controls import chain, compare, declared, edge, ends, literal, spec, task

GOOD = chain(task("greet", inputs={"x": literal(1)}), variables=(declared("a", "INT"),))


def with_node(**settings: Any) -> Any:
    """A spec with one TASK node of these settings."""
    return spec("a", {"a": {"type": "TASK", **settings}, "exit": ends()})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "$: an object is expected, not NULL"),
        ({"entrypoint": 7, "threads": {}}, "$.entrypoint: a text is expected, not INT"),
        ({"entrypoint": "x", "threads": []}, "$.threads: an object is expected, not JSON_ARR"),
        ({"entrypoint": "x", "threads": {"x": {}}}, "$.threads.x: 'nodes' is missing"),
        (with_node(type="START_THREAD"), "$.threads.main.nodes.a: 'thread' is missing"),
        (spec("a", {"a": {}}), "$.threads.main.nodes.a: 'type' is missing"),
        (spec("a", {"a": 7}), "$.threads.main.nodes.a: an object is expected, not INT"),
        (with_node(task_def="t", max_attempts="3"), "a whole number is expected, not '3'"),
        (with_node(task_def="t", max_attempts=True), "a whole number is expected, not BOOL"),
        (with_node(task_def="t", max_attempts=2.5), "a whole number is expected, not DOUBLE"),
        (with_node(task_def="t", max_attempts=10**9), "is above 1000000"),
        (with_node(task_def="t", backoff={}), "a.backoff: 'base_ms' is missing"),
        (with_node(task_def="t", backoff=[]), "a.backoff: an object is expected, not JSON_ARR"),
        (with_node(task_def="t", edges={}), "a.edges: an array is expected, not JSON_OBJ"),
        (with_node(task_def="t", edges=[{}]), "a.edges[0]: 'to' is missing"),
        (
            with_node(task_def="t", edges=[edge("exit", {"from": "MOON"})]),
            "edges[0].condition.from: 'MOON' is none of",
        ),
        (
            with_node(task_def="t", edges=[edge("exit", compare(literal(1), "LIKE", literal(2)))]),
            "condition.comparator: 'LIKE' is none of ['EQUALS'",
        ),
        (chain(variables=(declared("a", "STR", access="MINE"),)), "access: 'MINE' is none of"),
        (chain(variables=(declared("a", "INT", required=1),)), "true or false is expected"),
        ({**GOOD, "owner": "me"}, "$: there is no field 'owner'; there are ['entrypoint'"),
    ],
)
def test_the_first_fault_is_named_with_its_path(value: Any, says: str) -> None:
    assert says in form_fault(value, SpecBody)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, SpecBody)


VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=3)
KEYS = st.sampled_from(["type", "edges", "to", "from", "task_def", "inputs", "value", "x"])
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3)
)


@given(JSON, st.sampled_from(["TASK", "EXIT", "ENTRYPOINT", "EXTERNAL_EVENT"]))
def test_a_fault_is_found_wherever_the_conversion_fails(value: Any, kind: str) -> None:
    """And none in what it takes."""
    node = value if isinstance(value, dict) else {"edges": value}
    made = spec("a", {"a": {**node, "type": kind}})
    try:
        msgspec.convert(made, SpecBody)
        assert form_fault(made, SpecBody) == OTHERWISE
    except msgspec.ValidationError:
        assert form_fault(made, SpecBody) != OTHERWISE
