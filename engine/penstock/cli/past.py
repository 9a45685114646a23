"""The past of runs: all that happened to one, and what it was at a moment. Asked of a server, or of
a data directory or Kafka without one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.cli.codes import Exit
from penstock.cli.of_run import add_run, asked, plain, read
from penstock.cli.shown import add_output, show, watching
from penstock.cli.words import Verbs
from penstock.sdk.client import Client
from penstock.sdk.story import tell_shown

if TYPE_CHECKING:
    from penstock.processor.past import Past


def add(verbs: Verbs) -> None:
    """history."""
    parser = verbs.add_parser(
        "history", help="tell all that happened to a run, or what it was at a moment"
    )
    parser.add_argument(
        "--at",
        type=moment,
        metavar="POSITION|TIME",
        help="the run as of then: partition:offset, or a time such as 2026-01-31T12:00:00Z",
    )
    add_output(parser, watched=True)
    add_run(parser)
    parser.set_defaults(do=_history)


def moment(text: str) -> str:
    """A position, or a time with its zone."""
    if re.fullmatch(r"\d{1,6}:\d{1,18}", text):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no moment; use partition:offset, or a time with its zone, such as"
            " 2026-01-31T12:00:00Z"
        )
    return text


def _history(options: argparse.Namespace) -> int:
    """Its story, or with `--at` the run and its story up to then."""

    def once() -> None:
        run, story = asked(
            options, partial(_from_server, options), partial(_without_server, options)
        )
        show(story if run is None else {"run": run, "history": story}, options.format, _lines)

    watching(options, once)
    return Exit.DONE


def _lines(found: dict[str, Any], _: bool) -> Iterable[str]:
    run, story = found.get("run"), found.get("history", found)
    if run is not None:
        yield f"{run['wf_run_id']}  {run['wf_spec']} {run['version']}  {run['status']}"
    for fact in story["items"]:
        yield _line(fact)
    how = story["as_of"]
    yield f"as of {how['position']}, {how['turns']} turns folded from the {how['from']}"
    if story["truncated"]:
        yield "a part of it is not told: it is too long"


def _from_server(options: argparse.Namespace, client: Client) -> tuple[Any, Any]:
    at = {} if options.at is None else {"at": options.at}
    run = read(client, options.wf_run_id, "", **at) if at else None
    return run, read(client, options.wf_run_id, "/history", positions="true", **at)


def _without_server(options: argparse.Namespace, past: Past, number: int) -> tuple[Any, Any]:
    from penstock.contracts.wire import TENANT_DEFAULT
    from penstock.gateway.past import history_as_of, run_as_of, sees_all

    tenant = options.tenant or TENANT_DEFAULT
    asked_for = past, tenant, options.wf_run_id, options.at, number, sees_all
    run = None if options.at is None else run_as_of(*asked_for)
    return plain(run), plain(history_as_of(*asked_for))


def _line(fact: dict[str, Any]) -> str:
    position = fact.get("log_position") or "-"
    if fact["what"] == "COMMAND":
        by = f" by {fact['principal']}" if fact["principal"] else ""
        return f"{position:>10}  {fact['at']}  {fact['command']}{by}"
    if fact["what"] == "OPERATOR":
        return f"{position:>10}  {fact['at']}      {fact['verb']} done by {fact['principal']}"
    return f"{position:>10}  {fact['at']}      {_told(fact)}"


def _told(fact: dict[str, Any]) -> str:
    """Without its time of day: the whole time stands there already."""
    return tell_shown(fact).partition("  ")[2]
