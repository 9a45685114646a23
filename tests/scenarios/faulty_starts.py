"""The table of faults: what a spec says of ends of other runs that start runs of its own."""

from __future__ import annotations

from typing import Any

from penstock.core.definitions.fault_kinds import FaultKind as Kind
from penstock.core.limits import LABELS_MAX, RUN_STARTS_MAX
from tests.controls import Json, chain, declared, literal, output_of, template, variable
from tests.scenarios.faulty import wrong

NEEDY = chain(variables=(declared("n", "INT", required=True), declared("t", "STR")))
SURE: Json = {"n": literal(1)}


def started(*starts: Json, of: Json | None = None, **settings: Any) -> Json:
    """A spec with these starts."""
    return (of or chain()) | {"starts": list(starts), **settings}


def start(name: str = "go", **settings: Any) -> Json:
    """A start after ends of runs that nobody knows yet."""
    return {"id": name, "wf_spec": "other", **settings}


def given(**inputs: Json) -> Json:
    """A spec that is started with these inputs, and one more."""
    return started(start(inputs=SURE | inputs), of=NEEDY)


MANY = {f"l{number}": "" for number in range(LABELS_MAX + 1)}
TEMPLATE: Json = {"from": "TEMPLATE", "template": "{{ output | }}"}

LINES = (
    wrong(
        Kind.START_COUNT,
        started(*(start(f"s{number}") for number in range(RUN_STARTS_MAX + 1))),
        f"a spec may have {RUN_STARTS_MAX}",
    ),
    wrong(Kind.START_TWICE, started(start(), start()), "two starts 'go'"),
    wrong(Kind.START_CHOICE, started({"id": "go"}), "name one of the two"),
    wrong(Kind.START_CHOICE, started(start(namespace="co")), "name one of the two"),
    wrong(Kind.START_CHOICE, started(start(below=True)), "`below` is said of a namespace"),
    wrong(Kind.START_OF_ITSELF, started({"id": "go", "wf_spec": "faulty"}), "its own spec"),
    wrong(Kind.START_BELOW_A_RUN, started(start(), parent="child"), "stand below others"),
    wrong(Kind.BAD_NAME, started(start("a b")), "start 'a b': no name"),
    wrong(Kind.BAD_NAME, started({"id": "go", "wf_spec": "-"}), "'-' is no name"),
    wrong(Kind.BAD_NAME, started({"id": "go", "namespace": ""}), "'' is no name"),
    wrong(Kind.BAD_LABELS, started(start(labels={"": "x"})), "a label needs a name"),
    wrong(Kind.BAD_LABELS, started(start(having=MANY)), "labels: a run may have"),
    wrong(Kind.START_INPUT_UNKNOWN, given(no=literal(1)), "input 'no': the entrypoint has no such"),
    wrong(Kind.START_INPUT_MISSING, started(start(), of=NEEDY), "variable 'n' must be given"),
    wrong(Kind.TYPE_MISMATCH, given(n=literal("x")), "input 'n': "),
    wrong(Kind.TYPE_MISMATCH, given(n=variable("labels")), "input 'n': "),
    wrong(Kind.VARIABLE_UNKNOWN, given(t=variable("no")), "an end has no 'no'; it has"),
    wrong(Kind.VARIABLE_UNKNOWN, given(t=template("{{ no }}")), "an end has no 'no'; it has"),
    wrong(Kind.NODE_UNKNOWN, given(t=output_of("n1")), "a template reads outputs.n1"),
    wrong(Kind.BAD_TEMPLATE, given(t=TEMPLATE), "input 't': "),
    wrong(
        Kind.BAD_EXPRESSION,
        given(t={"from": "SECRET", "name": "key"}),
        "input 't': ",
    ),
    wrong(
        Kind.VARIABLE_UNKNOWN,
        started(start(named={"a": variable("b"), "b": literal(1)})),
        "start 'go', 'a': an end has no 'b'",
    ),
)

ACCEPTED = (
    given(t=variable("name")),
    started(start(named={"a": variable("output")}, inputs=SURE | {"t": variable("a")}), of=NEEDY),
    started({"id": "go", "namespace": "co", "below": True, "states": ["ERROR", "WARNED"]}),
)
