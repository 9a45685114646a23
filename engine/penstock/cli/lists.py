"""`penstock get`, `list` and `delete`: everything that a server has, by its kind."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from penstock.cli.asking import asking
from penstock.cli.showing import Json, add_output, show, show_list
from penstock.cli.words import Verbs, count, tell
from penstock.core.state.transitions import ThreadStatus
from penstock.sdk import api
from penstock.sdk.client import Client

Parser = argparse.ArgumentParser
Options = argparse.Namespace

PAGE_MAX: Final = 1_000
RUNS: Final = "/v1/wf-runs"


class Kind(NamedTuple):
    """A kind of thing: where it lies, what a list of it shows, and by what one of it is named.
    `below` a run it is listed by the run's id.
    """

    path: str
    help: str
    columns: tuple[str, ...]
    named: tuple[str, ...] = ("name",)
    below: str = ""


_DEFINED: Final = ("name", "description", "created_at")
_VERSIONS: Final = ("name", "version")
KINDS: Final[dict[str, Kind]] = {
    "node-run": Kind(
        RUNS,
        "nodes that a run has come to",
        ("thread", "position", "node", "node_type", "status", "task"),
        ("wf_run_id", "thread", "position"),
        "node-runs",
    ),
    "task-run": Kind(
        RUNS,
        "tasks of a run",
        ("guid", "task_def", "status", "thread", "position"),
        ("wf_run_id", "guid"),
        "task-runs",
    ),
    "variable": Kind(RUNS, "variables of a run", ("thread", "name", "value"), (), "variables"),
    "external-event": Kind(
        RUNS,
        "events that were put to a run",
        ("event_def", "guid", "put_at", "claimed_at", "content"),
        (),
        "external-events",
    ),
    "user-task-run": Kind(
        RUNS,
        "forms of a run",
        ("guid", "user_task_def", "status", "user_id", "user_group"),
        (),
        "user-task-runs",
    ),
    "wf-spec": Kind("/v1/wf-specs", "WfSpecs", _VERSIONS),
    "task-def": Kind("/v1/task-defs", "TaskDefs", ("name", "kind", *_DEFINED[1:])),
    "task-queue": Kind(
        "/v1/task-queues",
        "what waits in the queues of TaskDefs",
        ("task_def", "waiting", "oldest_at"),
        ("task_def",),
    ),
    "user-task-def": Kind("/v1/user-task-defs", "forms", _VERSIONS),
    "external-event-def": Kind(
        "/v1/external-event-defs", "events that runs take", ("name", "content_type", *_DEFINED[1:])
    ),
    "workflow-event-def": Kind(
        "/v1/workflow-event-defs", "events that runs throw", ("name", "content_type", *_DEFINED[1:])
    ),
    "struct-def": Kind("/v1/struct-defs", "StructDefs", (*_VERSIONS, *_DEFINED[1:])),
    "application": Kind("/v1/applications", "applications", (*_VERSIONS, "webhook_url")),
    "webhook": Kind("/v1/webhooks", "webhooks", (*_VERSIONS, "wf_spec", "description")),
    "schedule": Kind(
        "/v1/schedules",
        "schedules",
        ("schedule_id", "wf_spec", "cron", "time_zone", "status", "next_at"),
        ("schedule_id",),
    ),
    "bulk": Kind(
        "/v1/bulk",
        "bulk jobs",
        ("bulk_id", "verb", "status", "matched", "done", "asked_at"),
        ("bulk_id",),
    ),
}
VERSIONED: Final = frozenset({"wf-spec", "user-task-def"})
DELETES: Final[dict[str, Callable[[Client, Options], Any]]] = {
    "wf-run": lambda client, o: client.handle(o.name).delete(),
    "wf-spec": lambda client, o: client.wf_specs.delete(o.name, o.version),
    "user-task-def": lambda client, o: client.user_task_defs.delete(o.name, o.version),
    "task-def": lambda client, o: client.task_defs.delete(o.name),
    "external-event-def": lambda client, o: client.external_event_defs.delete(o.name),
    "workflow-event-def": lambda client, o: client.workflow_event_defs.delete(o.name),
    "struct-def": lambda client, o: client.struct_defs.delete(o.name),
    "application": lambda client, o: client.applications.delete(o.name),
    "schedule": lambda client, o: client.schedules.delete(o.name),
}


def add(verbs: Verbs) -> None:
    """list and delete; `get` is added by runs.py, with what `add_gets` gives it."""
    kinds = verbs.add_parser("list", help="list all of a kind").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    _add_runs(kinds.add_parser("wf-run", help="runs, newest first"))
    for name, kind in KINDS.items():
        one = kinds.add_parser(name, help=kind.help)
        if kind.below:
            one.add_argument("wf_run_id", metavar="WF_RUN_ID")
        _add_limit(one)
        add_output(one)
        asking(one, partial(_list, kind))
    deleted = verbs.add_parser("delete", help="delete one object").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    for name, do in DELETES.items():
        one = deleted.add_parser(name, help="by its id" if name == "wf-run" else "by its name")
        one.add_argument("name", metavar="WF_RUN_ID" if name == "wf-run" else "NAME")
        if name in VERSIONED:
            one.add_argument("version", type=count, metavar="VERSION")
        asking(one, partial(_delete, do))


def add_gets(kinds: Verbs) -> None:
    """A `get` of each kind of which there is one by name."""
    for name, kind in KINDS.items():
        if not kind.named:
            continue
        one = kinds.add_parser(name, help=f"of the {kind.help}, one")
        for part in kind.named:
            one.add_argument(part, metavar=part.upper())
        if name in VERSIONED:
            one.add_argument("--version", type=count, metavar="N", help="the newest if left out")
        add_output(one)
        asking(one, partial(_get, kind))


def _add_runs(parser: Parser) -> None:
    parser.add_argument("--wf-spec", metavar="NAME", help="of this WfSpec")
    parser.add_argument(
        "--status",
        action="append",
        choices=[str(one) for one in ThreadStatus],
        help="in this status; may be repeated",
    )
    parser.add_argument("--label", action="append", metavar="NAME:VALUE", help="with this label")
    parser.add_argument("-q", dest="q", metavar="TEXT", help="in the id, a name or a label")
    parser.add_argument("--below", metavar="WF_RUN_ID", help="that this run has started")
    _add_limit(parser)
    add_output(parser)
    asking(parser, _list_runs)


def _add_limit(parser: Parser) -> None:
    parser.add_argument("--limit", type=count, default=100, metavar="N", help="(%(default)s)")


def _list_runs(options: Options, client: Client) -> None:
    asked = api.given(
        wf_spec=options.wf_spec,
        status=options.status,
        label=options.label,
        q=options.q,
        trigger_wf_run_id=options.below,
    )
    found = _pages(client, RUNS, options.limit, order="newest", **asked)
    columns = ("wf_run_id", "wf_spec", "version", "status", "started_at", "ended_at")
    show_list(options, found, columns)


def _list(kind: Kind, options: Options, client: Client) -> None:
    path = kind.path if not kind.below else api.below(kind.path, options.wf_run_id, kind.below)
    show_list(options, _pages(client, path, options.limit), kind.columns)


def _get(kind: Kind, options: Options, client: Client) -> None:
    parts = [getattr(options, name) for name in kind.named]
    if kind.below:
        parts.insert(1, kind.below)
    params = api.given(version=getattr(options, "version", None))
    call = api.Call(method="GET", path=api.below(kind.path, *parts), params=params)
    show(options, client.call(call).body)


def _delete(do: Callable[[Client, Options], Any], options: Options, client: Client) -> None:
    do(client, options)
    tell(f"{options.name} is deleted")


def _pages(client: Client, path: str, limit: int, **params: Any) -> Iterator[Json]:
    left, cursor = limit, {}
    while left > 0:
        asked = {**params, **cursor, "limit": min(left, PAGE_MAX)}
        page = client.call(api.Call(method="GET", path=path, params=asked)).body
        yield from page["items"]
        left -= len(page["items"])
        if page["cursor"] is None:
            return
        cursor = {"cursor": page["cursor"]}
