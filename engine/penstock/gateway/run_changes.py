"""Runs that the fold has changed, for who follows a search: which runs to look at again.

Rules
- Whatever comes, the fold's thread neither waits nor keeps more than so many ids for each who
  follows. Who is too slow is told that he has missed something.
- Changes are numbered as they are written: what was read once `written_count` stood at a number has
  all changes up to that one, so that followers can share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final

from penstock.core.state.keys import kind_of_run_key, run_id_of
from penstock.core.state.rows import Row
from penstock.core.state.run import WfRun

CHANGED_MAX: Final = 10_000


class Following:
    """Who follows the runs of a tenant in some partitions."""

    def __init__(self, tenant: str, numbers: frozenset[int]) -> None:
        self.tenant = tenant
        self.numbers = numbers
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._changed: dict[str, int] = {}
        self._missed = False
        self._there = asyncio.Event()

    def note(self, wf_run_ids: Sequence[str], number: int) -> None:
        """These have changed, with the change of this number. Called by the fold's thread."""
        with self._lock:
            self._changed |= dict.fromkeys(wf_run_ids, number)
            if len(self._changed) > CHANGED_MAX:
                self._changed.clear()
                self._missed = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._there.set)

    async def changed(self, timeout_s: float) -> tuple[dict[str, int], bool]:
        """The runs that have changed, in the order of their first change, as soon as there are any,
        with the number of the last change of each; and whether some were missed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._there.wait()
        except TimeoutError:
            return {}, False
        self._there.clear()
        with self._lock:
            found, missed = self._changed, self._missed
            self._changed, self._missed = {}, False
        return found, missed


class RunChanges:
    """All who follow. `written` is called by the fold's thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._following: set[Following] = set()
        self.written_count = 0

    @contextmanager
    def following(self, tenant: str, numbers: frozenset[int]) -> Generator[Following]:
        """Be told from now on. On the event loop."""
        one = Following(tenant, numbers)
        with self._lock:
            self._following.add(one)
        try:
            yield one
        finally:
            with self._lock:
                self._following.discard(one)

    def written(self, partition: int, changes: Mapping[bytes, Row | None]) -> None:
        """A partition has written these rows."""
        if not self._following:
            return
        with self._lock:
            self.written_count = number = self.written_count + 1
            following = [one for one in self._following if partition in one.numbers]
        for tenant in {one.tenant for one in following}:
            found = list(_runs_in(changes, tenant))
            if found:
                for one in following:
                    if one.tenant == tenant:
                        one.note(found, number)


def _runs_in(changes: Mapping[bytes, Row | None], tenant: str) -> Iterator[str]:
    """Runs of a tenant whose own row was written, or is gone."""
    begins = f"{tenant}\x00r".encode()
    for key in changes:
        if key.startswith(begins) and kind_of_run_key(key) == WfRun.KIND:
            yield run_id_of(key)
