"""Runs: one as it is, why it waits, its task runs and logs, templates tried at a place of it."""

from __future__ import annotations

import argparse
import json
from typing import Any, get_args

from penstock.cli.asking import asking
from penstock.cli.lists import add_gets
from penstock.cli.past import moment
from penstock.cli.run_verbs import json_value
from penstock.cli.showing import add_output, printable, show_list
from penstock.cli.words import Verbs, add_server, fail, tell
from penstock.contracts.answers.runs import Level, LogShown, WaitShown
from penstock.core.views.kestra.gantt import gantt
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError

DEADLINE_S = 2.0


def add(verbs: Verbs) -> None:
    """get, why, logs, signal, task-runs and eval."""
    _add_get(verbs.add_parser("get", help="show one object"))
    why = verbs.add_parser("why", help="say why a run is waiting, and for what")
    why.add_argument("wf_run_id", metavar="WF_RUN_ID")
    why.add_argument("--at", type=moment, metavar="POSITION|TIME", help="as of then")
    add_output(why)
    asking(why, _why)
    _add_logs(verbs.add_parser("logs", help="show what the tasks of a run have logged"))
    signal = verbs.add_parser("signal", help="put an event to a run")
    signal.add_argument("wf_run_id", metavar="WF_RUN_ID")
    signal.add_argument("event", metavar="EVENT_DEF")
    signal.add_argument("content", nargs="?", type=json_value, metavar="JSON")
    signal.add_argument("--guid", metavar="ID", help="of your own: again, it is the same event")
    asking(signal, _signal)
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
    add_gets(kinds)


def _add_logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    parser.add_argument("--follow", action="store_true", help="as they come, until its end")
    parser.add_argument(
        "--min-level", choices=get_args(Level), default="TRACE", help="or graver (%(default)s)"
    )
    parser.add_argument("--task-run", metavar="GUID", help="of this task run alone")
    parser.add_argument("--attempt", type=int, metavar="N", help="of this attempt alone")
    add_output(parser)
    asking(parser, _logs)


def _add_task_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    add_output(parser)
    asking(parser, _task_runs)


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
            view = {} if options.view is None else {"view": options.view}
            path = f"/v1/wf-runs/{options.wf_run_id}"
            shown = client.call(api.Call(method="GET", path=path, params=view)).body
            if options.output == "json" or options.view is not None:
                tell(json.dumps(shown, ensure_ascii=False, indent=2))
                return 0
            tell(f"{shown['wf_run_id']}  {shown['wf_spec']} {shown['version']}  {shown['status']}")
            run = client.handle(options.wf_run_id)
            for line in run.story():
                tell(line)
            for wait in run.waits().items:
                tell(_waits(wait))
    except PenstockError as error:
        return fail(str(error))
    return 0


def _task_runs(options: argparse.Namespace, client: Client) -> None:
    """A line for each task run, below its parent."""
    found = client.handle(options.wf_run_id).view_task_runs("kestra")
    if options.output == "json":
        tell(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for depth, one in gantt(found):
        state = one["state"]
        value = f" [{printable(str(one['value']))}]" if "value" in one else ""
        name = "  " * depth + one["taskId"] + value
        attempts = len(one.get("attempts", ()))
        tell(
            f"{name:<32} {state['current']:<10} {state['startDate']}  {state['duration']:<16}"
            f" attempts {attempts}  {one['id']}"
        )


def _why(options: argparse.Namespace, client: Client) -> None:
    """A sentence for each thread that waits."""
    found = client.handle(options.wf_run_id).waits(at=options.at)
    if options.output != "table":
        columns = ("thread", "node", "what", "name", "since", "until", "text")
        show_list(options, found.items, columns)
        return
    if not found.items:
        tell("it waits for nothing")
    for wait in found.items:
        tell(_waits(wait))
    if found.truncated:
        tell("and more threads wait")


def _waits(wait: WaitShown) -> str:
    since = "" if wait.since is None else f"  since {api.time_text(wait.since)}"
    until = "" if wait.until is None else f"  until {api.time_text(wait.until)}"
    return f"thread {wait.thread} ({wait.thread_spec})  {printable(wait.text)}{since}{until}"


def _logs(options: argparse.Namespace, client: Client) -> None:
    run = client.handle(options.wf_run_id)
    which: dict[str, Any] = api.given(
        min_level=options.min_level, task_run=options.task_run, attempt=options.attempt
    )
    if options.follow:
        for line in run.follow_logs(**which):
            tell(_line(line))
        return
    found = run.logs(**which)
    if options.output != "table":
        show_list(options, found.items, ("at", "level", "node", "attempt", "message"))
        return
    for line in found.items:
        tell(_line(line))
    if found.truncated:
        tell("and there are more lines; name a task run to see its own")


def _line(line: LogShown) -> str:
    at = api.time_text(line.at)
    return f"{at}  {line.level:<5}  {line.node} {line.attempt}  {printable(line.message)}"


def _signal(options: argparse.Namespace, client: Client) -> None:
    run = client.handle(options.wf_run_id)
    tell(run.put_event(options.event, options.content, guid=options.guid))


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
