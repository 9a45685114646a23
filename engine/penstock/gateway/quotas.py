"""How fast a tenant may bring new work to this node.

Rules
- A tenant's rate is shared out among the partitions, and a command comes to the node that has its
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
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.tenants import NO_QUOTA, Quota, quota_of
from penstock.core.errors import Code
from penstock.gateway.errors import ApiError
from penstock.gateway.load import ALWAYS_TAKEN
from penstock.gateway.reads import Reads
from penstock.store.port import StoreError

STARTS: Final = (RunWf, RunByWebhook)
KNOWN_S: Final = 1.0
KNOWN_MAX: Final = 10_000
NEVER_S: Final = 60.0
"""Of a rate of 0: when to ask again whether it is still so."""


class Bucket(Struct):
    """What may still come at once, as of a time."""

    level: float
    at_s: float


class Quotas:
    """Counts what tenants bring. Used on the event loop."""

    def __init__(self, reads: Reads, clock: Callable[[], float] = time.monotonic) -> None:
        self._reads = reads
        self._clock = clock
        self._known: dict[str, tuple[float, Quota]] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def check(self, command: Command, tenant: str) -> None:
        """Refuse new work that comes too fast. What is refused counts for nothing."""
        if isinstance(command, ALWAYS_TAKEN):
            return
        quota = self._quota(tenant)
        bounds = {"commands_per_second": quota.commands_per_second}
        if isinstance(command, STARTS):
            bounds["runs_per_second"] = quota.runs_per_second
        taken = [
            self._filled(tenant, what, most) for what, most in bounds.items() if most is not None
        ]
        for bucket in taken:
            bucket.level -= 1

    def _quota(self, tenant: str) -> Quota:
        now_s = self._clock()
        known = self._known.get(tenant)
        if known is not None and now_s < known[0]:
            return known[1]
        try:
            quota = quota_of(self._reads.view(self._reads.any_open()).rows, tenant)
        except (ApiError, StoreError):  # none can be read here now; commands are taken all the same
            return NO_QUOTA if known is None else known[1]
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[tenant] = now_s + KNOWN_S, quota
        return quota

    def _filled(self, tenant: str, what: str, most: int) -> Bucket:
        """The bucket as it is now, from which one can be taken; refuses if there is none."""
        rate, now_s = most * self._reads.share(), self._clock()
        full = max(1.0, rate)
        bucket = self._buckets.setdefault((tenant, what), Bucket(full, now_s))
        bucket.level = min(full, bucket.level + rate * (now_s - bucket.at_s))
        bucket.at_s = now_s
        if most > 0 and bucket.level >= 1:
            return bucket
        wait_s = (1 - bucket.level) / rate if most > 0 else NEVER_S
        raise ApiError(
            Code.QUOTA_EXCEEDED,
            f"tenant {tenant!r} may have {most} {what.replace('_', ' ')}: slow down, or have"
            f" `{what}` of its quota raised",
            headers={"Retry-After": str(math.ceil(min(wait_s, NEVER_S)))},
        )
