"""What a node does before it takes part: the topics, and the marks of those that are new (R14)."""

from __future__ import annotations

from penstock.contracts.topics import Topics
from penstock.log.port import EngineLog
from penstock.processor.recovery import mark_of
from penstock.store.port import StorePosition


def preflight(log: EngineLog, topics: Topics) -> None:
    """Make the topics that are missing, and mark as not delivered what nobody has read yet.

    Only then anything may be appended: a record that comes before its partition's first owner would
    otherwise look like one of which nobody knows whether it was delivered.
    """
    log.ensure_topics(topics.fixed())
    log.ensure_marks(mark_of(log.topic_id, StorePosition(0)))
