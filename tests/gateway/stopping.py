"""Stopping one partition of a server, and no other, as its processor does when it can not go on."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.core.state.rows import Row
from penstock.processor.errors import PartitionStopped, StopCause
from tests.gateway.served import Served, wait_until

STOPPED = 0
CAUSE = StopCause.INTEGRITY


def _in_the_fold_s_thread(served: Served, act: str) -> None:
    """Once, behind a batch of a partition that goes on."""
    owned, done = served.made.processor._owned, False

    def written(number: int, _: Mapping[bytes, Row | None]) -> None:
        nonlocal done
        if number == STOPPED or done:
            return
        done = True
        if act == "stop":
            owned.give_up(STOPPED, PartitionStopped(CAUSE, "the test has it so"))
        else:
            owned.stopped.pop(STOPPED)
            owned.to_open.add(STOPPED)

    served.made.processor.watch(written)


def stop_a_partition(served: Served) -> None:
    """It is given up, and closed; definitions go to the others first."""
    processor = served.made.processor
    _in_the_fold_s_thread(served, "stop")
    served.good("PUT", "/v1/external-event-defs", {"name": "stops"})
    wait_until(lambda: STOPPED in processor.stopped)


def open_it_again(served: Served, wf_run_id: str) -> None:
    """Something happens to a run on another partition; behind that it is opened."""
    processor = served.made.processor
    _in_the_fold_s_thread(served, "open")
    served.good("POST", f"/v1/wf-runs/{wf_run_id}/actions/set-labels", {"labels": {"a": "b"}})
    wait_until(lambda: processor.position(STOPPED) is not None)
