"""Looking after a cluster: dead letters, and what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.cli.asking import asking, showing
from penstock.cli.codes import Exit
from penstock.cli.shown import add_output, show, table, text, watching
from penstock.cli.words import (
    Verbs,
    add_kafka,
    add_server,
    count,
    kafka_of,
    kafka_settings_of,
)
from penstock.config import Config
from penstock.contracts.answers.dead_letters import DeadLetterRead, DeadLetters
from penstock.processor.directory import CannotStart, listening
from penstock.sdk import api
from penstock.sdk.client import Client

WAIT_S: Final = 30.0


def add(verbs: Verbs) -> None:
    """dead-letters and doctor."""
    letters = verbs.add_parser("dead-letters", help="look at what could not be handled, or send it")
    kinds = letters.add_subparsers(dest="kind", required=True, metavar="WHAT")
    listed = kinds.add_parser("list", help="the newest first")
    listed.add_argument("--code", metavar="CODE", help="those with this code alone")
    listed.add_argument("--limit", type=count, default=100, metavar="N", help="(%(default)s)")
    showing(
        listed,
        lambda options, client: client.dead_letters.newest(code=options.code, limit=options.limit),
        _list,
    )
    shown = kinds.add_parser("get", help="one, with its bytes read as far as can be")
    showing(shown, lambda options, client: client.dead_letters.get(options.number), _letter)
    retry = kinds.add_parser("retry", help="append the bytes of one again, where that makes sense")
    add_output(retry)
    asking(
        retry,
        lambda options, client: show(client.dead_letters.retry(options.number), options.format),
    )
    for one in (shown, retry):
        one.add_argument("number", type=_number, metavar="NUMBER")
    doctor = verbs.add_parser("doctor", help="say what is wrong, and what mends it")
    doctor.add_argument(
        "--data", type=Path, metavar="DIR", help="look into a data directory, not at --url"
    )
    add_kafka(doctor, required=False, default=None)
    add_output(doctor, watched=True)
    add_server(doctor)
    doctor.set_defaults(do=_doctor)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of a dead letter")
    return int(text)


def _list(found: DeadLetters, wide: bool) -> Iterable[str]:
    yield from table(found.items, wide=wide)
    yield f"{len(found.items)} of {found.total}"


def _letter(found: DeadLetterRead, _: bool) -> Iterable[str]:
    read = found.read
    yield f"{found.code}, {text(found.at)}: {text(found.message)}"
    yield f"  of      {found.topic} {found.partition}:{found.offset}"
    yield f"  key     {read.key!r}"
    if read.record is None:
        yield f"  bytes   {found.value_bytes}, not a record: {text(read.problem)}"
        yield f"  as text {read.text!r}"
    else:
        yield f"  record  {text(read.record)}"
    yield f"  why     {found.why}"
    yield f"  do      {found.mend}"
    yield f"  retry   {found.retry}"


def _doctor(options: argparse.Namespace) -> int:
    wrong = 0

    def once() -> None:
        nonlocal wrong
        found = _ask(options, options.url) if options.data is None else _of_directory(options)
        show(found, options.format, _findings)
        wrong = found["wrong"]

    watching(options, once)
    return Exit.FAILED if wrong else Exit.DONE


def _findings(found: dict[str, Any], _: bool) -> Iterable[str]:
    for one in found["items"]:
        yield f"{'WRONG' if one['wrong'] else 'ok   '}  {one['check']:<12} {one['what']}"
        if one["wrong"]:
            yield f"                     -> {one['mend']}"
    match found["wrong"]:
        case 0:
            yield "nothing is wrong"
        case 1:
            yield "1 thing is wrong"
        case many:
            yield f"{many} things are wrong"


def _ask(options: argparse.Namespace, url: str) -> dict[str, Any]:
    with Client(url, tenant=options.tenant, deadline_s=options.within) as client:
        return client.call(api.Call(method="GET", path="/v1/doctor", wait_s=WAIT_S)).body


def _of_directory(options: argparse.Namespace) -> dict[str, Any]:
    from penstock.cli.offline import opened
    from penstock.gateway.routes.doctor import wall_clock_ms
    from penstock.processor.doctor import Patient, examine

    settings = kafka_settings_of(options)
    config = Config(data=options.data, kafka=kafka_of(options), kafka_settings=settings)
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
        return _ask(options, url)
    items = msgspec.to_builtins(found)
    return {"items": items, "wrong": sum(one.wrong for one in found)}
