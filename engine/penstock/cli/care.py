"""Looking after a cluster: dead letters, and what is wrong."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec

from penstock.cli.words import Verbs, add_kafka, add_server, count, fail, kafka_settings_of, tell
from penstock.config import Config
from penstock.processor.directory import CannotStart, listening
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError
from penstock.store.port import StoreError

DEADLINE_S = 30.0
LETTERS = "/v1/dead-letters"


def add(verbs: Verbs) -> None:
    """dead-letters and doctor."""
    letters = verbs.add_parser("dead-letters", help="look at what could not be handled, or send it")
    kinds = letters.add_subparsers(dest="kind", required=True, metavar="WHAT")
    listed = kinds.add_parser("list", help="the newest first")
    listed.add_argument("--code", metavar="CODE", help="those with this code alone")
    listed.add_argument("--limit", type=count, default=100, metavar="N", help="(%(default)s)")
    _finish(listed, _list)
    for name, do, said in (
        ("show", _show, "one, with its bytes read as far as can be"),
        ("retry", _retry, "append the bytes of one again, where that makes sense"),
    ):
        one = kinds.add_parser(name, help=said)
        one.add_argument("number", type=_number, metavar="NUMBER")
        _finish(one, do)
    doctor = verbs.add_parser("doctor", help="say what is wrong, and what mends it")
    doctor.add_argument(
        "--data", type=Path, metavar="DIR", help="look into a data directory, not at --url"
    )
    add_kafka(doctor, required=False, default=None)
    _finish(doctor, _doctor)


def _finish(parser: argparse.ArgumentParser, do: Any) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_server(parser)
    parser.set_defaults(do=do)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of a dead letter")
    return int(text)


def _ask(
    options: argparse.Namespace,
    path: str,
    *,
    method: str = "GET",
    url: str | None = None,
    **params: Any,
) -> Any:
    with Client(url or options.url, tenant=options.tenant, deadline_s=DEADLINE_S) as client:
        call = api.Call(method=method, path=path, params=params, wait_s=DEADLINE_S)
        return client.call(call).body


def _list(options: argparse.Namespace) -> int:
    code = {} if options.code is None else {"code": options.code}
    try:
        found = _ask(options, LETTERS, limit=options.limit, **code)
    except PenstockError as error:
        return fail(str(error))
    if options.json:
        tell(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    for one in found["items"]:
        tell(
            f"{one['number']:>6}  {one['at']}  {one['code']:<10}"
            f" {one['topic']} {one['partition']}:{one['offset']}  {one['message'][:100]}"
        )
    tell(f"{len(found['items'])} of {found['total']}")
    return 0


def _show(options: argparse.Namespace) -> int:
    try:
        found = _ask(options, f"{LETTERS}/{options.number}")
    except PenstockError as error:
        return fail(str(error))
    if options.json:
        tell(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    read = found["read"]
    tell(f"{found['code']}, {found['at']}: {found['message']}")
    tell(f"  of      {found['topic']} {found['partition']}:{found['offset']}")
    tell(f"  key     {read['key']!r}")
    if read["record"] is None:
        tell(f"  bytes   {found['value_bytes']}, not a record: {read['problem']}")
        tell(f"  as text {read['text']!r}")
    else:
        tell(f"  record  {json.dumps(read['record'], ensure_ascii=False)}")
    tell(f"  why     {found['why']}")
    tell(f"  do      {found['mend']}")
    tell(f"  retry   {found['retry']}")
    return 0


def _retry(options: argparse.Namespace) -> int:
    try:
        found = _ask(options, f"{LETTERS}/{options.number}/retry", method="POST")
    except PenstockError as error:
        return fail(str(error))
    if options.json:
        tell(json.dumps(found))
    else:
        tell(f"sent again: {found['topic']} {found['position']}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    try:
        found = _ask(options, "/v1/doctor") if options.data is None else _of_directory(options)
    except (PenstockError, CannotStart, StoreError) as error:
        return fail(str(error))
    if options.json:
        tell(json.dumps(found, ensure_ascii=False, indent=2))
        return 1 if found["wrong"] else 0
    for one in found["items"]:
        tell(f"{'WRONG' if one['wrong'] else 'ok   '}  {one['check']:<12} {one['what']}")
        if one["wrong"]:
            tell(f"                     -> {one['mend']}")
    tell("nothing is wrong" if not found["wrong"] else f"{found['wrong']} things are wrong")
    return 1 if found["wrong"] else 0


def _of_directory(options: argparse.Namespace) -> Any:
    from penstock.cli.offline import opened
    from penstock.gateway.routes.doctor import wall_clock_ms
    from penstock.processor.doctor import Patient, examine

    settings = kafka_settings_of(options)
    config = Config(data=options.data, kafka=options.kafka, kafka_settings=settings)
    try:
        with opened(config, has_data=True) as offline:
            patient = Patient(
                log=offline.log,
                avro=offline.avro,
                topics=offline.topics,
                views=lambda: offline.views,
                stopped={},
                data=options.data,
                running=False,
                now_ms=wall_clock_ms(),
            )
            found = examine(patient)
    except CannotStart:
        url = listening(options.data)
        if url is None:
            raise
        return _ask(options, "/v1/doctor", url=url)
    items = msgspec.to_builtins(found)
    return {"items": items, "wrong": sum(one.wrong for one in found)}
