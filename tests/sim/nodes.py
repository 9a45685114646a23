"""Random nodes: one maker for each node type, with when it may stand somewhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.controls import (
    cancels,
    cast,
    compare,
    event,
    event_with_key,
    holds,
    literal,
    nop,
    output_of,
    reassigns,
    reminds,
    runs,
    runs_each,
    sleeps,
    starts,
    starts_each,
    task,
    throws_event,
    user_task,
    variable,
    waits_for,
)

Json = dict[str, Any]

TASK_DEFS: Final = ("work-0", "work-1", "work-2")
EVENTS: Final = ("event-0", "event-1")
KEYED_EVENTS: Final = ("paid-once", "paid-for-a-time")  # put under a key
KEYS: Final = ("k-0", "k-1", "k-2")
FORM: Final = "form"
USERS: Final = ("ada", "bob")
GROUP: Final = "tax"
THROWN: Final = "happened"
INPUT: Final = "INPUT"  # of each TaskDef, each child and each handler: an INT
HANDLERS: Final = ("mend-0", "mend-1")
STRATEGIES: Final = ("WAIT_FOR_ALL", "WAIT_FOR_FIRST", "WAIT_FOR_ANY")
READABLE: Final = frozenset({"TASK", "EXTERNAL_EVENT", "KEYED_EVENT"})
"""Kinds of nodes whose outputs may be anything."""

STARTS: Final = frozenset({"START_THREAD", "START_MULTIPLE_THREADS"})


@dataclass(frozen=True)
class Here:
    """Where a node stands: the names of its thread's nodes, the kinds of those before it (and of
    itself, once it is chosen), and the threads that may be started from here."""

    chance: random.Random
    index: int
    names: Sequence[str]
    kinds: Mapping[str, str]
    below: tuple[str, ...]
    writes: bool = True  # its edges may change variables

    def before(self, kinds: frozenset[str]) -> list[str]:
        """Nodes of these kinds, up to this one."""
        return [name for name in self.names[: self.index + 1] if self.kinds.get(name) in kinds]

    @property
    def readable(self) -> list[str]:
        """Nodes whose outputs may be taken for a number."""
        return self.before(READABLE | {"START_THREAD"})


def a_handler(here: Here) -> Json:
    """For a node, or for the threads that it waits for."""
    failure = here.chance.choice((None, "ERROR", "EXCEPTION", "sorry", "VAR_ERROR"))
    return {"thread": here.chance.choice(HANDLERS)} | ({"failure": failure} if failure else {})


def may_fail_so(node: Json, failure: str | None) -> bool:
    """Whether a failure of this name may come out of a node: a handler of others is refused."""
    if failure not in ("EXCEPTION", "sorry") or "on_cancellation_exception_name" in node:
        return True
    return node["type"] in ("TASK", "WAIT_FOR_THREADS", "WAIT_FOR_CHILD_WF")


def _task(here: Here) -> Json:
    chance = here.chance
    settings: Json = {
        "max_attempts": chance.choice((1, 2, 3)),
        "timeout_ms": chance.choice((500, 5_000, 60_000)),
    }
    if chance.random() < 0.4:
        settings["backoff"] = {"base_ms": chance.choice((100, 4_000)), "multiplier": 2.0}
    if chance.random() < 0.3:
        settings["warn_on_retry"] = True
    of = chance.choice(TASK_DEFS)
    return task(of, inputs={INPUT: variable("number")}, **settings)


def _event(here: Here) -> Json:
    chance = here.chance
    settings: Json = {} if chance.random() < 0.5 else {"timeout_ms": chance.choice((300, 20_000))}
    return event(chance.choice(EVENTS), **settings)


def _keyed_event(here: Here) -> Json:
    chance = here.chance
    key = variable("text") if chance.random() < 0.2 else literal(chance.choice(KEYS))
    settings: Json = {} if chance.random() < 0.5 else {"timeout_ms": chance.choice((300, 20_000))}
    if chance.random() < 0.2:
        settings["mask_correlation_key"] = True
    return event_with_key(chance.choice(KEYED_EVENTS), key, **settings)


def _user_task(here: Here) -> Json:
    chance = here.chance
    user, group = chance.choice(((USERS[0], ""), ("", GROUP), (USERS[0], GROUP)))
    made = user_task(FORM, user=user, group=group)
    if chance.random() < 0.15:
        made["user_id"] = variable("text")  # whoever that may be
    if chance.random() < 0.2:
        made["on_cancellation_exception_name"] = "sorry"
    made["actions"] = [_action(here) for _ in range(chance.choice((0, 0, 1, 2)))]
    return made


def _action(here: Here) -> Json:
    chance = here.chance
    after_s = chance.choice((0, 0.3, 5, 60))
    hook = chance.choice(("ON_ARRIVAL", "ON_TASK_ASSIGNED"))
    kind = chance.random()
    if kind < 0.5:
        given = variable("number") if chance.random() < 0.8 else cast("INT", variable("text"))
        return reminds(TASK_DEFS[0], after_s, hook=hook, **{INPUT: given})
    if kind < 0.8:
        user, group = chance.choice(((USERS[1], ""), ("", GROUP), (USERS[1], GROUP)))
        after_s = max(after_s, 5)  # one that is taken away at once is never filled in
        return reassigns(after_s, hook=hook, user=user, group=group)
    return cancels(after_s, hook=hook)


def _throw(here: Here) -> Json:
    return throws_event(THROWN, here.chance.choice((None, literal(1), variable("number"))))


def _nop(here: Here) -> Json:
    return nop()


def _sleep(here: Here) -> Json:
    if here.chance.random() < 0.3:
        return sleeps(until=variable("until"))
    return sleeps(here.chance.choice((0, 0.4, 20)))


def _condition(here: Here) -> Json:
    comparator = here.chance.choice(("EQUALS", "GREATER_THAN_EQ"))
    return holds(compare(variable("number"), comparator, literal(2)))


def _start(here: Here) -> Json:
    given = {INPUT: variable("number")} if here.chance.random() < 0.5 else {}
    return starts(here.chance.choice(here.below), **given)


def _start_each(here: Here) -> Json:
    items = here.before(READABLE)
    iterable = literal(here.chance.choice(([], [1], [1, 2], [0, 1, 2])))
    if items and here.chance.random() < 0.4:
        iterable = output_of(here.chance.choice(items))
    return starts_each(here.chance.choice(here.below), iterable)


def _runs(here: Here) -> Json:
    chance = here.chance
    settings: Json = {"concurrency": chance.choice((0, 1, 2))}
    if chance.random() < 0.5:
        items = here.before(READABLE)
        values = literal(chance.choice(([], [1], [1, 2], [0, 1, 2], "[1, 2]", "no")))
        if items and chance.random() < 0.3:
            values = output_of(chance.choice(items))
        return runs_each(chance.choice(here.below), values, **settings)
    chosen = chance.sample(here.below, chance.randint(1, len(here.below)))
    if len(chosen) > 1 and chance.random() < 0.6:
        settings["after"] = {chosen[0]: chosen[1:]}
    return runs(*chosen, **settings)


def _wait(here: Here) -> Json:
    started, chance = here.before(STARTS), here.chance
    chosen = chance.sample(started, chance.randint(1, min(2, len(started))))
    settings: Json = {"strategy": chance.choice(STRATEGIES)}
    if chance.random() < 0.4:
        settings["thread_handlers"] = [a_handler(here)]
    return waits_for(*(output_of(name) for name in chosen), **settings)


def _run_child(here: Here) -> Json:
    return {"type": "RUN_CHILD_WF", "wf_spec": "leaf", "inputs": {"number": variable("number")}}


def _wait_for_child(here: Here) -> Json:
    [*_, newest] = here.before(frozenset({"RUN_CHILD_WF"}))
    return {"type": "WAIT_FOR_CHILD_WF", "wf_run_id": output_of(newest)}


def _always(here: Here) -> bool:
    return True


def _may_start(here: Here) -> bool:
    return bool(here.below)


def _has(*kinds: str) -> Callable[[Here], bool]:
    return lambda here: bool(here.before(frozenset(kinds)))


Maker = tuple[str, Callable[[Here], bool], Callable[[Here], Json]]
MAKERS: Final[tuple[Maker, ...]] = (
    *[("TASK", _always, _task)] * 4,
    *[("EXTERNAL_EVENT", _always, _event)] * 2,
    ("NOP", _always, _nop),
    *[("USER_TASK", _always, _user_task)] * 2,
    *[("KEYED_EVENT", _always, _keyed_event)] * 2,
    ("THROW_EVENT", _always, _throw),
    ("SLEEP", _always, _sleep),
    ("WAIT_FOR_CONDITION", _always, _condition),
    *[("START_THREAD", _may_start, _start)] * 4,
    *[("START_MULTIPLE_THREADS", _may_start, _start_each)] * 2,
    *[("RUN_THREADS", _may_start, _runs)] * 3,
    *[("WAIT_FOR_THREADS", _has(*STARTS), _wait)] * 5,
    ("RUN_CHILD_WF", _always, _run_child),
    *[("WAIT_FOR_CHILD_WF", _has("RUN_CHILD_WF"), _wait_for_child)] * 3,
)
"""By the name of the node type, as often as it is to be chosen: when it may, and how."""

EVERYTHING: Final = frozenset(kind for kind, _, _ in MAKERS)
