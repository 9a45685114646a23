"""Random specs, small and sure to end: what the simulator and the state machine run.

A thread is a row of nodes; from each an edge leads on, and perhaps one under a condition forward,
out, or back (once a run: a flag is set on the way). A thread starts only threads that stand below
it in the list, so that none starts itself. Some mutations and conditions can not be evaluated:
such a thread fails by name. A new node type adds a maker to `nodes.py`.

Nobody waits for ever: what a WAIT_FOR_CONDITION asks for is brought about by the event OPEN, which
interrupts the entrypoint. So no thread that the entrypoint may wait for as its handler has one.
"""

from __future__ import annotations

import random
from typing import Any, Final

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.definitions.defs import Correlation
from tests.controls import (
    a_form,
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    literal,
    nop,
    only_started,
    output_of,
    spec,
    throws,
    variable,
)
from tests.sim.nodes import (
    EVERYTHING,
    FORM,
    HANDLERS,
    INPUT,
    KEYED_EVENTS,
    KEYS,
    MAKERS,
    READABLE,
    TASK_DEFS,
    THROWN,
    Here,
    Json,
    a_handler,
    may_fail_so,
)

EVENT_DEFS: Final = ("event-0", "event-1")
OPEN: Final = "open"  # opens what a WAIT_FOR_CONDITION waits for
RECALL: Final = "recall"  # interrupts with a handler that works
INTERRUPT_DEFS: Final = (OPEN, RECALL)
ALL_EVENT_DEFS: Final = (*EVENT_DEFS, *INTERRUPT_DEFS)
PING: Final = "ping"  # interrupts whoever has its key
CORRELATIONS: Final = {
    KEYED_EVENTS[0]: Correlation(delete_after_first=True),
    KEYED_EVENTS[1]: Correlation(ttl_seconds=5),
    PING: Correlation(ttl_seconds=60, delete_after_first=True),
}

UNTIL: Final = (
    "2023-11-14T22:13:21.000Z",  # a second after time begins
    "2023-11-14T22:14:20.000Z",
    "2023-11-14T21:00:00.000Z",
    "soon",  # no instant: a node that reads it fails
)
VARIABLES: Final = (
    declared("number", "INT", default=0),
    declared("text", "STR", default="a"),
    declared("again", "BOOL", default=False),
    declared("until", "STR", default=UNTIL[0]),
)
OF_A_CHILD: Final = (declared(INPUT, "INT"),)
EXIT: Final = "exit"
LEAF: Final = "leaf"  # the spec of all child runs
OF_A_LEAF: Final = frozenset(
    {"TASK", "EXTERNAL_EVENT", "NOP", "USER_TASK", "KEYED_EVENT", "THROW_EVENT"}
)
CHILDREN_MAX: Final = 3


def definitions() -> list[Any]:
    """What the specs need."""
    lasting = TASK_DEFS[-1]  # what its workers hand back is not begun anew
    return [
        *(a_task_def(name, idempotent=name != lasting, **{INPUT: "INT"}) for name in TASK_DEFS),
        *(PutExternalEventDef(name=name) for name in ALL_EVENT_DEFS),
        *(PutExternalEventDef(name=name, correlation=of) for name, of in CORRELATIONS.items()),
        PutWorkflowEventDef(name=THROWN),
        a_form(FORM, "note", agreed="BOOL", note="STR"),
    ]


def a_leaf(chance: random.Random, kinds: frozenset[str] = EVERYTHING) -> Json:
    """A spec of one thread for child runs: it has tasks and events, and starts nothing."""
    nodes = _nodes(chance, 3, (), OF_A_LEAF & kinds, handled=False)
    return spec("n0", nodes, *VARIABLES)


def a_spec(
    chance: random.Random,
    nodes_max: int = 5,
    kinds: frozenset[str] = EVERYTHING,
    *,
    shared: bool = True,
) -> Json:
    """A spec, with nodes of these kinds. Unless variables are shared, only the entrypoint (and the
    handler of OPEN) writes them: then it does not matter which thread goes first.
    """
    count = chance.randint(0, CHILDREN_MAX) if "START_THREAD" in kinds else 0
    children = [f"child-{number}" for number in range(count)]
    names = ("main", *children)
    made: dict[str, Json] = {}
    for number, name in enumerate(names):
        size = nodes_max if name == "main" else 3
        below = tuple(names[number + 1 :])
        variables = VARIABLES if name == "main" else OF_A_CHILD
        writes = shared or name == "main"
        made[name] = _one(chance, size, below, kinds, variables, writes=writes)
    for name in HANDLERS:
        plain = kinds - {"WAIT_FOR_CONDITION"}
        made[name] = _one(chance, 1, (), plain, OF_A_CHILD, handled=False, writes=shared)
    made[OPEN] = _opening()
    made["main"]["interrupts"] = {OPEN: OPEN}
    if chance.random() < 0.5:
        made["main"]["interrupts"][RECALL] = chance.choice(HANDLERS)
    if "KEYED_EVENT" in kinds and chance.random() < 0.4:
        made["main"]["interrupts"][PING] = chance.choice(HANDLERS)
        made["main"]["interrupt_keys"] = {PING: literal(chance.choice(KEYS))}
    return only_started({"entrypoint": "main", "threads": made})


