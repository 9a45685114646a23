"""`penstock user-tasks`: forms that people fill in."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, cast

from penstock.cli.asking import asking
from penstock.cli.run_verbs import json_value
from penstock.cli.showing import add_output, show, show_list, show_told
from penstock.cli.words import Verbs, count
from penstock.core.state.transitions import UserTaskStatus
from penstock.sdk.client import Client

Parser = argparse.ArgumentParser
Options = argparse.Namespace

COLUMNS: Final = ("id", "user_task_def", "status", "user_id", "user_group", "scheduled_at")


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb on one user task: its arguments behind the id, and what is asked."""

    help: str
    add: Callable[[Parser], None]
    ask: Callable[[Client, Options], Any]


def _user(parser: Parser) -> None:
    parser.add_argument("user_id", metavar="USER")


def _results(parser: Parser) -> None:
    _user(parser)
    parser.add_argument("results", type=_object, metavar="JSON", help="fields by name")


def _complete(parser: Parser) -> None:
    _results(parser)
    parser.add_argument("--override", action="store_true", help="though another user has it")


def _assign(parser: Parser) -> None:
    parser.add_argument("--user", metavar="USER")
    parser.add_argument("--group", metavar="GROUP")
    parser.add_argument("--override", action="store_true", help="take it from a user")


def _comment(parser: Parser) -> None:
    _user(parser)
    parser.add_argument("text", metavar="TEXT")


def _object(text: str) -> dict[str, Any]:
    value = json_value(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no JSON object")
    return cast("dict[str, Any]", value)


def _nothing(parser: Parser) -> None:
    """It is all said by the user task."""


VERBS: Final[dict[str, Verb]] = {
    "assign": Verb(
        "say who is to have it",
        _assign,
        lambda client, o: client.user_tasks.assign(
            o.id, user_id=o.user, user_group=o.group, override_claim=o.override
        ),
    ),
    "claim": Verb(
        "take it from its group",
        _user,
        lambda client, o: client.user_tasks.claim(o.id, o.user_id),
    ),
    "release": Verb(
        "give it back to its group", _nothing, lambda client, o: client.user_tasks.release(o.id)
    ),
    "save": Verb(
        "keep some of the fields",
        _results,
        lambda client, o: client.user_tasks.save(o.id, o.user_id, o.results),
    ),
    "complete": Verb(
        "hand in the whole form",
        _complete,
        lambda client, o: client.user_tasks.complete(
            o.id, o.user_id, o.results, override=o.override
        ),
    ),
    "cancel": Verb(
        "end it without results", _nothing, lambda client, o: client.user_tasks.cancel(o.id)
    ),
    "comment": Verb(
        "remark something",
        _comment,
        lambda client, o: {"comment": client.user_tasks.comment(o.id, o.user_id, o.text)},
    ),
}


def add(verbs: Verbs) -> None:
    """user-tasks."""
    parser = verbs.add_parser("user-tasks", help="look at forms that people fill in, or do so")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    listed = kinds.add_parser("list", help="of all runs")
    listed.add_argument("--user", metavar="USER")
    listed.add_argument("--group", metavar="GROUP")
    listed.add_argument("--status", choices=[str(one) for one in UserTaskStatus])
    listed.add_argument("--form", metavar="NAME", help="of this UserTaskDef")
    listed.add_argument("--limit", type=count, default=100, metavar="N", help="(%(default)s)")
    add_output(listed)
    asking(listed, _list)
    for name, do, said in (
        ("get", _get, "one, with what was filled in"),
        ("audit", _audit, "all that has happened to one"),
        ("comments", _comments, "what people have remarked"),
    ):
        one = kinds.add_parser(name, help=said)
        one.add_argument("id", metavar="WF_RUN_ID/GUID")
        add_output(one)
        asking(one, do)
    for name, verb in VERBS.items():
        one = kinds.add_parser(name, help=verb.help)
        one.add_argument("id", metavar="WF_RUN_ID/GUID")
        verb.add(one)
        add_output(one)
        asking(one, partial(_do, verb))


def _list(options: Options, client: Client) -> None:
    found = client.user_tasks.find(
        user_id=options.user,
        user_group_id=options.group,
        user_task_status=options.status,
        user_task_def_name=options.form,
    )
    show_list(options, islice(found, options.limit), COLUMNS)


def _get(options: Options, client: Client) -> None:
    show(options, client.user_tasks.get(options.id))


def _audit(options: Options, client: Client) -> None:
    columns = ("at", "kind", "principal", "user_id", "user_group", "message")
    show_list(options, client.user_tasks.audit(options.id), columns)


def _comments(options: Options, client: Client) -> None:
    columns = ("number", "created_at", "user_id", "text")
    show_list(options, client.user_tasks.comments(options.id), columns)


def _do(verb: Verb, options: Options, client: Client) -> None:
    show_told(options, options.id, verb.ask(client, options))
