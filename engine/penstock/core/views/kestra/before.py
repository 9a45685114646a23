"""Task runs that lie before the place at which a replay begins: those of the execution that it
replays, and of the one that this one replays, shown as its own, with ids of their own.

Nothing is copied. What was carried over is told by the rows with which the replay was begun: the
threads on the way to that place, of which what lies before it counts, and those that had ended. Of
an execution that is not kept, or lies on another partition, nothing is known here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final

from msgspec.structs import replace

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.visits import replayed_by, visit_of
from penstock.core.ids import id_before
from penstock.core.state.replay_rows import DONE_AGAIN, Replayed, ReplayOf
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.views.filling import fitting
from penstock.core.views.kestra.task_runs import TaskRuns
from penstock.core.views.seen import Json, Seen

LOOKED_AT_MAX: Final = 5_000
_ENTRYPOINT: Final = 0
_FIRST_STEP: Final = 1
"""The position at which a thread that begins in its middle stands behind its ENTRYPOINT."""


class TaskRunsBefore:
    """Those of one replay; none of a run that was begun at its beginning."""

    def __init__(self, seen: Seen, own: TaskRuns) -> None:
        self._seen = seen
        self._run = seen.run
        self._levels = _levels(seen, own)

    def newest(self, most: int) -> tuple[list[Json], bool]:
        """So many of them, in the order in which they began; and whether that is all."""
        found: list[tuple[int, list[NodeRun]]] = []
        left, whole = LOOKED_AT_MAX, True
        for number in range(1, len(self._levels)):
            looked = list(islice(self._levels[number].runs.all(), left + 1))
            whole = whole and len(looked) <= left
            here = [visits for visits in looked[:left] if self._is_shown(number, visits[-1])]
            left -= min(left, len(looked))
            here.sort(key=lambda visits: visits[0].step)
            found[:0] = [(number, visits) for visits in here]
        shown = found[max(0, len(found) - most) :]
        fit, all_fit = fitting(self._as_json(*one) for one in reversed(shown))
        return fit[::-1], whole and all_fit and len(shown) == len(found)

    def find(self, task_run_id: str) -> tuple[TaskRuns, list[NodeRun], Callable[[], Json]] | None:
        """One of them, by its id here: whose task run it is, its visits, and how it is shown."""
        if len(self._levels) == 1:
            return None
        found = visit_of(self._seen.rows, self._seen.partition, self._run, task_run_id)
        ids = [level.run.wf_run_id for level in self._levels]
        number = ids.index(found.run.wf_run_id)
        if number == 0 or found.position == 0:
            return None
        runs = self._levels[number].runs
        visits = next(runs.all(after=(found.thread, found.position - 1)), None)
        if visits is None or (visits[0].thread, visits[0].position) != found[1:]:
            return None
        shown = self._is_shown(number, visits[-1])
        return (runs, visits, partial(self._as_json, number, visits)) if shown else None

    def _is_shown(self, number: int, node: NodeRun) -> bool:
        """Whether a visit in an older execution is shown in the newest."""
        above = self._levels[1 : number + 1]
        return above[-1].has_before(node) and all(one.keeps(node.thread) for one in above)

    def _as_json(self, number: int, visits: list[NodeRun]) -> Json:
        runs = self._levels[number].runs
        own = runs.as_json(visits)
        own |= {"id": self._id(own["id"]), "executionId": self._run.wf_run_id}
        above = runs.step_above(visits[0])
        if above is not None:
            own["parentTaskRunId"] = self._parent_id(number, above)
        return own

    def _parent_id(self, number: int, above: NodeRun) -> str:
        """The id of a step in an older execution, or of the one that has taken its place: a block
        in which a replay goes on is the first step of its thread there.
        """
        while number and not self._is_shown(number, above):
            number -= 1
            above = self._levels[number].first_step(above)
        own_id = self._levels[number].runs.id_of(above)
        return self._id(own_id) if number else own_id

    def _id(self, task_run_id: str) -> str:
        return id_before(self._run.wf_run_id, task_run_id)


class _Level:
    """An execution of the chain; and, of all but the newest, what its replay has kept of it."""

    def __init__(self, rows: Rows, run: WfRun, runs: TaskRuns, by: WfRun | None) -> None:
        self.run = run
        self.runs = runs
        self._rows = rows
        self._by = by
        self._kept: dict[int, bool] = {}
        self._stands = {} if by is None or by.replay is None else self._way(by.replay)

    def has_before(self, node: NodeRun) -> bool:
        """Whether a visit lies before the place from which this execution was replayed, if its
        thread was carried over.
        """
        on_the_way = node.thread == _ENTRYPOINT or self._begun(node.thread) is not None
        return not on_the_way or node.position < self._stands.get(node.thread, 0)

    def keeps(self, number: int) -> bool:
        """Whether a thread was carried over into the replay, or stands on its way."""
        if number not in self._kept:
            self._kept[number] = self._is_kept(number)
        return self._kept[number]

    def first_step(self, above: NodeRun) -> NodeRun:
        """The first step of a thread, at which it goes on; it may still be to come."""
        of_run = (self.run.tenant, self.run.wf_run_id)
        found = self._rows.peek(NodeRun, *of_run, above.thread, _FIRST_STEP)
        return replace(above, position=_FIRST_STEP, task=None) if found is None else found

    def _is_kept(self, number: int) -> bool:
        first = self._begun(_ENTRYPOINT)
        if number == _ENTRYPOINT or self._begun(number) is not None:
            return True
        if self._by is None or first is None or number >= first.threads:
            return False
        thread = self._rows.peek(ThreadRun, self._by.tenant, self._by.wf_run_id, number)
        return thread is not None and thread.began == 0 and thread.failure != DONE_AGAIN

    def _begun(self, number: int) -> Replayed | None:
        """Where a thread of the replay begins, if not at its beginning."""
        if self._by is None:
            return None
        return self._rows.peek(Replayed, self._by.tenant, self._by.wf_run_id, number)

    def _way(self, replay: ReplayOf) -> dict[int, int]:
        """Where the threads stood, from the one that was replayed up to the entrypoint."""
        number, position = replay.thread, replay.position or 0
        stands = {number: position}
        thread = self.runs.lines.thread(number)
        while thread is not None and thread.parent is not None:
            stands[thread.parent] = thread.started_at or 0
            thread = self.runs.lines.thread(thread.parent)
        return stands


def _levels(seen: Seen, own: TaskRuns) -> list[_Level]:
    """The newest execution, then those that it and the others replay from their middle."""
    rows, levels = seen.rows, [_Level(seen.rows, seen.run, own, None)]
    for run in replayed_by(rows, seen.run):
        spec = rows.peek(WfSpec, run.tenant, run.wf_spec, run.version)
        assert spec is not None, "a run's WfSpec stays while the run does"
        runs = TaskRuns(Seen(rows, run, spec, seen.partition, seen.now_ms))
        levels.append(_Level(rows, run, runs, levels[-1].run))
    return levels
