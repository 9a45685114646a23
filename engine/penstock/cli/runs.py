"""Looking at runs: one as it is, its task runs, templates tried at a place of it."""

from __future__ import annotations

import argparse
import json
from typing import Any

import httpx

from penstock.cli.words import Verbs, add_server, fail, tell
from penstock.core.views.kestra.gantt import gantt
from penstock.sdk import credential
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError

DEADLINE_S = 2.0


def add(verbs: Verbs) -> None:
    """get, task-runs and eval."""
    _add_get(verbs.add_parser("get", help="show one object"))
    _add_task_runs(verbs.add_parser("task-runs", help="show the task runs of a run, as a tree"))
    _add_evaluate(verbs.add_parser("eval", help="try a template at a place of a run"))


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


def _get_wf_run(options: argparse.Namespace) -> int:
    """A run, as JSON or in a few lines with its story."""
    try:
        with Client(options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
            shown = client.get(options.wf_run_id, view=options.view)
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
            found = client.task_runs(options.wf_run_id, view="kestra")
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
    body: dict[str, Any] = {"wf_run_id": wf_run_id, "template": options.template}
    body |= {"task_run": task_run} if task_run else {"thread": options.thread}
    if options.position is not None:
        body["position"] = options.position
    if options.text:
        body["as"] = "TEXT"
    try:
        with httpx.Client(**credential.options(options.url)) as http:
            named = {"Penstock-Tenant": options.tenant}
            answer = http.post("/v1/expressions/evaluate", json=body, headers=named)
        found = answer.json()
        if answer.is_error:
            return fail(f"{found['error']['code']}: {found['error']['message']}")
        value = found["value"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return fail(f"the server at {options.url} does not answer as it should: {error}")
    tell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return 0
