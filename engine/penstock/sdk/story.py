"""Facts of a run's history as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.contracts.answers.runs import StoryFact


def tell_shown(fact: Mapping[str, Any]) -> str:
    """One fact as it comes over HTTP, as one line."""
    return tell(msgspec.convert(fact, StoryFact))


def tell(fact: StoryFact) -> str:
    """One fact as one line: its time of day, and what happened."""
    return f"{fact.at.time().isoformat(timespec='milliseconds')}  {_what(fact)}"


def _what(fact: StoryFact) -> str:
    status = fact.status or ""
    match fact.what:
        case "WF_RUN":
            returned = "" if fact.output is None else f", returns {fact.output!r}"
            return f"run {status}{returned}{_failure(fact)}"
        case "NODE_RUN":
            return f"{_place(fact)}{status}{_failure(fact)}"
        case "TASK_ATTEMPT":
            by = f" at {fact.worker}" if fact.worker and status == "TASK_RUNNING" else ""
            short = status.removeprefix("TASK_")
            return f"{_place(fact)}attempt {fact.attempt} {short}{by}{_failure(fact)}"
        case "EXTERNAL_EVENT":
            return f"event {fact.event_def} put"
        case other:
            return other


def _place(fact: StoryFact) -> str:
    thread = f"thread {fact.thread} " if fact.thread else ""
    return f"{thread}{fact.node or '':<16} "


def _failure(fact: StoryFact) -> str:
    failure = fact.failure
    return "" if failure is None else f" ({failure.name}: {failure.message})"
