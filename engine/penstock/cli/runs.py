"""Runs: one as it is, its task runs and their logs, templates tried at a place of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any, get_args

from penstock.cli import objects
from penstock.cli.asking import asking, showing
from penstock.cli.shown import add_output, show, text, watching
from penstock.cli.words import Verbs, tell
from penstock.contracts.answers.runs import Level
from penstock.core.views.kestra.gantt import gantt
from penstock.sdk.client import Client


def add(verbs: Verbs) -> None:
    """get, task-runs, logs and eval; and what there is besides runs."""
    kinds = verbs.add_parser("get", help="show one object").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    _add_get_run(kinds.add_parser("wf-run", help="a run, with what has happened to it"))
    objects.add(verbs, kinds)
    task_runs = verbs.add_parser("task-runs", help="show the task runs of a run, as a tree")
    task_runs.add_argument("wf_run_id", metavar="WF_RUN_ID")
    showing(
        task_runs,
        lambda options, client: client.handle(options.wf_run_id).view_task_runs("kestra"),
        _tree,
    )
    _add_logs(verbs.add_parser("logs", help="show what the tasks of a run have logged"))
    _add_evaluate(verbs.add_parser("eval", help="try a template at a place of a run"))


def _add_get_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    parser.add_argument("--view", metavar="NAME", help="in the words of a product: kestra")
    parser.add_argument("--at", metavar="WHEN", help="as of a position, or a time with its zone")
    add_output(parser, watched=True)
    asking(parser, lambda options, client: watching(options, lambda: _get_run(options, client)))


def _add_logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    parser.add_argument("--follow", action="store_true", help="those to come, too, until its end")
    parser.add_argument("--min-level", choices=get_args(Level), default="TRACE")
    parser.add_argument("--task-run", metavar="GUID", help="of this task run alone")
    add_output(parser)
    asking(parser, _logs)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="WF_RUN_ID[/TASK_RUN]")
    parser.add_argument("template", metavar="'{{ ... }}'")
    parser.add_argument("--thread", type=int, default=0, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--position", type=int, metavar="N", help="of a node run; else where the thread stands"
    )
    parser.add_argument("--text", action="store_true", help="the text, not the value")
    asking(parser, _evaluate)


def _get_run(options: argparse.Namespace, client: Client) -> None:
    """A run, as JSON or in a few lines with its story."""
    run = client.handle(options.wf_run_id)
    if options.view is not None:
        show(run.view(options.view), "json" if options.format == "table" else options.format)
        return
    shown = run.get(at=options.at)
    if options.format != "table":
        show(shown, options.format)
        return
    tell(f"{shown.wf_run_id}  {shown.wf_spec} {shown.version}  {shown.status}")
    if options.at is None:
        for line in run.story():
            tell(text(line))
    for wait in run.waits(at=options.at).items:
        tell(f"thread {wait.thread} waits: {text(wait.text)}")


def _tree(found: list[Any], wide: bool) -> Iterable[str]:
    """A line for each task run, below its parent."""
    for depth, one in gantt(found):
        state = one["state"]
        name = "  " * depth + one["taskId"] + (f" [{one['value']}]" if "value" in one else "")
        attempts = len(one.get("attempts", ()))
        line = (
            f"{text(name):<32} {state['current']:<10} {state['startDate']}  {state['duration']:<16}"
            f" attempts {attempts}  {one['id']}"
        )
        yield f"{line}  {text(one.get('outputs'))}" if wide else line


def _logs(options: argparse.Namespace, client: Client) -> None:
    """A line for each line."""
    run, which = client.handle(options.wf_run_id), {"min_level": options.min_level}
    if options.task_run is not None:
        which["task_run"] = options.task_run
    if not options.follow:
        show(run.logs(**which), options.format)
        return
    for line in run.follow_logs(**which):
        if options.format in ("json", "yaml"):
            show(line, options.format)
        else:
            said = (text(part) for part in (line.at, line.level, line.node, line.message))
            tell("  ".join(said))


def _evaluate(options: argparse.Namespace, client: Client) -> None:
    """Try a template at a place of a run."""
    wf_run_id, _, task_run = options.place.partition("/")
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
    tell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
