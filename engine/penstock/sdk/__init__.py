"""What users program against: tasks, workflows, workers and clients. Needs no server extra."""

from penstock.sdk.client import Client
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import (
    Conflict,
    DefinitionError,
    Forbidden,
    InvalidRequest,
    NotFound,
    PenstockError,
    ResultTimeout,
    RetryLater,
    RunFailed,
    ServerError,
    TaskError,
    Unavailable,
)
from penstock.sdk.handle import RunHandle
from penstock.sdk.kafka_client import CommandSender
from penstock.sdk.options import Backoff
from penstock.sdk.secret import secret
from penstock.sdk.task import TaskDef, task
from penstock.sdk.worker import Worker
from penstock.sdk.workflow import Workflow, assign, variable, wait_for_event, workflow

__all__ = [
    "Backoff",
    "Client",
    "CommandSender",
    "Conflict",
    "DefinitionError",
    "Forbidden",
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
    "Unavailable",
    "Worker",
    "Workflow",
    "assign",
    "secret",
    "task",
    "variable",
    "wait_for_event",
    "workflow",
]
