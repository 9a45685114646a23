"""Who stands by for which partition. Every node comes to the same by itself, from the members of
the group and what each of them owns; nobody has to decide, and nothing is kept (proposal 0008).

Kafka's client lets nobody say where a partition of a lost owner shall go. What it does is known: it
keeps what members have, and gives what is left, one after the other, to whoever has least, the
first name among equals. So the first to stand by is who would get the partition.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from penstock.log.port import Assigned, Owners
from penstock.processor.asides import answer_of

ASK_EVERY_S: Final = 1.0
LEAVE_AFTER_S: Final = 10.0
"""While a group settles, members have less for a moment, or are not there."""


def standbys_of(assigned: Assigned, count: int) -> dict[int, tuple[str, ...]]:
    """Where the standbys of each partition listen that has an owner, the likeliest heir first."""
    has: dict[str, list[int]] = {member: [] for member in assigned.members}
    for number, owner in sorted(assigned.urls.items()):
        has.setdefault(owner, []).append(number)
    standbys: dict[int, tuple[str, ...]] = {}
    for owner, numbers in has.items():
        loads = {member: len(theirs) for member, theirs in has.items() if member != owner}
        for number in numbers:
            heirs = sorted(loads, key=lambda member: (loads[member], member))
            standbys[number] = tuple(heirs[:count])
            if heirs:
                loads[heirs[0]] += 1
    return standbys


class Roster:
    """The partitions that this node is to stand by for. The fold's thread looks; it is asked for in
    another one, since an answer may take its time.
    """

    def __init__(self, owners: Owners, here: str, count: int) -> None:
        self._owners = owners
        self._here = here
        self._count = count
        self._wanted_s: dict[int, float] = {}
        self._ask_s = 0.0
        self._asked: Future[Assigned] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="penstock-roster")

    def wanted(self) -> set[int]:
        """As it was told last. A partition without an owner just now is stood by for as before, and
        one that is not wanted any more for a while yet.
        """
        now_s = time.monotonic()
        if self._asked is not None and self._asked.done():
            self._note(self._asked, now_s)
            self._asked = None
        if self._asked is None and now_s >= self._ask_s:
            self._ask_s = now_s + ASK_EVERY_S
            self._asked = self._executor.submit(self._owners.ask)
        return {number for number, until_s in self._wanted_s.items() if now_s < until_s}

    def stop(self) -> None:
        """Nobody asks any more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _note(self, asked: Future[Assigned], now_s: float) -> None:
        assigned = answer_of(asked, "who owns which partition")
        if assigned is None:
            self._prolong(self._wanted_s, now_s)
            return
        standbys = standbys_of(assigned, self._count)
        mine = {number for number, urls in standbys.items() if self._here in urls}
        orphans = self._wanted_s.keys() - assigned.urls.keys()
        self._prolong(dict.fromkeys(mine | orphans, 0.0), now_s)

    def _prolong(self, numbers: Mapping[int, float], now_s: float) -> None:
        self._wanted_s |= dict.fromkeys(numbers, now_s + LEAVE_AFTER_S)
