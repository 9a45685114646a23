"""Penstock: a durable workflow engine on Apache Kafka.

The names below are what users import: `from penstock import task, workflow, Worker, Client`.

Examples in docstrings are run by the tests. In them `greet` is a task, `greeting` the workflow that
calls it, `engine` a `penstock.testing.Engine`, and `client` a Client of the server at `url`, which
has a worker for both. `run` is a run of `greeting` for Ada, which has ended, and `waiting` one that
waits for an event `paid` and returns its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.sdk import BulkFilter, EndState, ThreadStatus
    from penstock.sdk.blocks import elif_, else_, for_each, if_, while_
    from penstock.sdk.client import AsyncClient, Client
    from penstock.sdk.context import TaskContext
    from penstock.sdk.errors import (
        AddressGone,
        Conflict,
        DefinitionError,
        Forbidden,
        Incomplete,
        InvalidRequest,
        NotFound,
        PenstockError,
        ResultTimeout,
        RetryLater,
        RunFailed,
        ServerError,
        TaskError,
        Unanswered,
        Unavailable,
    )
    from penstock.sdk.handle import AsyncRunHandle, RunHandle
    from penstock.sdk.kafka_client import CommandSender
    from penstock.sdk.options import Backoff
    from penstock.sdk.people import Form, user_task
    from penstock.sdk.run_values import assign, contains, now, size, text, variable
    from penstock.sdk.secret import secret
    from penstock.sdk.steps import (
        answer,
        fail,
        on_event,
        on_failure,
        return_,
        sleep,
        sleep_until,
        throw_event,
        wait_for_event,
        wait_until,
    )
    from penstock.sdk.task import TaskDef, task
    from penstock.sdk.threads import spawn, start, wait_for, wait_for_run
    from penstock.sdk.updates import Update
    from penstock.sdk.worker import Worker
    from penstock.sdk.workflow import Workflow, workflow

__all__ = [
    "AddressGone",
    "AsyncClient",
    "AsyncRunHandle",
    "Backoff",
    "BulkFilter",
    "Client",
    "CommandSender",
    "Conflict",
    "DefinitionError",
    "EndState",
    "Forbidden",
    "Form",
    "Incomplete",
    "InvalidRequest",
    "NotFound",
    "PenstockError",
    "ResultTimeout",
    "RetryLater",
    "RunFailed",
    "RunHandle",
    "ServerError",
    "TaskContext",
    "TaskDef",
    "TaskError",
    "ThreadStatus",
    "Unanswered",
    "Unavailable",
    "Update",
    "Worker",
    "Workflow",
    "answer",
    "assign",
    "contains",
    "elif_",
    "else_",
    "fail",
    "for_each",
    "if_",
    "now",
    "on_event",
    "on_failure",
    "return_",
    "secret",
    "size",
    "sleep",
    "sleep_until",
    "spawn",
    "start",
    "task",
    "text",
    "throw_event",
    "user_task",
    "variable",
    "wait_for",
    "wait_for_event",
    "wait_for_run",
    "wait_until",
    "while_",
    "workflow",
]


def __getattr__(name: str) -> Any:
    """Load the SDK when one of its names is first asked for: the engine and the CLI do without."""
    if name not in __all__:
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    from penstock import sdk

    return getattr(sdk, name)
