"""Tasks that have none below them: each is one node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import SleepNode, TaskNode
from penstock.core.values.expressions import Expression
from penstock.core.values.forms import Cast, Literal
from penstock.core.values.types import ValueType
from penstock.flows.compiler import forms, retries
from penstock.flows.model import FlowTask, Retry

Inputs = dict[str, Expression]

BUILTIN_INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "return": ("value",),
    "log": ("message", "level", "messages"),
    "fail": ("message", "name", "content"),
    "http-request": ("uri", "method", "headers", "body", "auth", "allow_failed"),
    "send-webhook": ("type", "data", "url", "endpoint", "timestamp"),
}
"""What the built-in tasks take; each is given, if only null."""


def node_of(task: FlowTask, retry: Retry | None) -> NodeConfig | None:
    """The node of a task; None if it takes a thread of its own."""
    if task.kind.name == "sleep":
        return SleepNode(seconds=Literal(_seconds(task.given["duration"])))
    inputs = _INPUTS.get(task.kind.name)
    if inputs is None:
        return None
    given = {name: Literal(None) for name in BUILTIN_INPUTS.get(task.kind.name, ())}
    own = {} if task.timeout_ms is None else {"timeout_ms": task.timeout_ms}
    task_def = task.given["taskDef"] if task.kind.name == "task" else task.kind.name
    return TaskNode(
        task_def=task_def,
        inputs=given | inputs(task.given),
        **own,
        **retries.of_task(task.retry or retry),
    )


def _seconds(duration_ms: Any) -> float:
    """Templates are noted as mistakes elsewhere."""
    return duration_ms / 1_000 if isinstance(duration_ms, int) else 0.0


def _of_own(given: dict[str, Any]) -> Inputs:
    wanted: dict[str, Any] = given.get("inputs") or {}
    return {name: forms.value(value) for name, value in wanted.items()}


def _return(given: dict[str, Any]) -> Inputs:
    return _texts(given, value="format")


def _log(given: dict[str, Any]) -> Inputs:
    message = given["message"]
    found: Inputs = {"message": forms.text(str(message))}
    if isinstance(message, list):
        found = {"messages": Cast(str(ValueType.JSON_ARR), forms.texts(message))}
    return found | _texts(given, level="level")


def _fail(given: dict[str, Any]) -> Inputs:
    return _texts(given, message="errorMessage")


def _http_request(given: dict[str, Any]) -> Inputs:
    headers = dict(given.get("headers") or {})
    if "contentType" in given:
        headers["content-type"] = given["contentType"]
    found = _texts(given, uri="uri", method="method", body="body")
    if headers:
        found["headers"] = forms.value(headers)
    if given.get("auth"):
        found["auth"] = forms.value(given["auth"])
    if "allowFailed" in given:
        found["allow_failed"] = forms.value(given["allowFailed"])
    return found


def _send_webhook(given: dict[str, Any]) -> Inputs:
    found = _texts(given, url="url", type="event")
    data = given.get("data")
    return found | {"data": Literal(None) if data is None else forms.value(data)}


def _texts(given: dict[str, Any], **names: str) -> Inputs:
    """Inputs that are text, by the properties' names."""
    return {name: forms.text(given[said]) for name, said in names.items() if given.get(said)}


_INPUTS: Final[dict[str, Callable[[dict[str, Any]], Inputs]]] = {
    "task": _of_own,
    "return": _return,
    "log": _log,
    "fail": _fail,
    "http-request": _http_request,
    "send-webhook": _send_webhook,
}
