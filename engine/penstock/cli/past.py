"""The past of runs: all that happened to one, and what it was at a moment. Asked of a server, or of
a data directory or Kafka without one.
"""

from __future__ import annotations

import argparse
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock.cli.words import Verbs, add_kafka, add_server, fail, tell
from penstock.config import CLUSTER_DEFAULT, Config
from penstock.core.errors import Reject
from penstock.core.ids import is_kebab, is_wf_run_id
from penstock.processor.directory import CannotStart, listening
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError
from penstock.sdk.story import tell as told
from penstock.store.port import StoreError

DEADLINE_S = 60.0


def add(verbs: Verbs) -> None:
    """history."""
    parser = verbs.add_parser(
        "history", help="tell all that happened to a run, or what it was at a moment"
    )
    parser.add_argument("wf_run_id", type=_run_id, metavar="WF_RUN_ID")
    parser.add_argument(
        "--at",
        type=_moment,
        metavar="POSITION|TIME",
        help="the run as of then: partition:offset, or a time such as 2026-01-31T12:00:00Z",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_server(parser)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="look into a data directory, not at --url"
    )
    add_kafka(parser, required=False, default=None)
    parser.add_argument(
        "--cluster", type=_cluster, default=CLUSTER_DEFAULT, metavar="NAME", help="(%(default)s)"
    )
    parser.set_defaults(do=_history)


def _run_id(text: str) -> str:
    if not is_wf_run_id(text):
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no id of a run: letters, digits, '_', '-', parts divided by '.'"
        )
    return text


def _moment(text: str) -> str:
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


def _cluster(text: str) -> str:
    if not is_kebab(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not kebab-case of 1-40 characters")
    return text


def _history(options: argparse.Namespace) -> int:
    """Its story, or with `--at` the run and its story up to then."""
    try:
        if options.data is None and options.kafka is None:
            run, story = _from_server(options, options.url)
        else:
            run, story = _without_server(options)
    except (PenstockError, CannotStart, StoreError) as error:
        return fail(str(error))
    if options.json:
        both = story if run is None else {"run": run, "history": story}
        tell(json.dumps(both, ensure_ascii=False, indent=2))
        return 0
    if run is not None:
        tell(f"{run['wf_run_id']}  {run['wf_spec']} {run['version']}  {run['status']}")
    for fact in story["items"]:
        tell(_line(fact))
    how = story["as_of"]
    tell(f"as of {how['position']}, {how['turns']} turns folded from the {how['from']}")
    if story["truncated"]:
        tell("a part of it is not told: it is too long")
    return 0


def _from_server(options: argparse.Namespace, url: str) -> tuple[Any, Any]:
    path = f"/v1/wf-runs/{options.wf_run_id}"
    at = {} if options.at is None else {"at": options.at}
    with Client(url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
        run = None
        if at:
            run = client.call(api.Call(method="GET", path=path, params=at)).body
        story = {**at, "positions": "true"}
        call = api.Call(method="GET", path=path + "/history", params=story, wait_s=DEADLINE_S)
        return run, client.call(call).body


def _without_server(options: argparse.Namespace) -> tuple[Any, Any]:
    """From the directory or Kafka; a server that has the directory is asked in place of it."""
    from penstock.cli.offline import opened
    from penstock.gateway.errors import ApiError
    from penstock.gateway.past import history_as_of, run_as_of
    from penstock.processor.past import PastUnknown

    config = Config(
        data=options.data or Path(),
        kafka=options.kafka,
        kafka_settings=dict(options.kafka_settings or []),
        cluster=options.cluster,
    )
    try:
        with opened(config, has_data=options.data is not None) as offline:
            past, number = offline.past_of(options.wf_run_id)
            asked = past, options.tenant, options.wf_run_id, options.at, number
            run = None if options.at is None else run_as_of(*asked)
            return _plain(run), _plain(history_as_of(*asked))
    except CannotStart:
        url = None if options.data is None else listening(options.data)
        if url is None:
            raise
        return _from_server(options, url)
    except (ApiError, Reject, PastUnknown) as error:
        raise CannotStart(str(error)) from error


def _plain(value: Any) -> Any:
    """As it comes over HTTP."""
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(value))


def _line(fact: dict[str, Any]) -> str:
    position = fact.get("log_position") or "-"
    if fact["what"] == "COMMAND":
        by = f" by {fact['principal']}" if fact["principal"] else ""
        return f"{position:>10}  {fact['at']}  {fact['command']}{by}"
    if fact["what"] == "OPERATOR":
        return f"{position:>10}  {fact['at']}      {fact['verb']} done by {fact['principal']}"
    return f"{position:>10}  {fact['at']}      {told(fact).partition('  ')[2]}"