def _one(
    chance: random.Random,
    size: int,
    below: tuple[str, ...],
    kinds: frozenset[str],
    variables: tuple[Json, ...],
    *,
    handled: bool = True,
    writes: bool = True,
) -> Json:
    nodes = _nodes(chance, size, below, kinds, handled=handled, writes=writes)
    return spec("n0", nodes, *variables)["threads"]["main"]


def _opening() -> Json:
    """The handler that makes every condition hold."""
    opened = edge("exit", number=literal(2))
    made = chain(nop())
    made["threads"]["main"]["nodes"]["n1"]["edges"] = [opened]
    return made["threads"]["main"]


def _nodes(
    chance: random.Random,
    nodes_max: int,
    below: tuple[str, ...],
    kinds: frozenset[str],
    *,
    handled: bool = True,
    writes: bool = True,
) -> Json:
    """The nodes of a thread."""
    names = [f"n{number}" for number in range(chance.randint(1, nodes_max))]
    chosen: dict[str, str] = {}
    nodes: Json = {}
    for index, name in enumerate(names):
        here = Here(chance, index, names, chosen, below, writes)
        possible = [kind for kind in MAKERS if kind[0] in kinds and kind[1](here)]
        kind, _, make = chance.choice(possible)
        wanted = _wanted(here)  # which knows nothing of the node's own output
        chosen[name] = kind
        edges = _edges(here)
        made = make(here) | {"edges": edges} | wanted
        if not any("again" in str(edge.get("mutations")) for edge in edges):
            made |= _grace(here, handled=handled)  # else it would go back for ever, see there
        handlers = made.get("handlers", [])
        made["handlers"] = [one for one in handlers if may_fail_so(made, one.get("failure"))]
        nodes[name] = made
    here = Here(chance, len(names) - 1, names, chosen, below, writes)
    nodes[EXIT] = _exit(here)
    return nodes


def _wanted(here: Here) -> Json:
    made: Json = {}
    if here.chance.random() < 0.12:
        made["run_if"] = _condition(here)
    return made


def _grace(here: Here, *, handled: bool) -> Json:
    """What is done with a failure of the node, which is left without mutations then."""
    chance = here.chance
    made: Json = {}
    if handled and chance.random() < 0.25:
        made["handlers"] = [a_handler(here)]
        if chance.random() < 0.25:
            made["handlers"][0]["rethrow"] = True
    if chance.random() < 0.15:
        made["allow_failure"] = True
    if chance.random() < 0.1:
        made["allow_warning"] = True
    return made


def _exit(here: Here) -> Json:
    if here.chance.random() < 0.12:
        return throws(here.chance.choice(("sorry", "TIMEOUT")), "", _value(here))
    return ends(_value(here))


def _edges(here: Here) -> list[Json]:
    chance, names, index = here.chance, here.names, here.index
    after = names[index + 1] if index + 1 < len(names) else EXIT
    made = [edge(after, None, **_mutations(here))]
    if chance.random() < 0.25:
        made.insert(0, edge(chance.choice([*names[index + 1 :], EXIT]), _condition(here)))
    if here.writes and chance.random() < 0.25:
        not_yet = compare(variable("again"), "EQUALS", literal(value=False))
        back = chance.choice(names[: index + 1])
        made.insert(0, edge(back, not_yet, again=literal(value=True)))
    return made


def _mutations(here: Here) -> Json:
    chance, made = here.chance, {}
    if not here.writes:
        return made
    if chance.random() < 0.4:
        made["number"] = _value(here)
    if chance.random() < 0.2:
        texts = [literal("b"), variable("text")]
        if readable := here.before(READABLE):
            texts.append(output_of(chance.choice(readable)))
        made["text"] = chance.choice(texts)
    if chance.random() < 0.1:
        made["until"] = literal(chance.choice(UNTIL))
    return made


def _condition(here: Here) -> Json:
    comparator = here.chance.choice(("EQUALS", "NOT_EQUALS", "LESS_THAN", "GREATER_THAN_EQ"))
    return compare(_value(here), comparator, literal(here.chance.choice((0, 1, 2))))


def _value(here: Here) -> Json:
    """A number; or, at times, what may fail: the output of the node itself, of an earlier one
    (which may not have been visited), or a path into it."""
    chance = here.chance
    if chance.random() < 0.7 or not here.readable:
        return chance.choice((literal(chance.choice((0, 1, 2))), variable("number")))
    name = chance.choice(here.readable)
    path = chance.choice((None, None, "$.count"))
    return output_of(name, path) if here.kinds[name] in READABLE else output_of(name)


OUTPUTS: Final[tuple[Any, ...]] = (
    *(0, 1, 2, None, "text", {"count": 2}, {"count": "x"}, [1], [2, 3], ["a"]),
)
"""What tasks return and events bring."""
