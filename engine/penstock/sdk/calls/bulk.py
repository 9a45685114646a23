"""Bulk jobs: one verb on many runs, which a filter names."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.contracts.answers.definitions import BulkAsked, BulkHead, BulkShown, BulkTold
from penstock.contracts.filters import BulkFilter
from penstock.core.bulk.rows import BULK_LIVE
from penstock.sdk import hints
from penstock.sdk.api import Call, Exchange, below, command
from penstock.sdk.connection import Feed
from penstock.sdk.deadline import Deadline
from penstock.sdk.errors import ServerError
from penstock.sdk.register import OF_DEFINITIONS
from penstock.sdk.subject import C, Subject, asks, lists

PATH: Final = "/v1/bulk"
LOOK_S: Final = 0.1
LOOK_MAX_S: Final = 1.0


class Bulk(Subject[C]):
    """`client.bulk`. Its verbs are those of a run, by their names in routes: stop, resume, pause,
    kill, restart, rescue, migrate, replay, delete, set-labels, change-run-state, force
    and retry-now.

    >>> late = BulkFilter(wf_spec="greeting", label=("late:yes",))
    >>> client.bulk.preview("kill", late)
    0
    >>> client.bulk.wait(client.bulk.start("kill", late), timeout=30).done
    0
    """

    @asks
    def preview(self, verb: str, filter: BulkFilter, **arguments: Any) -> Exchange[int]:
        """How many runs the same job would be about; nothing is done to them."""
        bulk_id = yield from self._start(verb, filter, arguments, dry_run=True)
        job = yield from self._wait(bulk_id, None)
        if job.status != "COMPLETED":
            raise ServerError("BULK_FAILED", f"the runs could not be counted: {job.reason}")
        return job.matched

    @asks
    def start(self, verb: str, filter: BulkFilter, **arguments: Any) -> Exchange[str]:
        """Begin a job; its id. The arguments are the verb's own fields, as the API has them."""
        return self._start(verb, filter, arguments, dry_run=False)

    @asks
    def wait(self, bulk_id: str, timeout: float | None = None) -> Exchange[BulkShown]:
        """Wait until a job has ended, and return what came of it; ResultTimeout."""
        return self._wait(bulk_id, timeout)

    @asks
    def get(self, bulk_id: str) -> Exchange[BulkShown]:
        """A job: what was asked for, and how far it has come."""
        return self._get(bulk_id)

    @asks
    def cancel(self, bulk_id: str) -> Exchange[BulkTold]:
        """Go no further; what is done stays done."""
        path = below(PATH, bulk_id, "cancel")
        return self._ask(BulkTold, command("POST", path, {}, of=OF_DEFINITIONS))

    @lists
    def list(self) -> Feed[BulkHead]:
        """All jobs that are known still."""
        return self._pages(BulkHead, Call(method="GET", path=PATH, of=OF_DEFINITIONS))

    def _start(
        self, verb: str, filter: BulkFilter, arguments: dict[str, Any], *, dry_run: bool
    ) -> Exchange[str]:
        which = msgspec.to_builtins(filter)
        plain = hints.to_json(arguments, None)
        body = {"verb": verb, "filter": which, "arguments": plain, "dry_run": dry_run}
        call = command("POST", PATH, body, of=OF_DEFINITIONS)
        return (yield from self._ask(BulkAsked, call)).bulk_id

    def _get(self, bulk_id: str, after_s: float = 0.0) -> Exchange[BulkShown]:
        path = below(PATH, bulk_id)
        call = Call(method="GET", path=path, of=OF_DEFINITIONS, after_s=after_s)
        return self._ask(BulkShown, call)

    def _wait(self, bulk_id: str, timeout: float | None) -> Exchange[BulkShown]:
        deadline = Deadline(timeout, bulk_id, what="bulk job")
        pause_s = 0.0
        while True:
            job = yield from deadline.keep(self._get(bulk_id, pause_s))
            if job.status not in BULK_LIVE:
                return job
            deadline.check()
            pause_s = min(LOOK_MAX_S, 2 * pause_s or LOOK_S)
