"""What users program against: tasks, workflows, workers and clients. Needs no server extra."""

from penstock.contracts.filters import BulkFilter
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import ThreadStatus
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
