"""What specs of worlds have besides, and the naive model knows nothing of: limits on runs, how long
runs and threads are kept, variables that are searched for, published outputs, templates, nodes that
have their run begun anew, breakers of TaskDefs; and how a spec is revised, so that its runs can be
migrated.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.definitions.defs import BreakerSettings
from tests.controls import compare, declared, literal, nop, template, variable
from tests.sim.nodes import INPUT, Json
from tests.sim.specs import EXIT

SEARCHED: Final = ("number", "text")
KINDLY: Final = ("ENTRYPOINT", "EXIT")  # where nothing is allowed, nor passed by
NUMBERS: Final = ("{{ number }}", "{{ number + 1 }}", "{{ outputs.n0.count ?? 2 }}", "{{ text }}")
TRUTHS: Final = ("{{ number >= 0 }}", "{{ text == 'a' }}", "{{ outputs.n0 is defined }}")
MORE: Final = declared("more", "INT", default=7)


def furnished(chance: random.Random, made: Json) -> Json:
    """The spec with more to it."""
    spec = copy.deepcopy(made)
    if chance.random() < 0.25:
        _limit(chance, spec)
    if chance.random() < 0.15:
        spec["retention"] = {"after_termination_s": chance.choice((0, 40, 7_200))}
    for name, thread in sorted(spec["threads"].items()):
        if name != spec["entrypoint"] and chance.random() < 0.3:
            thread["retention"] = {"after_termination_s": chance.choice((0, 20))}
        for one in thread.get("variables", ()):
            if one["name"] in SEARCHED and chance.random() < 0.3:
                one["searchable"] = True
        for node in thread["nodes"].values():
            _furnish(chance, node)
    return spec


def guarded(chance: random.Random, made: list[Any]) -> list[Any]:
    """The definitions, some of whose TaskDefs have a breaker. Time alone closes it in the end: a
    trial is followed by another one.
    """
    return [
        replace(one, breaker=_breaker(chance))
        if isinstance(one, PutTaskDef) and chance.random() < 0.4
        else one
        for one in made
    ]


def _breaker(chance: random.Random) -> BreakerSettings:
    return BreakerSettings(
        level=chance.choice((0.0, 0.3)),
        window=chance.choice((1, 2, 5)),
        cool_down_ms=chance.choice((300, 5_000, 30_000)),
    )


def revised(chance: random.Random, made: Json) -> Json:
    """Another version of the spec, which is not much different."""
    spec = copy.deepcopy(made)
    for _ in range(chance.randint(1, 3)):
        chance.choice(REVISIONS)(chance, spec)
    return spec


def _furnish(chance: random.Random, node: Json) -> None:
    if node["type"] in KINDLY:
        return
    if chance.random() < 0.25:
        node["publish"] = True
    if node["type"] == "TASK" and chance.random() < 0.2:
        node["inputs"] = {INPUT: template(chance.choice(NUMBERS), "VALUE")}
    if chance.random() < 0.12:
        node["begin_anew"] = _anew(chance)
    if chance.random() < 0.05:
        node["run_if"] = template(chance.choice(TRUTHS), "TRUTH")


def _anew(chance: random.Random) -> Json:
    """When its run is begun anew: a few times, soon."""
    made: Json = {"max_attempts": chance.choice((2, 3))}
    if chance.random() < 0.7:
        made["backoff"] = {"base_ms": chance.choice((50, 2_000, 15_000))}
    if chance.random() < 0.3:
        made["within_ms"] = chance.choice((1_000, 600_000))
    return made


# --- revisions ------------------------------------------------------------------------------------


def _limit(chance: random.Random, spec: Json) -> None:
    """It has another limit, or none."""
    if spec.pop("limit", None) is not None and chance.random() < 0.5:
        return
    behavior = chance.choice(("QUEUE", "QUEUE", "QUEUE", "CANCEL", "FAIL"))
    limit: Json = {"most": chance.choice((1, 1, 2)), "behavior": behavior}
    if chance.random() < 0.3:
        limit["key"] = variable("text")
    spec["limit"] = limit


def _variable(chance: random.Random, spec: Json) -> None:
    """A variable comes, or goes."""
    thread = spec["threads"][spec["entrypoint"]]
    known = [one for one in thread.get("variables", ()) if one["name"] != MORE["name"]]
    added = len(known) == len(thread.get("variables", ()))
    thread["variables"] = [*known, MORE] if added else known


def _search(chance: random.Random, spec: Json) -> None:
    """A variable is searched for, or no more."""
    for one in spec["threads"][spec["entrypoint"]].get("variables", ()):
        if one["name"] in SEARCHED and chance.random() < 0.5:
            one["searchable"] = not one.get("searchable", False)


def _inner(chance: random.Random, spec: Json) -> tuple[Json, Json]:
    """A thread, and a node of it that is neither its first nor its last."""
    thread = spec["threads"][chance.choice(sorted(spec["threads"]))]
    inner = [name for name, node in thread["nodes"].items() if node["type"] not in KINDLY]
    return thread, thread["nodes"][chance.choice(sorted(inner))]


def _grace(chance: random.Random, spec: Json) -> None:
    """A node may fail, or may no more."""
    _, node = _inner(chance, spec)
    if "again" not in str(node["edges"]):  # see specs.py
        node["allow_failure"] = not node.get("allow_failure", False)


def _times(chance: random.Random, spec: Json) -> None:
    """It takes another time, or is passed by."""
    _, node = _inner(chance, spec)
    for name, values in (("timeout_ms", (400, 9_000)), ("concurrency", (0, 1, 2))):
        if name in node:
            node[name] = chance.choice(values)
    if chance.random() < 0.3:
        node["run_if"] = compare(variable("number"), "LESS_THAN", literal(2))


def _insert(chance: random.Random, spec: Json) -> None:
    """A node comes between another and what follows it, or goes."""
    thread, node = _inner(chance, spec)
    name = "inserted"
    if name in thread["nodes"]:
        [way] = thread["nodes"].pop(name)["edges"]
        for one in thread["nodes"].values():
            for edge in one.get("edges", ()):
                edge["to"] = way["to"] if edge["to"] == name else edge["to"]
    else:
        way = node["edges"][-1]
        thread["nodes"][name] = nop({"to": way["to"]})
        way["to"] = name


def _returns(chance: random.Random, spec: Json) -> None:
    """It returns another value."""
    node: dict[str, Any] = spec["threads"][spec["entrypoint"]]["nodes"][EXIT]
    if "throws" not in node:
        node["returns"] = chance.choice((literal(1), variable("number")))


REVISIONS: Final[tuple[Callable[[random.Random, Json], None], ...]] = (
    *(_limit, _variable, _search, _grace, _grace, _times, _times, _insert, _insert, _returns),
)
"""What may be different in another version, as often as it is to be chosen."""
