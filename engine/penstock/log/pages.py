"""Reading a topic from end to end with little of it in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.log.port import EngineLog, Record

RECORDS_PER_PAGE: Final = 100  # of half a MiB at most: what a dead letter may have


def in_pages(log: EngineLog, topic: str, since: int = 0) -> Iterator[Record]:
    """The records of a topic's first partition from an offset on."""
    while page := log.read_all(topic, since=since, at_most=RECORDS_PER_PAGE):
        yield from page
        since = page[-1].offset + 1
