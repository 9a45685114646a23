"""Tasks as the HTTP API gives them to a worker."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from penstock.core.state.outputs import ScheduledTask


class Given(Struct):
    """A task as the server gives it: what a worker has to know, and what one of an older version
    may not say.
    """

    wf_run_id: str
    guid: str
    task_def: str
    attempt: int
    inputs: dict[str, Any]
    wf_spec: str = ""
    version: int = 0
    node: str = ""
    thread: int = 0
    timeout_ms: int = 0
    max_attempts: int = 1
    heartbeat_timeout_ms: int | None = None
    total_checkpoints: int = 0
    secrets: dict[str, str] = {}
    checkpoint: Any = None
    checkpoints_bytes: int = 0

    def scheduled(self, tenant: str) -> ScheduledTask:
        """A task as a worker has it; what only Kafka workers need is left open."""
        return ScheduledTask(
            tenant=tenant,
            scheduled_at_ms=0,
            report_partition=-1,
            **msgspec.structs.asdict(self),
        )


class Polled(Struct):
    """The answer to a poll."""

    tasks: list[Given]
