"""What a run was, and all that happened to it with positions: told from a fold of its past.

Whoever is told a run's past is told of its family, too: so he must be one who sees all of it.

A moment is `partition:offset`, the position of the last record that counts, or an RFC 3339 time:
then all that the log had taken by then counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.fold import Input
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.facts import AuditEntry, HistoryChunk
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, PastAttempt, TaskRun, ThreadRun, WfRun
from penstock.core.views.seen import Seen
from penstock.gateway.canonical import Canonical
from penstock.gateway.counted_rows import Enough
from penstock.gateway.errors import bad_request
from penstock.gateway.history import RunRows, facts_of
from penstock.gateway.render import Json, time_text
from penstock.log.port import Position
from penstock.processor.past import AsOf, Past, Step, Until

ROWS_MAX: Final = 10_000
STEPS_MAX: Final = 2_000

Sees = Callable[[str], bool]
"""Whether runs of a WfSpec may be shown to who asks."""

_POSITION: Final = re.compile(r"(\d{1,6}):(\d{1,18})")


def until_of(text: str | None, number: int) -> Until:
    """The moment that a parameter or an argument names; of a run on this partition."""
    if text is None:
        return Until()
    found = _POSITION.fullmatch(text)
    if found is not None:
        if int(found[1]) != number:
            raise bad_request(
                f"the position {text[:40]} is of partition {found[1]}, the run is on {number}"
            )
        return Until(offset=int(found[2]))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise bad_request(
            f"{text[:40]!r} is no moment; use a position, such as {number}:1234, or a time with its"
            " zone, such as 2026-01-31T12:00:00Z"
        )
    return Until(append_ms=int(at.timestamp() * 1_000))


def sees_all(wf_spec: str) -> bool:
    """Of who has the log itself."""
    return True


def check_sees(sees: Sees, specs: Iterable[str], wf_run_id: str) -> None:
    """Refuse to tell of runs of these specs, as if there were no such run."""
    if not all(map(sees, specs)):
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")


def run_as_of(
    past: Past, tenant: str, wf_run_id: str, text: str | None, number: int, sees: Sees
) -> Json:
    """A run as of a moment, in the engine's own words, and how that is known."""
    found = past.as_of(tenant, wf_run_id, until_of(text, number))
    run = _known(found, tenant, wf_run_id, text)
    check_sees(sees, [run.wf_spec], wf_run_id)  # it may have been another run of this id
    return {**shown_run(found.rows, run, number), "as_of": _how(found, number)}


def rows_as_of(
    past: Past, tenant: str, wf_run_id: str, text: str | None, number: int, sees: Sees
) -> Rows:
    """The rows of a run as of a moment, for who reads them as he would read those of now."""
    found = past.as_of(tenant, wf_run_id, until_of(text, number))
    check_sees(sees, [_known(found, tenant, wf_run_id, text).wf_spec], wf_run_id)
    return found.rows


def shown_run(rows: Rows, run: WfRun, number: int) -> Json:
    """A run in the engine's own words, from rows that were folded for it."""
    spec = rows.peek(WfSpec, run.tenant, run.wf_spec, run.version)
    assert spec is not None, "the run was folded by it"
    return Canonical().wf_run(Seen(rows, run, spec, number, run.history[-1].at_ms))


def history_as_of(
    past: Past, tenant: str, wf_run_id: str, text: str | None, number: int, sees: Sees
) -> Json:
    """All that has happened to a run up to a moment: commands and what came of them."""
    telling = _Telling(tenant, wf_run_id, number)
    found = past.as_of(tenant, wf_run_id, until_of(text, number), telling.step)
    check_sees(sees, found.specs, wf_run_id)
    _known(found, tenant, wf_run_id, text)
    telling.end(found)
    return {"items": telling.items, "truncated": telling.truncated, "as_of": _how(found, number)}


def rows_of_run(rows: Rows, tenant: str, run: WfRun) -> tuple[RunRows, bool]:
    """What a run's history is made of; of a very long one, the beginning, and so of one of which no
    more may be read.
    """
    found = RunRows(run)
    try:
        return found, _fill(found, rows, tenant, run.wf_run_id)
    except Enough:
        return found, False


def _fill(found: RunRows, rows: Rows, tenant: str, wf_run_id: str) -> bool:
    """Read it; whether that is all. What was read is kept, however it ends."""
    nodes = rows.scan(NodeRun, tenant, wf_run_id)
    found.nodes += islice(nodes, ROWS_MAX)
    whole = next(nodes, None) is None
    found.threads += rows.scan(ThreadRun, tenant, wf_run_id)
    found.events += islice(rows.scan(ExternalEvent, tenant, wf_run_id), ROWS_MAX)
    found.chunks += islice(rows.scan(HistoryChunk, tenant, wf_run_id), ROWS_MAX)
    found.audit += islice(rows.scan(AuditEntry, tenant, wf_run_id), ROWS_MAX)
    for node in found.nodes:
        task = rows.peek(TaskRun, tenant, wf_run_id, node.task) if node.task else None
        if task is not None and task.position == node.position:
            found.tasks.append(task)
            found.past += rows.scan(PastAttempt, tenant, wf_run_id, task.guid)
    return whole


def _known(found: AsOf, tenant: str, wf_run_id: str, text: str | None) -> WfRun:
    run = found.rows.peek(WfRun, tenant, wf_run_id)
    if run is None:
        when = "" if text is None else f" as of {text[:40]}"
        refuse(
            Code.WF_RUN_UNKNOWN,
            f"there is no WfRun {wf_run_id!r}{when}; of one that was deleted, only the log knows",
        )
    return run


def _how(found: AsOf, number: int) -> Json:
    """How a past was found: from the run's own turns, or from the whole log. Both give the same."""
    return {
        "position": str(Position(number, found.offset)),
        "turns": found.turns,
        "from": "index" if found.whole is None else "log",
        "why": found.whole,
    }


class _Telling:
    """Facts with the position at which each came to be."""

    def __init__(self, tenant: str, wf_run_id: str, number: int) -> None:
        self.items: list[Json] = []
        self.truncated = False
        self._tenant = tenant
        self._wf_run_id = wf_run_id
        self._number = number
        self._known = Counter[bytes]()
        self._steps = 0

    def step(self, step: Step) -> None:
        """A turn that was done again."""
        if not step.ours:
            return
        self._steps += 1
        stands = str(Position(self._number, step.offset))
        at = {"at": time_text(step.append_ms), "log_position": stands}
        if step.received is not None and step.received.command is not None:
            self.items.append({**at, **_command(step.received)})
        if self._steps <= STEPS_MAX:
            self._facts(step.rows, at)

    def end(self, found: AsOf) -> None:
        """All turns have been told."""
        if self._steps > STEPS_MAX:
            self._facts(found.rows, {"log_position": None})

    def _facts(self, rows: Rows, at: Json) -> None:
        run = rows.peek(WfRun, self._tenant, self._wf_run_id)
        if run is None:
            return
        run_rows, whole = rows_of_run(rows, self._tenant, run)
        self.truncated = self.truncated or not whole
        now = Counter[bytes]()
        for fact in facts_of(run_rows):
            name = msgspec.json.encode(fact, order="sorted")
            now[name] += 1
            if now[name] > self._known[name]:
                self.items.append({**at, **fact})
        self._known |= now


def _command(received: Input) -> Json:
    command: Any = received.command
    return {
        "what": "COMMAND",
        "command": type(command).__name__,
        "wf_run_id": getattr(command, "wf_run_id", None),
        "principal": received.principal,
        "command_id": received.command_id,
    }
