"""Failpoints: named places in a batch where a test can have the process die, stop or fail.

Armed by `penstock server --failpoint name=action[@n]` (n: at the n-th time it is reached). Disarmed
they cost one dict look-up. Actions: kill (SIGKILL to this process), raise, sleep:<seconds>.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final

IN_BATCH: Final = (
    "before_produce",
    "mid_produce",
    "after_produce_before_acks",
    "after_acks_before_batch",
    "after_batch_before_commit",
)
NAMES: Final = (*IN_BATCH, "mid_snapshot", "mid_restore")


class FailpointHit(Exception):
    """What the action `raise` raises."""


class Failpoints:
    """Which failpoints are armed, and how often each has been reached."""

    def __init__(self, armed: str = "") -> None:
        self._armed: dict[str, tuple[str, int]] = {}
        self._reached: dict[str, int] = {}
        for entry in filter(None, armed.split(",")):
            name, _, action = entry.partition("=")
            action, _, count = action.partition("@")
            if name not in NAMES or not (
                action in ("kill", "raise") or action.startswith("sleep:")
            ):
                raise ValueError(
                    f"failpoint {entry!r}: use one of {NAMES} = kill, raise or sleep:<s>, @n"
                )
            self._armed[name] = (action, int(count or 1))

    def armed(self, name: str) -> bool:
        """Whether something will happen at this place, now or later."""
        return name in self._armed

    def reach(self, name: str) -> None:
        """The place is reached."""
        armed = self._armed.get(name)
        if armed is None:
            return
        action, count = armed
        self._reached[name] = self._reached.get(name, 0) + 1
        if self._reached[name] != count:
            return
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "raise":
            raise FailpointHit(name)
        time.sleep(float(action.partition(":")[2]))
