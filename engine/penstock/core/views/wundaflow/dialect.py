"""Workflow runs and task runs, as whoever asks for a view of runs gets them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from penstock.core.state.task_rows import Series
from penstock.core.values.timestamps import timestamp_text
from penstock.core.views.seen import Json, LogLine, Seen, SeenAttempt, SeenTaskRun
from penstock.core.views.wundaflow.states import TERMINAL, State
from penstock.core.views.wundaflow.task_runs import Ahead, Place, TaskRuns, Visited, node_of
from penstock.core.views.wundaflow.workflow_runs import head, workflow_run

_AHEAD: Final = "ahead"
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class Wundaflow:
    """Shapes, ids and states of seed 001."""

    def wf_run(self, seen: Seen) -> Json:
        """A workflow run with its task runs."""
        return workflow_run(seen)

    def brief(self, seen: Seen) -> Json:
        """A workflow run without them."""
        return head(seen)

    def head(self, seen: Seen) -> Json:
        """A workflow run as it stands in a list."""
        return head(seen)

    def task_runs(self, seen: Seen, after: str | None = None) -> Iterator[SeenTaskRun]:
        """Its task runs; those that it has not come to are the last."""
        runs = TaskRuns(seen)
        for one in runs.all(after=None if after is None else place_of(after)):
            yield _seen(runs, one)

    def task_run(self, seen: Seen, task_run_id: str) -> SeenTaskRun | None:
        """One of them."""
        runs, wanted = TaskRuns(seen), task_run_id.removeprefix("task_")
        found = (one for one in runs.all() if runs.id_of(one) == f"task_{wanted}")
        one = next(found, None)
        return None if one is None else _seen(runs, one)

    def states(self) -> Iterable[str]:
        """What a task run may be in."""
        return State

    def attempts(self, seen: Seen, task_run_id: str | None = None) -> Iterator[SeenAttempt]:
        """The attempts of a task run, or of all."""
        runs = TaskRuns(seen)
        for one in runs.all():
            own_id = runs.id_of(one)
            if task_run_id is not None and task_run_id not in (own_id, own_id[len("task_") :]):
                continue
            for task, attempt in runs.attempts(one):
                at_ms = attempt.started_ms or attempt.scheduled_ms
                number = attempt.number
                yield SeenAttempt(task, own_id, node_of(one), number, number, at_ms)

    def log(self, seen: Seen, line: LogLine) -> Json:
        """A line of a log."""
        return _of(seen, line.of) | {
            "at": timestamp_text(line.at_ms),
            "level": line.level,
            "message": line.message,
        }

    def metric(self, seen: Seen, of: SeenAttempt, series: Series) -> Json:
        """A series of an attempt; a timer's value is in milliseconds."""
        return _of(seen, of) | {
            "name": series.name,
            "kind": series.kind,
            "tags": series.tags,
            "value": series.value,
            "count": series.count,
        }


def place_of(text: str) -> Place | None:
    """Where a list goes on; the beginning, if the text says no place."""
    thread, _, position = text.partition(":")
    ahead = thread == _AHEAD
    if not _NUMBER.fullmatch(position) or not (ahead or _NUMBER.fullmatch(thread)):
        return None
    return Place(ahead=ahead, thread=0 if ahead else int(thread), position=int(position))


def _seen(runs: TaskRuns, task_run: Visited | Ahead) -> SeenTaskRun:
    place, line = Place.of(task_run), runs.line(task_run)
    last = line.moments[-1]
    return SeenTaskRun(
        place=f"{_AHEAD if place.ahead else place.thread}:{place.position}",
        id=runs.id_of(task_run),
        task_id=node_of(task_run),
        task_def=runs.task_def_of(task_run),
        state=last.state,
        start_ms=line.moments[0].at_ms,
        end_ms=last.at_ms if last.state in TERMINAL else None,
        as_json=lambda: runs.as_json(task_run),
    )


def _of(seen: Seen, of: SeenAttempt) -> Json:
    return {
        "flow_id": f"flow_{seen.run.wf_run_id}",
        "task_id": of.task_run_id,
        "step": of.task_id,
        "attempt": of.shown_number,
    }
