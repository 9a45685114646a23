"""Random specs, small and sure to end: what the simulator and the state machine run.

A thread is a row of nodes; from each an edge leads on, and perhaps one under a condition forward,
out, or back (once: a flag is set on the way). Some mutations and conditions can not be evaluated:
such a run fails by name. A new node type adds a function to `_MAKERS`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from tests.controls import (
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    output_of,
    spec,
    task,
    variable,
)

Json = dict[str, Any]

TASK_DEFS: Final = ("work-0", "work-1", "work-2")
EVENT_DEFS: Final = ("event-0", "event-1")
INPUT: Final = "x"  # of each TaskDef, an INT
VARIABLES: Final = (
    declared("number", "INT", default=0),
    declared("text", "STR", default="a"),
    declared("again", "BOOL", default=False),
)
EXIT: Final = "exit"


def a_spec(chance: random.Random, nodes_max: int = 5) -> Json:
    """A spec of one thread."""
    names = [f"n{number}" for number in range(chance.randint(1, nodes_max))]
    nodes: Json = {}
    for index, name in enumerate(names):
        edges = _edges(chance, names, index)
        nodes[name] = chance.choice(_MAKERS)(chance, edges)
    nodes[EXIT] = ends(_value(chance, names, len(names) - 1))
    return spec(names[0], nodes, *VARIABLES)


def _task(chance: random.Random, edges: list[Json]) -> Json:
    settings: Json = {
        "max_attempts": chance.choice((1, 2, 3)),
        "timeout_ms": chance.choice((500, 5_000, 60_000)),
    }
    if chance.random() < 0.4:
        settings["backoff"] = {"base_ms": chance.choice((100, 4_000)), "multiplier": 2.0}
    of = chance.choice(TASK_DEFS)
    return task(of, *edges, inputs={INPUT: variable("number")}, **settings)


def _event(chance: random.Random, edges: list[Json]) -> Json:
    settings: Json = {} if chance.random() < 0.5 else {"timeout_ms": chance.choice((300, 20_000))}
    return event(chance.choice(EVENT_DEFS), *edges, **settings)


_MAKERS: Final[tuple[Callable[[random.Random, list[Json]], Json], ...]] = (_task, _task, _event)


def _edges(chance: random.Random, names: list[str], index: int) -> list[Json]:
    after = names[index + 1] if index + 1 < len(names) else EXIT
    made = [edge(after, None, **_mutations(chance, names, index))]
    if chance.random() < 0.3:
        forward = chance.choice([*names[index + 1 :], EXIT])
        made.insert(0, edge(forward, _condition(chance, names, index)))
    if chance.random() < 0.3:
        back = chance.choice(names[: index + 1])
        not_yet = compare(variable("again"), "EQUALS", literal(value=False))
        made.insert(0, edge(back, not_yet, again=literal(value=True)))
    return made


def _mutations(chance: random.Random, names: list[str], index: int) -> Json:
    made: Json = {}
    if chance.random() < 0.4:
        made["number"] = _value(chance, names, index)
    if chance.random() < 0.2:
        made["text"] = chance.choice((literal("b"), variable("text"), output_of(names[index])))
    return made


def _condition(chance: random.Random, names: list[str], index: int) -> Json:
    comparator = chance.choice(("EQUALS", "NOT_EQUALS", "LESS_THAN", "GREATER_THAN_EQ"))
    return compare(_value(chance, names, index), comparator, literal(chance.choice((0, 1, 2))))


def _value(chance: random.Random, names: list[str], index: int) -> Json:
    """A number; or, at times, what may fail: the output of the node itself, of an earlier one
    (which may not have been visited), or a path into it."""
    if chance.random() < 0.7:
        return chance.choice((literal(chance.choice((0, 1, 2))), variable("number")))
    return chance.choice(
        (
            output_of(names[index]),
            output_of(chance.choice(names[: index + 1])),
            output_of(names[index], "$.count"),
        )
    )


OUTPUTS: Final[tuple[Any, ...]] = (0, 1, 2, None, "text", {"count": 2}, {"count": "x"}, [1])
"""What tasks return and events bring."""
