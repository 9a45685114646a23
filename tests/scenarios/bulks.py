"""Bulk jobs as sentences.

bulk(driver, "stop", wf_spec="waits").completes(done=3)
"""

from __future__ import annotations

import time
from typing import Any

from penstock.core.bulk.rows import BulkFilter, BulkState
from penstock.core.commands.bulk import Bulk
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.ids import partition_of_run
from penstock.core.limits import BULK_PAUSE_MS
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, accepted, run

CHUNKS_MAX = 500


def command(
    verb: str, *, arguments: dict[str, Any] | None = None, dry_run: bool = False, **criteria: Any
) -> Bulk:
    """A job on the runs that meet these criteria."""
    wanted = BulkFilter(**criteria)
    return Bulk(filter=wanted, verb=verb, arguments=arguments or {}, dry_run=dry_run)


def bulk(driver: Driver, verb: str, *, tenant: str = "default", **asked: Any) -> Job:
    """A job that is accepted."""
    answer = accepted(driver, command(verb, **asked), tenant=tenant)
    return Job(driver, answer.body["bulk_id"], tenant)


def some(driver: Driver, wf_spec: str, count: int) -> list[Story]:
    """Runs of a spec, on all partitions."""
    stories = [run(driver, wf_spec) for _ in range(count)]
    if driver.clock is not None:
        assert {partition_of_run(story.id, 3) for story in stories} == {0, 1, 2}
    return stories


class Job:
    """What becomes of a job."""

    def __init__(self, driver: Driver, bulk_id: str, tenant: str = "default") -> None:
        self.driver = driver
        self.id = bulk_id
        self.tenant = tenant

    @property
    def state(self) -> BulkState:
        """How far it has come."""
        state = self.driver.get(BulkState, self.tenant, self.id)
        assert state is not None
        return state

    def completes(self, *, done: int | None = None, **refused: int) -> Job:
        """It ends well, with these counts."""
        return self.is_now("COMPLETED", done, **refused)

    def is_now(self, status: str, done: int | None = None, **refused: int) -> Job:
        """It has this status, or comes to have it; each chunk has its time."""
        deadline, chunks = time.monotonic() + WAIT_S, 0
        while self.state.status != status:
            chunks += 1
            assert chunks < CHUNKS_MAX or self.driver.clock is None, self.state
            assert time.monotonic() < deadline or self.driver.clock is not None, self.state
            self.driver.pass_ms(BULK_PAUSE_MS)
        if done is not None:
            assert (self.state.counts.done, self.state.counts.refused) == (done, refused)
        return self

    def is_cancelled(self) -> Job:
        """An operator wants no more of it."""
        accepted(self.driver, CancelBulk(bulk_id=self.id), tenant=self.tenant)
        return self
