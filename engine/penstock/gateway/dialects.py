"""In which product's words a request is answered: its parameter `view`.

One more product is one more line in DIALECTS. A view reads rows and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from starlette.requests import Request

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.run import WfRun
from penstock.core.state.task_rows import Series
from penstock.core.views.kestra.dialect import Kestra
from penstock.core.views.seen import Json, LogLine, Seen, SeenAttempt, SeenTaskRun
from penstock.core.views.wundaflow.dialect import Wundaflow
from penstock.gateway.canonical import Canonical
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.reads import View


class Dialect(Protocol):
    """How a product shows runs, their task runs, and what these have logged and measured."""

    def wf_run(self, seen: Seen) -> Json:
        """A run with all that stands in it."""
        ...

    def brief(self, seen: Seen) -> Json:
        """A run without it."""
        ...

    def head(self, seen: Seen) -> Json:
        """A run as it stands in a list."""
        ...

    def task_runs(self, seen: Seen, after: str | None = None) -> Iterator[SeenTaskRun]:
        """Its task runs, from behind a place on, in an order of their own."""
        ...

    def task_run(self, seen: Seen, task_run_id: str) -> SeenTaskRun | None:
        """One task run, by the id that this product gives it, or by its guid."""
        ...

    def states(self) -> Iterable[str]:
        """What a task run may be in."""
        ...

    def attempts(self, seen: Seen, task_run_id: str | None = None) -> Iterator[SeenAttempt]:
        """The attempts of a task run, or of all of them."""
        ...

    def log(self, seen: Seen, line: LogLine) -> Json:
        """A line of a log."""
        ...

    def metric(self, seen: Seen, of: SeenAttempt, series: Series) -> Json:
        """What an attempt has measured."""
        ...


CANONICAL: Final[Dialect] = Canonical()
DIALECTS: Final[dict[str, Dialect]] = {"kestra": Kestra(), "wundaflow": Wundaflow()}


def dialect_of(request: Request) -> Dialect:
    """The view that a request asks for."""
    name = request.query_params.get("view")
    if name is None:
        return CANONICAL
    found = DIALECTS.get(name)
    if found is None:
        known = ", ".join(DIALECTS)
        message = f"there is no view {name[:40]!r}; leave it out, or use one of {known}"
        raise ApiError(EdgeCode.VIEW_UNKNOWN, message)
    return found


def seen_of(view: View, run: WfRun) -> Seen:
    """A run, to be shown."""
    spec = view.rows.peek(WfSpec, run.tenant, run.wf_spec, run.version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    now_ms = int(time.time() * 1_000)
    return Seen(view.rows, run, spec, view.position.partition, now_ms)
