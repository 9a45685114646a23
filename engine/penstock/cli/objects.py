"""What there is, by its kind: get one, list all, search and count by filters, delete."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from penstock.cli.described import Method, add_verb
from penstock.cli.words import Verbs
from penstock.sdk.calls.bulk import Bulk
from penstock.sdk.calls.definitions import Definitions, StructDefs, TaskDefs, Versions, WfSpecs
from penstock.sdk.calls.events import Events
from penstock.sdk.calls.metrics import Metrics
from penstock.sdk.calls.run_reads import RunReads
from penstock.sdk.calls.schedules import Schedules
from penstock.sdk.calls.task_queues import TaskQueues
from penstock.sdk.calls.user_tasks import UserTasks
from penstock.sdk.client import Client
from penstock.sdk.subject import Subject

SUBJECTS: Final[Mapping[str, tuple[str, type[Subject[Any]]]]] = {
    "wf-spec": ("wf_specs", WfSpecs),
    "task-def": ("task_defs", TaskDefs),
    "user-task-def": ("user_task_defs", Versions),
    "external-event-def": ("external_event_defs", Definitions),
    "workflow-event-def": ("workflow_event_defs", Definitions),
    "struct-def": ("struct_defs", StructDefs),
    "application": ("applications", Definitions),
    "schedule": ("schedules", Schedules),
    "bulk-job": ("bulk", Bulk),
    "user-task": ("user_tasks", UserTasks),
    "correlated-event": ("events", Events),
    "task-queue": ("task_queues", TaskQueues),
}
"""Kinds by name, what a client has of each, and what that is."""

OF_RUN: Final = {
    "get": {
        "thread-run": "thread",
        "node-run": "node_run",
        "task-run": "task_run",
        "variable": "variable",
    },
    "list": {
        "thread-run": "threads",
        "node-run": "node_runs",
        "task-run": "task_runs",
        "user-task-run": "user_tasks",
        "external-event": "external_events",
        "workflow-event": "workflow_events",
        "variable": "variables",
    },
}
"""What a run is made of, and the method of its handle."""

SEARCHED: Final[Mapping[str, tuple[str, type[Subject[Any]], str]]] = {
    "wf-run": ("", Client, "find_runs"),
    "task-run": ("", Client, "find_task_runs"),
    "user-task": ("user_tasks", UserTasks, "find"),
    "task-metric": ("metrics", Metrics, "find"),
    "node-run": ("", Client, "find_node_runs"),
    "external-event": ("", Client, "find_external_events"),
    "workflow-event": ("", Client, "find_workflow_events"),
}
"""What is found by filters, over all runs."""
FOUND: Final[Mapping[str, Mapping[str, Any]]] = {
    "wf-run": {"newest": True, "variable": ()},  # what is found by values has no other order
    "user-task": {},
}
"""Of these all are listed by the search, too, which is given this: one without a filter."""
COUNTED: Final = {
    "wf-run": "count_runs",
    "task-run": "count_task_runs",
    "node-run": "count_node_runs",
    "external-event": "count_external_events",
    "workflow-event": "count_workflow_events",
}
"""What is counted by filters, and the client's method."""


def add(verbs: Verbs, get: Verbs) -> None:
    """list, search, count, delete and why, and what else can be got."""
    groups = {
        "get": get,
        "list": _kinds(verbs, "list", "show all of a kind, or all of a kind that a run has"),
        "delete": _kinds(verbs, "delete", "delete one object"),
    }
    for verb, kinds in groups.items():
        for kind, (attribute, owner) in SUBJECTS.items():
            if hasattr(owner, verb):
                method = Method(owner, verb, _found(attribute))
                add_verb(kinds, kind, method, reads=verb != "delete")
        for kind, name in OF_RUN.get(verb, {}).items():
            add_verb(kinds, kind, Method(RunReads, name, handle), run=True, reads=True)
    for kind, given in FOUND.items():
        attribute, owner, name = SEARCHED[kind]
        method = Method(owner, name, _found(attribute), given=given)
        add_verb(groups["list"], kind, method, reads=True)
    of_task_def = Method(TaskDefs, "workers", _found("task_defs"))
    add_verb(groups["list"], "worker", of_task_def, reads=True)
    validate = _kinds(verbs, "validate", "say whether a new version would be accepted")
    add_verb(validate, "struct-def", Method(StructDefs, "validate", _found("struct_defs")))
    add_verb(verbs, "why", Method(RunReads, "waits", handle), run=True, reads=True)
    search = _kinds(verbs, "search", "find by filters, over all runs")
    for kind, (attribute, owner, name) in SEARCHED.items():
        add_verb(search, kind, Method(owner, name, _found(attribute)), reads=True)
    how_many = _kinds(verbs, "count", "how many there are, by the filters of a search")
    for kind, (attribute, owner, name) in SEARCHED.items():
        if kind in COUNTED:
            add_verb(how_many, kind, Method(Client, COUNTED[kind], _found("")), reads=True)
        else:
            method = Method(owner, name, _found(attribute))
            add_verb(how_many, kind, method, reads=True, counts=True)


def handle(options: argparse.Namespace, client: Client) -> Any:
    """The run that a verb is about."""
    return client.handle(options.wf_run_id)


def _kinds(verbs: Verbs, name: str, said: str) -> Any:
    parser = verbs.add_parser(name, help=said)
    return parser.add_subparsers(dest="kind", required=True, metavar="KIND")


def _found(attribute: str) -> Callable[[argparse.Namespace, Client], Any]:
    def find(_: argparse.Namespace, client: Client) -> Any:
        return attrgetter(attribute)(client) if attribute else client

    return find
