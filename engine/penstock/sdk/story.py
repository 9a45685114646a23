"""Facts of a run's history as lines for people."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def tell(fact: Json) -> str:
    """One fact as one line: its time, and what happened."""
    return f"{_time(fact['at'])}  {_what(fact)}"


def _what(fact: Json) -> str:
    match fact["what"]:
        case "WF_RUN":
            output = fact.get("output")
            returned = "" if output is None else f", returns {output!r}"
            return f"run {fact['status']}{returned}{_failure(fact)}"
        case "NODE_RUN":
            return f"{_place(fact)}{fact['status']}{_failure(fact)}"
        case "TASK_ATTEMPT":
            worker = fact.get("worker")
            by = f" at {worker}" if worker and fact["status"] == "TASK_RUNNING" else ""
            status = fact["status"].removeprefix("TASK_")
            return f"{_place(fact)}attempt {fact['attempt']} {status}{by}{_failure(fact)}"
        case "EXTERNAL_EVENT":
            return f"event {fact['event_def']} put"
        case other:
            return str(other)


def _place(fact: Json) -> str:
    thread = f"thread {fact['thread']} " if fact["thread"] else ""
    return f"{thread}{fact['node']:<16} "


def _failure(fact: Json) -> str:
    failure: Json | None = fact.get("failure")
    return "" if failure is None else f" ({failure['name']}: {failure['message']})"


def _time(at: str) -> str:
    """The time of day of an RFC 3339 time."""
    return at.partition("T")[2].rstrip("Z") or at
