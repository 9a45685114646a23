"""The engine's own tasks. A workflow in Python calls them like tasks of its own.

What they take and return is registered once and holds for ever, as of any TaskDef: one that is to
take more is another task.
"""

from __future__ import annotations

import time
from typing import Any, Final

from msgspec import Struct

from penstock.builtin.http_request import HttpRequest
from penstock.builtin.keys import KeyFile, Keys
from penstock.builtin.outbound import Outbound
from penstock.builtin.send_webhook import SendWebhook
from penstock.builtin.sending import BAD_INPUT
from penstock.core.state.failures import EXCEPTION_NAME, is_exception_name
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import TaskError
from penstock.sdk.options import Backoff
from penstock.sdk.task import TaskDef, task

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
FAILED: Final = "FAILED"
SEND_ATTEMPTS: Final = 5
SEND_BACKOFF: Final = Backoff(base=5.0, multiplier=8.0, jitter=0.2)
"""5 s, 40 s, 5 min and 43 min between the attempts."""


class Returned(Struct, frozen=True):
    """What `return` was given."""

    value: str | None


@task(name="return")
def return_(ctx: TaskContext, value: str | None) -> Returned:
    """Return a text, and log it; how long it is, and how long that took, are metrics."""
    begun = time.perf_counter()
    if value is not None:
        ctx.log(f"INFO {value}")
        tags = {"format": value}
        ctx.counter("length", len(value), tags)
        ctx.timer("duration", time.perf_counter() - begun, tags)
    return Returned(value)


@task
def log(
    ctx: TaskContext,
    message: str | None = None,
    level: str | None = "INFO",
    messages: list[str] | None = None,
) -> None:
    """Write one line, or several, to the attempt's log."""
    level = level or "INFO"
    if level not in LEVELS:
        raise TaskError(BAD_INPUT, f"level {level[:20]!r}: use one of {', '.join(LEVELS)}")
    for line in ([] if message is None else [message], messages or []):
        for text in line:
            ctx.log(f"{level} {text}")


@task
def fail(
    message: str | None = None, name: str | None = FAILED, content: dict[str, Any] | None = None
) -> None:
    """End in a business exception, which the workflow may handle by its name."""
    name = name or FAILED
    if not is_exception_name(name):
        raise TaskError(BAD_INPUT, f"name {name[:128]!r}: use {EXCEPTION_NAME}")
    raise TaskError(name, message or "", content)


class BuiltinTasks:
    """All of them, with the way out and the secrets that they use. Only the worker needs to say
    which: to call them in a workflow, `BuiltinTasks()` does.
    """

    def __init__(self, outbound: Outbound | None = None, keys: Keys | None = None) -> None:
        services = outbound or Outbound(), keys or KeyFile()
        self.return_ = return_
        self.log = log
        self.fail = fail
        self.http_request = task(name="http-request", masked=("auth",))(HttpRequest(*services).run)
        self.send_webhook = task(
            name="send-webhook",
            max_attempts=SEND_ATTEMPTS,
            backoff=SEND_BACKOFF,
            addressed_by=("url", "endpoint"),
        )(SendWebhook(*services).run)

    @property
    def all(self) -> tuple[TaskDef[..., Any], ...]:
        """As a worker takes them."""
        return (self.return_, self.log, self.fail, self.http_request, self.send_webhook)
