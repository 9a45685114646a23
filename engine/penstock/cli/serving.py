"""Running the engine, and verifying its stores."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import httpx

from penstock.cli.codes import Exit
from penstock.cli.security import add_security, security_of
from penstock.cli.words import (
    Verbs,
    add_kafka,
    add_log_format,
    add_place,
    count,
    duration_s,
    fail,
    kafka_settings_of,
    tell,
)
from penstock.cli.working import Reloading
from penstock.config import (
    CLUSTER_DEFAULT,
    CONNECTIONS_MAX_DEFAULT,
    DISK_FREE_MIB_DEFAULT,
    DRAIN_NOTICE_S_DEFAULT,
    HOST_DEFAULT,
    IN_FLIGHT_MAX_DEFAULT,
    LAG_MAX_DEFAULT,
    PARTITIONS_DEFAULT,
    PORT_DEFAULT,
    SEARCHES_MAX_DEFAULT,
    SESSION_TIMEOUT_MS_DEFAULT,
    SNAPSHOT_EVERY_S_DEFAULT,
    SNAPSHOTS_KEPT_DEFAULT,
    STREAMS_MAX_DEFAULT,
    TENANT_SEARCHES_MAX_DEFAULT,
    TENANT_STREAMS_MAX_DEFAULT,
    TENANT_WAITS_MAX_DEFAULT,
    WAITS_MAX_DEFAULT,
    Config,
    builtin_default,
    data_default,
    kafka_default,
)
from penstock.core.ids import is_kebab
from penstock.processor.directory import CannotStart, listening, locked
from penstock.sdk import credential

VERIFY_TIMEOUT_S = 3_600.0
WORKER_GRACE_S = 1.0
"""Of `dev --worker`: its server stops soon after it."""
WORKER = ("--register", "--grace-s", str(WORKER_GRACE_S))


def add(verbs: Verbs) -> None:
    """dev, server and verify."""
    _add_dev(
        verbs.add_parser(
            "dev", help="run everything in this process, on the embedded log: no Kafka needed"
        )
    )
    _add_server(verbs.add_parser("server", help="run the engine and its gateway on Kafka"))
    verify = verbs.add_parser(
        "verify", help="fold the log anew and compare with the stores, running or stopped"
    )
    _add_data(verify)
    add_kafka(verify, required=False, default=kafka_default())
    add_place(verify)
    verify.set_defaults(do=_verify)


def _add_dev(parser: argparse.ArgumentParser) -> None:
    _add_serving(parser)
    add_security(parser, asks=False)
    parser.add_argument(
        "--fresh", action="store_true", help="delete what is in the directory first"
    )
    parser.add_argument(
        "--sync", action="store_true", help="survive a power cut, not only a crash: slower"
    )
    parser.add_argument(
        "--no-builtin",
        dest="builtin",
        action="store_false",
        help="without the worker of the engine's own tasks",
    )
    parser.add_argument(
        "--worker",
        dest="workers",
        action="append",
        default=[],
        metavar="MODULE[:NAME]",
        help="run its tasks beside, and begin anew when a file below this directory changes; may be"
        " repeated",
    )
    parser.set_defaults(do=_run, kafka=None)


def _add_server(parser: argparse.ArgumentParser) -> None:
    add_kafka(parser, required=kafka_default() is None, default=kafka_default())
    _add_serving(parser)
    add_security(parser, asks=True)
    parser.add_argument(
        "--cluster",
        type=_cluster,
        default=CLUSTER_DEFAULT,
        metavar="NAME",
        help="the prefix of all topics (%(default)s)",
    )
    parser.add_argument(
        "--adopt-log",
        action="store_true",
        help="take the stores' positions for what was delivered, once, after the"
        " group's offsets were lost",
    )
    _add_nodes(parser)
    parser.add_argument(
        "--truncate-log",
        action="store_true",
        help="delete what the oldest snapshot that is kept has folded, from the log: history and"
        " --at reach back no further then; for s3:// only",
    )
    parser.add_argument(
        "--drain-notice-s",
        type=float,
        metavar="S",
        default=DRAIN_NOTICE_S_DEFAULT,
        help="after SIGTERM, how long to listen on while /readyz is red (%(default)s)",
    )
    parser.set_defaults(do=_run, builtin=False, workers=[])


def _add_nodes(parser: argparse.ArgumentParser) -> None:
    """What is between several nodes."""
    parser.add_argument(
        "--session-timeout-ms",
        type=count,
        metavar="MS",
        default=SESSION_TIMEOUT_MS_DEFAULT,
        help="how long another owner waits for this one (%(default)s)",
    )
    parser.add_argument(
        "--advertise",
        type=_url,
        metavar="URL",
        help="where other nodes reach this one, if not where it listens",
    )
    parser.add_argument(
        "--own",
        type=_partitions,
        metavar="0-3,5",
        help="own these partitions, always, in place of what the group would give",
    )
    parser.add_argument(
        "--peer",
        dest="peers",
        action="append",
        type=_peer,
        metavar="4-7=URL",
        help="with --own: where the owner of other partitions listens; may be repeated",
    )
    parser.add_argument(
        "--standbys",
        type=_none_or_more,
        metavar="N",
        default=0,
        help="how many nodes fold a partition beside its owner, to take it over warm and to be read"
        " on request; the same for all nodes (%(default)s)",
    )
    parser.add_argument(
        "--fold-version-max",
        type=count,
        metavar="N",
        help="keep the log at this fold version, so that an older build can come back during an"
        " upgrade; with --own, let it move to it",
    )


def _run(options: argparse.Namespace) -> int:
    """dev, and server."""
    from penstock import server
    from penstock.builtin.beside import BesideServer

    builtin = [BesideServer(builtin_default(), tell)] if options.builtin else []
    theirs = (
        [Reloading(options.workers, WORKER, Path.cwd(), WORKER_GRACE_S)] if options.workers else []
    )
    try:
        return server.run(_config(options), tell, [*builtin, *theirs])
    finally:
        for one in theirs:
            one.join()


def _config(options: argparse.Namespace) -> Config:
    not_its_own = ("do", "command", "builtin", "log_format", "workers")
    given = {name: value for name, value in vars(options).items() if name not in not_its_own}
    if "kafka_settings" in given:  # dev has its own log
        given["kafka_settings"] = kafka_settings_of(options)
    peers: list[tuple[tuple[int, ...], str]] = given.get("peers") or []
    given["peers"] = {number: url for numbers, url in peers for number in numbers}
    return Config(**security_of(given))


def _verify(options: argparse.Namespace) -> int:
    """Ask the server that has the directory; if there is none, look at it here."""
    from penstock import server

    config = _config(options)
    if not config.data.is_dir():
        return fail(f"there is no directory {config.data}")
    try:
        with locked(config.data, 0.0):
            found = [
                {name: getattr(one, name) for name in one.__struct_fields__}
                for one in server.verify(config)
            ]
            return _verdict(found, {})
    except CannotStart:
        url = listening(config.data)
        if url is None:
            raise
    try:
        with httpx.Client(**credential.options(url)) as http:
            answer = http.get("/v1/verify", timeout=VERIFY_TIMEOUT_S)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        said = f"the server at {url} has the directory and does not answer: {error}"
        return fail(said, Exit.NO_ANSWER)
    body = answer.json()
    return _verdict(body["items"], body["stopped"])


def _verdict(found: list[dict[str, Any]], stopped: dict[str, str]) -> int:
    for one in found:
        said = "equal" if one["equal"] else f"NOT EQUAL (store {one['store_digest']})"
        tell(
            f"partition {one['partition']}:{_since(one['since'])} {one['records']} records,"
            f" digest {one['fold_digest']},"
            f" {said}" + (f": {one['problem']}" if one["problem"] else "")
        )
    for number, why in stopped.items():
        tell(f"partition {number}: stopped, {why}")
    if not found:
        return fail("there is no store to verify")
    return 0 if all(one["equal"] for one in found) and not stopped else 1


def _since(offset: int) -> str:
    return f" snapshot at {offset} and" if offset else ""


def _add_serving(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    parser.add_argument("--host", default=HOST_DEFAULT, help="where to listen (%(default)s)")
    parser.add_argument(
        "--port", type=_port, help=f"where to listen ({PORT_DEFAULT}, or a free one if it is taken)"
    )
    parser.add_argument(
        "--partitions",
        type=count,
        metavar="N",
        help=f"of a log that is made now ({PARTITIONS_DEFAULT})",
    )
    add_place(parser)
    _add_snapshots(parser)
    add_log_format(parser)
    _add_bounds(parser)
    parser.add_argument(
        "--metrics-names",
        action="store_true",
        help="/metrics names TaskDefs and their tenants, for whoever may scrape",
    )
    parser.add_argument(
        "--failpoint",
        dest="failpoints",
        default="",
        metavar="NAME=ACTION[@N]",
        help="for tests: kill, raise or sleep:S at a named place",
    )


def _add_snapshots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--snapshot-every",
        dest="snapshot_every_s",
        type=duration_s,
        metavar="TIME",
        default=SNAPSHOT_EVERY_S_DEFAULT,
        help="30s, 10m or 2h: how often a partition that has moved gets one (10m)",
    )
    parser.add_argument(
        "--snapshot-records",
        type=count,
        metavar="N",
        help="and whenever this many records have come since the last one",
    )
    parser.add_argument(
        "--snapshots-kept",
        type=_kept,
        metavar="N",
        default=SNAPSHOTS_KEPT_DEFAULT,
        help="of each partition, 2 or more (%(default)s)",
    )


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    """How much is taken on."""
    for name, default, about in (
        ("--in-flight-max", IN_FLIGHT_MAX_DEFAULT, "commands under way; new work beyond gets 429"),
        ("--lag-max", LAG_MAX_DEFAULT, "records a partition may be behind; the same beyond"),
        ("--streams-max", STREAMS_MAX_DEFAULT, "streams that this server sends; the same beyond"),
        ("--tenant-streams-max", TENANT_STREAMS_MAX_DEFAULT, "the same of one tenant"),
        ("--waits-max", WAITS_MAX_DEFAULT, "requests that wait here; the same beyond"),
        ("--tenant-waits-max", TENANT_WAITS_MAX_DEFAULT, "the same of one tenant"),
        ("--searches-max", SEARCHES_MAX_DEFAULT, "searches under way here; the same beyond"),
        ("--tenant-searches-max", TENANT_SEARCHES_MAX_DEFAULT, "the same of one tenant"),
        ("--connections-max", CONNECTIONS_MAX_DEFAULT, "connections; those beyond are closed"),
        ("--disk-free-mib", DISK_FREE_MIB_DEFAULT, "kept free on the data directory's disk"),
    ):
        parser.add_argument(
            name, type=count, default=default, metavar="N", help=f"{about} (%(default)s)"
        )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=data_default(),
        metavar="DIR",
        help="the data directory (%(default)s)",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; 0 stands for a free one")
    return int(text)


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#\s]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} has not the form http://HOST:PORT")
    return text


def _partitions(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} has not the form 0-3,5")
    numbers: set[int] = set()
    for one in text.split(","):
        first, _, last = one.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(numbers))


def _peer(text: str) -> tuple[tuple[int, ...], str]:
    numbers, equals, url = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} has not the form 4-7=http://HOST:PORT")
    return _partitions(numbers), _url(url)


def _kept(text: str) -> int:
    if count(text) < SNAPSHOTS_KEPT_DEFAULT:
        raise argparse.ArgumentTypeError("one may turn out to be damaged: keep 2 or more")
    return count(text)


def _none_or_more(text: str) -> int:
    return 0 if text == "0" else count(text)


def _cluster(text: str) -> str:
    if not is_kebab(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not kebab-case of 1-40 characters")
    return text
