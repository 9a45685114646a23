"""Stopping one partition of a server, and no other, by what its log says."""

from __future__ import annotations

from penstock.core.commands.barrier import Barrier
from penstock.core.limits import FOLD_VERSION
from tests.gateway.served import Served, wait_until

STOPPED = 0
"""Barriers are the deciding partition's."""


def stop_a_partition(served: Served) -> None:
    """A later build moves the version in force: this one can not fold on (R9)."""
    processor, log = served.made.processor, served.made.log
    log.append_and_wait(
        processor._courier.command(STOPPED, Barrier(version=FOLD_VERSION + 1), tenant="default")
    )
    wait_until(lambda: STOPPED in processor.stopped)
