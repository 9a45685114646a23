"""Which node has which partition: asked of the log's owners, remembered for a second, and asked
again when somebody turns out not to be the owner.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from penstock.log.port import Assigned, LogError, Owners
from penstock.processor.standing import standbys_of

REMEMBERED_S: Final = 1.0
ASK_PAUSE_S: Final = 0.05
"""An answer that is so new is not asked for again, whatever it says."""

logger = logging.getLogger("penstock.gateway")


class FixedOwners:
    """A fixed assignment: what this node was told of the others. See port.Owners."""

    def __init__(self, here: str, own: frozenset[int], peers: Mapping[int, str]) -> None:
        urls = {**peers, **dict.fromkeys(own, here)}
        self._assigned = Assigned(urls, frozenset(urls.values()) | {here})

    def ask(self) -> Assigned:
        """Always the same."""
        return self._assigned


class Nodes:
    """The nodes of a cluster; `here` is this one. Used on the event loop."""

    def __init__(self, owners: Owners, here: str, *, standbys: int = 0) -> None:
        self.here = here
        self.standbys: dict[int, tuple[str, ...]] = {}  # as known last, also of one without owner
        self._standbys_count = standbys
        self.known = Assigned()
        self._owners = owners
        self._asked_s = float("-inf")
        self._asking = asyncio.Lock()

    async def look(self, *, again: bool = False) -> Assigned:
        """Who has what; with `again`, not as it was remembered. If nobody can be asked, what was
        known last.
        """
        age_max_s = ASK_PAUSE_S if again else REMEMBERED_S
        if time.monotonic() - self._asked_s < age_max_s:
            return self.known
        async with self._asking:
            if time.monotonic() - self._asked_s >= age_max_s:
                try:
                    self.known = await asyncio.to_thread(self._owners.ask)
                    self.standbys |= standbys_of(self.known, self._standbys_count)
                except LogError as error:
                    logger.warning("who owns which partition is not known: %s", error)
                self._asked_s = time.monotonic()
        return self.known

    async def owner_of(self, number: int, *, again: bool = False) -> str | None:
        """Where the owner of a partition listens, if it is another node."""
        url = (await self.look(again=again)).urls.get(number)
        return url if url is not None and self._is_another(url) else None

    async def reader_of(self, number: int, tries: int) -> str | None:
        """Where a standby of a partition listens, or its owner: another one with each try."""
        owner = (await self.look(again=tries > 0)).urls.get(number)
        urls = [*self.standbys.get(number, ()), owner]
        others = [url for url in urls if url is not None and self._is_another(url)]
        return others[tries % len(others)] if others else None

    def _is_another(self, url: str) -> bool:
        return url != self.here and url.startswith(("http://", "https://"))
