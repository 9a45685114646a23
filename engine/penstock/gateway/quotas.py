"""How fast a tenant, and a principal in it, may bring new work to this node.

Rules
- A rate is shared out among the partitions, and a command comes to the node that has its
  own: so all nodes together hold the rate, and none asks another.
- A second's worth may come at once; after that, as fast as the rate.
- As with load (R18), what ends, bounds or reports on work that is there always passes.
- A quota that was changed is known here a moment later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from penstock.core.command import Command
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.quotas import ALL_OF_IT, Quota, quota_of, whose
from penstock.core.errors import Code
from penstock.gateway.errors import ApiError
from penstock.gateway.load import ALWAYS_TAKEN
from penstock.gateway.reads import Reads
from penstock.store.port import StoreError

Whose = tuple[str, str]
"""A tenant and a principal in it, or the tenant as a whole."""

STARTS: Final = (RunWf, RunByWebhook, RestartWfRun, ReplayWfRun)
BOUNDS_OF_COMMANDS: Final = ("commands_per_second",)
BOUNDS_OF_STARTS: Final = ("commands_per_second", "runs_per_second")
KNOWN_S: Final = 1.0
KNOWN_MAX: Final = 10_000
NEVER_S: Final = 60.0
"""Of a rate of 0: when to ask again whether it is still so."""


class Bucket(Struct):
    """What may still come at once, as of a time."""

    level: float
    at_s: float


class Quotas:
    """Counts what comes from each. Used on the event loop."""

    def __init__(self, reads: Reads, clock: Callable[[], float] = time.monotonic) -> None:
        self._reads = reads
        self._clock = clock
        self._known: dict[Whose, tuple[float, Quota | None]] = {}
        self._buckets: dict[tuple[Whose, str], Bucket] = {}

    def check(self, command: Command, tenant: str, principal: str) -> None:
        """Refuse new work that comes too fast. What is refused counts for nothing."""
        if isinstance(command, ALWAYS_TAKEN):
            return
        bounds = BOUNDS_OF_STARTS if isinstance(command, STARTS) else BOUNDS_OF_COMMANDS
        taken = [
            self._filled(of, what, most)
            for of in ((tenant, ALL_OF_IT), (tenant, principal))
            if (quota := self._quota(of)) is not None
            for what in bounds
            if (most := getattr(quota, what)) is not None
        ]
        for bucket in taken:
            bucket.level -= 1

    def used(self, tenant: str, principal: str) -> dict[str, int]:
        """How much of a second's worth the tenant, or a principal in it, has had here just now."""
        found: dict[str, int] = {}
        for what in BOUNDS_OF_STARTS:
            quota = self._quota((tenant, principal))
            most = None if quota is None else getattr(quota, what)
            bucket = self._buckets.get(((tenant, principal), what))
            if most is not None and bucket is not None:
                rate = most * self._reads.share()
                level = bucket.level + rate * (self._clock() - bucket.at_s)
                found[what] = max(0, math.ceil(max(1.0, rate) - level))
        return found

    def _quota(self, of: Whose) -> Quota | None:
        now_s = self._clock()
        known = self._known.get(of)
        if known is not None and now_s < known[0]:
            return known[1]
        try:
            quota = quota_of(self._reads.view(self._reads.any_open()).rows, *of)
        except (ApiError, StoreError):  # none can be read here now; commands are taken all the same
            return None if known is None else known[1]
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[of] = now_s + KNOWN_S, quota
        return quota

    def _filled(self, of: Whose, what: str, most: int) -> Bucket:
        """The bucket as it is now, from which one can be taken; refuses if there is none."""
        rate, now_s = most * self._reads.share(), self._clock()
        full = max(1.0, rate)
        bucket = self._buckets.setdefault((of, what), Bucket(full, now_s))
        bucket.level = min(full, bucket.level + rate * (now_s - bucket.at_s))
        bucket.at_s = now_s
        if most > 0 and bucket.level >= 1:
            return bucket
        wait_s = (1 - bucket.level) / rate if most > 0 else NEVER_S
        raise ApiError(
            Code.QUOTA_EXCEEDED,
            f"{whose(*of)} may have {most} {what.replace('_', ' ')}: slow down, or have `{what}` of"
            " the quota raised",
            headers={"Retry-After": str(math.ceil(min(wait_s, NEVER_S)))},
        )
