"""One table of filters for each kind: its route takes these parameters and no others, the client's
method these arguments, and the command line these options.
"""

from __future__ import annotations

import argparse
import inspect
from typing import Any, Unpack, get_args, get_origin, get_type_hints

import pytest

from penstock.cli.command import command_parser
from penstock.contracts import filters
from penstock.gateway.app import ROUTES
from penstock.gateway.says import CURSOR, LIMIT, VIEW
from penstock.gateway.web import ApiRoute
from penstock.sdk.calls.definitions import Definitions, Versions
from penstock.sdk.calls.events import Events
from penstock.sdk.calls.metrics import Metrics
from penstock.sdk.calls.schedules import Schedules
from penstock.sdk.calls.user_tasks import UserTasks
from penstock.sdk.client import Client

SHARED = {VIEW.name, LIMIT.name, CURSOR.name, "order", "at_least", "read_from"}
KINDS = {
    "/v1/wf-runs": (filters.RunSearch, Client, "find_runs", ("search", "wf-run")),
    "/v1/task-runs": (filters.TaskRunFilters, Client, "find_task_runs", ("search", "task-run")),
    "/v1/task-metrics": (filters.MetricFilters, Metrics, "find", ("search", "task-metric")),
    "/v1/node-runs": (filters.NodeRunFilters, Client, "find_node_runs", ("search", "node-run")),
    "/v1/external-events": (
        *(filters.ExternalEventFilters, Client, "find_external_events"),
        ("search", "external-event"),
    ),
    "/v1/workflow-events": (
        *(filters.WorkflowEventFilters, Client, "find_workflow_events"),
        ("search", "workflow-event"),
    ),
    "/v1/correlated-events": (
        *(filters.CorrelatedEventFilters, Events, "list"),
        ("list", "correlated-event"),
    ),
    "/v1/user-task-runs": (filters.UserTaskFilters, UserTasks, "find", ("search", "user-task")),
    "/v1/schedules": (filters.ScheduleFilters, Schedules, "list", ("list", "schedule")),
    "/v1/task-defs": (filters.DefinitionFilters, Definitions, "list", ("list", "task-def")),
    "/v1/user-task-defs": (filters.DefinitionFilters, Versions, "list", ("list", "user-task-def")),
}
KINDS |= {
    path.replace("/v1", "/v1/counts"): (table, owner, method.replace("find", "count"), words)
    for path, (table, owner, method, (verb, kind)) in [*KINDS.items()]
    if owner is Client
    for words in [("count", kind)]
}


@pytest.mark.parametrize("path", KINDS)
def test_a_kind_has_the_same_filters_everywhere(path: str) -> None:
    table, owner, method, verb = KINDS[path]
    names = set(get_type_hints(table))
    assert in_route(path) == names
    assert in_method(getattr(owner, method)) == names
    assert names <= in_command(*verb)


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/v1/wf-specs", filters.WfSpecFilters),
        ("/v1/applications", filters.DefinitionFilters),
        ("/v1/struct-defs", filters.DefinitionFilters),
        ("/v1/external-event-defs", filters.DefinitionFilters),
        ("/v1/workflow-event-defs", filters.DefinitionFilters),
        ("/v1/webhook-deliveries", filters.DeliveryFilters),
        ("/v1/changes/wf-runs/follow", filters.RunFilters),
    ],
)
def test_a_route_takes_what_its_table_says(path: str, table: type) -> None:
    assert in_route(path) == set(get_type_hints(table))


def test_a_name_means_one_thing() -> None:
    """Of one name the types are the same in all tables, but for the names of statuses."""
    seen: dict[str, Any] = {}
    for table in vars(filters).values():
        if isinstance(table, type) and issubclass(table, dict):
            for name, kind in get_type_hints(table).items():
                kind = get_origin(kind) if name == "status" else kind
                assert seen.setdefault(name, kind) == kind, name
    assert len(seen) > 20


def in_route(path: str) -> set[str]:
    """The filters that a route takes."""
    [says] = [
        one.says
        for one in ROUTES
        if isinstance(one, ApiRoute) and (one.path, one.method) == (path, "GET")
    ]
    assert says is not None
    return {param.name for param in says.query} - SHARED


def in_method(describe: Any) -> set[str]:
    """The filters that a method of the client takes."""
    hints = get_type_hints(describe)
    found: set[str] = set()
    for name in inspect.signature(describe).parameters:
        if get_origin(hints.get(name)) is Unpack:
            found |= set(get_type_hints(*get_args(hints[name])))
    return found


def in_command(verb: str, kind: str) -> set[str]:
    """The options of a verb of the command line, as the names of what they stand for."""
    parser = command_parser()
    for word in (verb, kind):
        [choices] = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        parser = choices.choices[word]
    return {
        option.removeprefix("--").replace("-", "_")
        for action in parser._actions
        for option in action.option_strings
    }
