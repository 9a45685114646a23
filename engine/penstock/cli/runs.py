"""Runs: one as it is, its task runs, templates tried at a place of it; having one go on."""

from __future__ import annotations

import argparse
import json

from penstock.cli.asking import asking
from penstock.cli.words import Verbs, add_server, fail, tell
from penstock.core.commands.change_wf_run_state import SAYABLE
from penstock.core.views.kestra.gantt import gantt
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError

DEADLINE_S = 2.0


def add(verbs: Verbs) -> None:
    """get, task-runs, eval, resume and change-run-state."""
    _add_get(verbs.add_parser("get", help="show one object"))
    _add_task_runs(verbs.add_parser("task-runs", help="show the task runs of a run, as a tree"))
    _add_evaluate(verbs.add_parser("eval", help="try a template at a place of a run"))
    _add_resume(verbs.add_parser("resume", help="let a run go on that was stopped, or pauses"))
    change = verbs.add_parser("change-run-state", help="say as what a run counts that has ended")
    change.add_argument("wf_run_id", metavar="WF_RUN_ID")
    change.add_argument("state", choices=SAYABLE)
    asking(change, _change_state)


def _change_state(options: argparse.Namespace, client: Client) -> None:
    """Its own status stays."""
    told = client.handle(options.wf_run_id).change_run_state(options.state)
    tell(f"{options.wf_run_id} is {told.status}, and counts as {told.counts_as}")


def _add_get(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    wf_run = kinds.add_parser("wf-run", help="a run")
    wf_run.add_argument("wf_run_id", metavar="WF_RUN_ID")
    wf_run.add_argument("--view", metavar="NAME", help="in the words of a product: kestra")
    wf_run.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="(%(default)s)"
    )
    add_server(wf_run)
    wf_run.set_defaults(do=_get_wf_run)


def _add_task_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    add_server(parser)
    parser.set_defaults(do=_task_runs)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="WF_RUN_ID[/TASK_RUN]")
    parser.add_argument("template", metavar="'{{ ... }}'")
    parser.add_argument("--thread", type=int, default=0, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--position", type=int, metavar="N", help="of a node run; else where the thread stands"
    )
    parser.add_argument("--text", action="store_true", help="the text, not the value")
    add_server(parser)
    parser.set_defaults(do=_evaluate)


def _add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    parser.add_argument("content", nargs="?", metavar="JSON", help="what the pause asks for")
    parser.add_argument("--thread", type=int, default=0, metavar="N", help="(%(default)s)")
    add_server(parser)
    parser.set_defaults(do=_resume)


def _get_wf_run(options: argparse.Namespace) -> int:
    """A run, as JSON or in a few lines with its story."""
    try:
        with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
            view = {} if options.view is None else {"view": options.view}
            path = f"/v1/wf-runs/{options.wf_run_id}"
            shown = client.call(api.Call(method="GET", path=path, params=view)).body
            if options.output == "json" or options.view is not None:
                tell(json.dumps(shown, ensure_ascii=False, indent=2))
                return 0
            tell(f"{shown['wf_run_id']}  {shown['wf_spec']} {shown['version']}  {shown['status']}")
            for line in client.handle(options.wf_run_id).story():
                tell(line)
    except PenstockError as error:
        return fail(str(error))
    return 0


def _task_runs(options: argparse.Namespace) -> int:
    """A line for each task run, below its parent."""
    try:
        with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
            found = client.handle(options.wf_run_id).view_task_runs("kestra")
    except PenstockError as error:
        return fail(str(error))
    for depth, one in gantt(found):
        state = one["state"]
        name = "  " * depth + one["taskId"] + (f" [{one['value']}]" if "value" in one else "")
        attempts = len(one.get("attempts", ()))
        tell(
            f"{name:<32} {state['current']:<10} {state['startDate']}  {state['duration']:<16}"
            f" attempts {attempts}  {one['id']}"
        )
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    """Try a template at a place of a run."""
    wf_run_id, _, task_run = options.place.partition("/")
    try:
        with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
            value = (
                client.handle(wf_run_id)
                .evaluate(
                    options.template,
                    text=options.text,
                    thread=0 if task_run else options.thread,
                    position=options.position,
                    task_run=task_run or None,
                )
                .value
            )
    except PenstockError as error:
        return fail(str(error))
    tell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return 0


def _resume(options: argparse.Namespace) -> int:
    """Take a stop or a pause of a run away, or pass the pause at which it stands."""
    try:
        content = None if options.content is None else json.loads(options.content)
    except json.JSONDecodeError as error:
        return fail(f"{options.content!r} is no JSON: {error}")
    try:
        with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
            told = client.handle(options.wf_run_id).resume(content, thread=options.thread)
    except PenstockError as error:
        return fail(str(error))
    tell(f"{options.wf_run_id}  {told.wf_run_status}")
    return 0
