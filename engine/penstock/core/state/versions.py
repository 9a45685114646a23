"""The fold version in force (R9): which commands, schemas, row formats and behaviours there are. It
moves up by a Barrier, which partition 0 decides on, and by what other partitions send that have
moved already. It never goes down.
"""

from __future__ import annotations

from penstock.core.errors import Outdated
from penstock.core.limits import FOLD_VERSION
from penstock.core.state.partition_state import PartitionState


def check_known(version: int) -> None:
    """Raises Outdated if this build must not fold under a version."""
    if version > FOLD_VERSION:
        raise Outdated(
            f"the log is at fold version {version}, and this build knows {FOLD_VERSION}: a newer"
            " one has to take its place"
        )


def move_up(state: PartitionState, version: int) -> None:
    """Have a version in force, if a later one is not. Raises Outdated."""
    check_known(version)
    state.fold_version = max(state.fold_version, version)
