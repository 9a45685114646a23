"""Searches across runs, as the routes do them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from penstock.core.flow.run_filter import OfRuns
from penstock.gateway.auth import Caller
from penstock.gateway.reads import Reads
from penstock.gateway.run_window import Mark, Window
from penstock.gateway.sampler import Sampler
from penstock.gateway.watch import Watch
from tests.scenarios.driver import Driver

A = TypeVar("A", bound=OfRuns)


def window(
    driver: Driver, asked: A, cursor: str | None = None, *, ordered: bool = False
) -> Window[A]:
    """What a search looks through, at a time of no interest."""
    topics = driver.topics
    reads = Reads(
        processor=driver.processor,
        watch=Watch(),
        sampler=Sampler(
            processor=driver.processor, log=driver.log, topics=topics, queues_look_s=60.0
        ),
        partitions=topics.partitions,
    )
    caller = Caller("default", "test")
    return Window(reads, caller, asked, now_ms=0, mark=Mark.of(cursor), ordered=ordered)


def from_another_node(told: Sequence[Any]) -> list[dict[str, Any]]:
    """What a node has found, as it comes to the one that was asked, or to a client."""
    answer: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(told))
    return answer
