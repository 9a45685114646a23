"""What operators do to a run: a verb each, and one of them to many runs at once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from penstock.cli.asking import asking
from penstock.cli.showing import add_output, show_told
from penstock.cli.words import Verbs, duration_s
from penstock.core.commands.change_wf_run_state import SAYABLE
from penstock.core.state.transitions import TaskStatus
from penstock.sdk.client import Client
from penstock.sdk.handle import RunHandle

Run = RunHandle[Any]
Parser = argparse.ArgumentParser
Options = argparse.Namespace

SAID_OF_TASKS: Final = (TaskStatus.TASK_SUCCESS, TaskStatus.TASK_FAILED, TaskStatus.TASK_EXCEPTION)


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb on one run: its arguments behind the run's id, and what is asked."""

    help: str
    add: Callable[[Parser], None]
    ask: Callable[[Run, Options], Any]


def json_value(text: str) -> Any:
    """An argument that is JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no JSON: {error}") from error


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from 0 on")
    return int(text)


def _thread(parser: Parser) -> None:
    parser.add_argument("--thread", type=_number, default=0, metavar="N", help="(%(default)s)")


def _task(parser: Parser) -> None:
    parser.add_argument("task_run", metavar="TASK_RUN", help="its guid")


def _grace(parser: Parser) -> None:
    _task(parser)
    parser.add_argument("--grace", type=duration_s, metavar="30s", help="its worker has so long")


def _nothing(parser: Parser) -> None:
    """It is all said by the run."""


def _resume(parser: Parser) -> None:
    parser.add_argument(
        "content", nargs="?", type=json_value, metavar="JSON", help="what the pause asks for"
    )
    _thread(parser)


def _rescue(parser: Parser) -> None:
    _thread(parser)
    parser.add_argument("--skip", action="store_true", help="go on behind the node")


def _kill(parser: Parser) -> None:
    parser.add_argument("--alone", action="store_true", help="and not the runs below it")
    parser.add_argument("--deadline", type=duration_s, metavar="30s", help="wait so long for tasks")


def _replay(parser: Parser) -> None:
    parser.add_argument("--task-run", metavar="GUID", help="from this task run on")
    _thread(parser)
    parser.add_argument("--position", type=_number, metavar="N", help="from this node run on")
    parser.add_argument("--version", type=_number, metavar="N", help="of the WfSpec")
    parser.add_argument("--run-id", metavar="ID", help="of the new run")


def _skip(parser: Parser) -> None:
    parser.add_argument("output", nargs="?", type=json_value, metavar="JSON")
    _thread(parser)
    parser.add_argument("--node", metavar="NAME", help="only if the thread stands there")


def _edit(parser: Parser) -> None:
    parser.add_argument("name", metavar="VARIABLE")
    parser.add_argument("value", type=json_value, metavar="JSON")
    _thread(parser)


def _change_task(parser: Parser) -> None:
    _task(parser)
    parser.add_argument("state", choices=[str(one) for one in SAID_OF_TASKS])
    parser.add_argument("--value", dest="said", type=json_value, metavar="JSON", help="its output")
    parser.add_argument("--message", metavar="TEXT", help="why it has failed")
    parser.add_argument("--exception", metavar="NAME", help="of a TASK_EXCEPTION")


def _change_run(parser: Parser) -> None:
    parser.add_argument("state", choices=SAYABLE)


def _migrate(parser: Parser) -> None:
    parser.add_argument("--version", type=_number, metavar="N", help="the newest if left out")


def _labels(parser: Parser) -> None:
    parser.add_argument("labels", nargs="*", type=label, metavar="NAME=VALUE")
    parser.add_argument("--remove", action="append", default=[], metavar="NAME")


def label(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} has not the form NAME=VALUE")
    return name, value


VERBS: Final[dict[str, Verb]] = {
    "stop": Verb(
        "halt a run; what is running ends first", _thread, lambda run, o: run.stop(thread=o.thread)
    ),
    "resume": Verb(
        "let a run go on that was stopped, or pauses",
        _resume,
        lambda run, o: run.resume(o.content, thread=o.thread),
    ),
    "pause": Verb(
        "halt a run, and have it shown as paused",
        _thread,
        lambda run, o: run.pause(thread=o.thread),
    ),
    "rescue": Verb(
        "let a thread that has failed go on",
        _rescue,
        lambda run, o: run.rescue(thread=o.thread, skip_current_node=o.skip),
    ),
    "kill": Verb(
        "end a run for good, with its tasks and the runs below it",
        _kill,
        lambda run, o: run.kill(cascade=not o.alone, deadline=o.deadline),
    ),
    "restart": Verb(
        "let a run go on at all places at which it has failed",
        _nothing,
        lambda run, _: run.restart(),
    ),
    "replay": Verb(
        "start another run with the same inputs, from the beginning or from a place on",
        _replay,
        lambda run, o: run.replay(
            task_run=o.task_run,
            thread=o.thread,
            position=o.position,
            version=o.version,
            new_wf_run_id=o.run_id,
        ),
    ),
    "skip": Verb(
        "have a thread leave its node with an output",
        _skip,
        lambda run, o: run.skip(thread=o.thread, output=o.output, node=o.node),
    ),
    "retry": Verb(
        "try a task at once that waits for its next attempt",
        _task,
        lambda run, o: run.retry_now(o.task_run),
    ),
    "restart-task": Verb(
        "have a task begun anew",
        _grace,
        lambda run, o: run.restart_task(o.task_run, grace=o.grace),
    ),
    "stop-task": Verb(
        "have a task stopped", _grace, lambda run, o: run.shutdown_task(o.task_run, grace=o.grace)
    ),
    "change-state": Verb(
        "say how a task has ended, in place of its worker",
        _change_task,
        lambda run, o: run.change_state(
            o.task_run, o.state, output=o.said, error=o.message, exception=o.exception
        ),
    ),
    "change-run-state": Verb(
        "say as what a run counts that has ended",
        _change_run,
        lambda run, o: run.change_run_state(o.state),
    ),
    "edit-variable": Verb(
        "give a variable another value",
        _edit,
        lambda run, o: run.edit_variable(o.name, o.value, thread=o.thread),
    ),
    "set-labels": Verb(
        "set labels of a run, and take others away",
        _labels,
        lambda run, o: run.set_labels(dict(o.labels), remove=o.remove),
    ),
    "migrate": Verb(
        "let a run go on in another version of its WfSpec",
        _migrate,
        lambda run, o: run.migrate(version=o.version),
    ),
    "force": Verb(
        "let a run go on that waits for its place among those of its limit",
        _nothing,
        lambda run, _: run.force(),
    ),
}


def add(verbs: Verbs) -> None:
    """The verbs of VERBS."""
    for name, verb in VERBS.items():
        parser = verbs.add_parser(name, help=verb.help)
        parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
        verb.add(parser)
        add_output(parser)
        asking(parser, partial(_do, verb))


def _do(verb: Verb, options: Options, client: Client) -> None:
    told = verb.ask(client.handle(options.wf_run_id), options)
    show_told(options, options.wf_run_id, told)
