"""Stories of runs, told from rows, and where two of them part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.gateway.history import facts_of
from penstock.gateway.past import rows_of_run
from penstock.gateway.render import Json

_WHERE: Final = ("guid", "position")  # an earlier step more, and all that follow have others


def story_of(rows: Rows, tenant: str, wf_run_id: str) -> list[Json]:
    """The facts of a run in order; nothing of one that never began."""
    run = rows.peek(WfRun, tenant, wf_run_id)
    return [] if run is None else facts_of(rows_of_run(rows, tenant, run)[0])


class Parting(Struct, frozen=True):
    """The first step at which two stories differ, and how: another `step`, or the same at another
    `time`.
    """

    step: int
    kind: str
    then: Json | None
    instead: Json | None


def parting(
    then: Sequence[Json], instead: Sequence[Json], *, but: Sequence[str] = ()
) -> Parting | None:
    """Where they part; None if they are the same. `but` are fields that are not looked at."""
    apart = ("at", *_WHERE, *but)
    for number in range(max(len(then), len(instead))):
        one = then[number] if number < len(then) else None
        other = instead[number] if number < len(instead) else None
        if one is None or other is None or _same(one, apart) != _same(other, apart):
            return Parting(number, "step", one, other)
    for number, (one, other) in enumerate(zip(then, instead, strict=True)):
        if one["at"] != other["at"]:
            return Parting(number, "time", one, other)
    return None


def _same(fact: Json, but: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in fact.items() if name not in but}
