"""Specs with one mistake each, told as a table: what is wrong, where, and what is said of it. This
file has the form of the table and what its specs name; `faulty_flow.py`, `faulty_threads.py`,
`faulty_values.py` and `faulty_starts.py` have its lines.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from penstock.core.command import Command
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.definitions.defs import Correlation
from penstock.core.definitions.fault_kinds import FaultKind
from tests.controls import a_form, a_task_def, chain, declared, task

Json = dict[str, Any]


class Faulty(Struct, frozen=True):
    """A spec that is refused for one fault of this kind, in this thread and at this node."""

    kind: FaultKind
    spec: Any
    says: str
    thread: str = ""
    node: str = ""
    besides: bool = False  # other faults follow from the mistake


def wrong(kind: FaultKind, spec: Any, says: str) -> Faulty:
    """At no place that has a name."""
    return Faulty(kind, spec, says)


def at(place: str, kind: FaultKind, spec: Any, says: str, *, besides: bool = False) -> Faulty:
    """In a thread, or at a node of one: `thread` or `thread/node`."""
    thread, _, node = place.partition("/")
    return Faulty(kind, spec, says, thread, node, besides)


def with_variables(*variables: Json) -> Json:
    """A spec whose only interest is its variables."""
    return chain(variables=variables)


DEFINITIONS: tuple[Command, ...] = (
    a_task_def("work"),
    a_task_def("typed", n="INT"),
    a_task_def("lists", returns="ARRAY<STR>"),
    a_form("form", agreed="BOOL"),
    PutExternalEventDef(name="go"),
    PutExternalEventDef(name="told", content_type="JSON_OBJ"),
    PutExternalEventDef(name="keyed", correlation=Correlation()),
    PutWorkflowEventDef(name="thrown", content_type="INT"),
    PutWfSpec(
        name="child",
        spec=chain(task("work"), variables=(declared("item", "STR", required=True),)),
    ),
    PutWfSpec(name="heir", spec=chain(task("work")) | {"parent": "child"}),
)
"""What there is before a spec of the table comes."""

BEFORE: tuple[Command, ...] = (
    PutWfSpec(name="faulty", spec=chain(variables=(declared("kept", "INT"),))),
)
"""An earlier version of the spec, for mistakes that are one only since there was another."""
