"""What threads wait for, by kind: apart from what tells it, since clients know it, too."""

from __future__ import annotations

from enum import StrEnum


class WaitsFor(StrEnum):
    """Who, or what, moves a thread on. TURN: the engine, in a moment; STOPPED and FAILED: an
    operator.
    """

    QUEUE = "QUEUE"
    WORKER = "WORKER"
    RETRY = "RETRY"
    BREAKER = "BREAKER"
    TOPIC = "TOPIC"
    EVENT = "EVENT"
    TIMER = "TIMER"
    PERSON = "PERSON"
    CONDITION = "CONDITION"
    THREADS = "THREADS"
    RUN = "RUN"
    PLACE = "PLACE"
    HANDLER = "HANDLER"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    TURN = "TURN"
