"""The `penstock` command."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import httpx

from penstock.cli_flows import add_verbs
from penstock.config import (
    CLUSTER_DEFAULT,
    HOST_DEFAULT,
    PARTITIONS_DEFAULT,
    PORT_DEFAULT,
    SESSION_TIMEOUT_MS_DEFAULT,
    BuiltinConfig,
    Config,
    builtin_default,
    data_default,
    kafka_default,
    log_level,
)
from penstock.core.ids import is_kebab
from penstock.log.port import LogError
from penstock.processor.directory import CannotStart, listening, locked
from penstock.sdk.errors import PenstockError
from penstock.store.port import StoreError
from penstock.telling import fail, tell

VERIFY_TIMEOUT_S = 3_600.0


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit code is 0, 1 for a failure, or 2 for a wrong command
    line.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=log_level(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return options.do(options)
    except KeyboardInterrupt:
        return 130
    except LogError as error:
        return fail(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rocksdict", "starlette", "uvicorn"):
            raise
        return fail(
            f"{error.name} is not installed; the engine needs: pip install 'penstock[server]'"
        )


def _run(options: argparse.Namespace) -> int:
    """dev, and server."""
    from penstock import server
    from penstock.builtin.beside import BesideServer

    try:
        beside = BesideServer(builtin_default(), tell) if options.builtin else None
        return server.run(_config(options), tell, beside)
    except (CannotStart, StoreError) as error:
        return fail(str(error))


def _config(options: argparse.Namespace) -> Config:
    not_its_own = ("do", "command", "builtin")
    given = {name: value for name, value in vars(options).items() if name not in not_its_own}
    given["kafka_settings"] = dict(given.get("kafka_settings") or [])
    return Config(**given)


def _builtin_worker(options: argparse.Namespace) -> int:
    from penstock.builtin import worker

    config = BuiltinConfig(
        secrets=options.secrets,
        allow=tuple(options.allow) or builtin_default().allow,
        allow_ports=tuple(options.allow_ports) or builtin_default().allow_ports,
        timeout_s=options.timeout_s,
    )
    try:
        worker.run(config, options.url, tenant=options.tenant, slots=options.slots, tell=tell)
    except (worker.CannotWork, PenstockError) as error:
        return fail(str(error))
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
        url = f"{options.url}/v1/expressions/evaluate"
        answer = httpx.post(url, json=body, headers={"Penstock-Tenant": options.tenant})
        found = answer.json()
        if answer.is_error:
            return fail(f"{found['error']['code']}: {found['error']['message']}")
        value = found["value"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return fail(f"the server at {options.url} does not answer as it should: {error}")
    tell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return 0


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
    except CannotStart as error:
        url = listening(config.data)
        if url is None:
            return fail(str(error))
    except StoreError as error:
        return fail(str(error))
    try:
        answer = httpx.get(f"{url}/v1/verify", timeout=VERIFY_TIMEOUT_S)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        return fail(f"the server at {url} has the directory and does not answer: {error}")
    body = answer.json()
    return _verdict(body["items"], body["stopped"])


def _verdict(found: list[dict[str, Any]], stopped: dict[str, str]) -> int:
    for one in found:
        said = "equal" if one["equal"] else f"NOT EQUAL (store {one['store_digest']})"
        tell(
            f"partition {one['partition']}: {one['records']} records, digest {one['fold_digest']},"
            f" {said}" + (f": {one['problem']}" if one["problem"] else "")
        )
    for number, why in stopped.items():
        tell(f"partition {number}: stopped, {why}")
    if not found:
        return fail("there is no store to verify")
    return 0 if all(one["equal"] for one in found) and not stopped else 1


def _version(_: argparse.Namespace) -> int:
    try:
        tell(f"penstock {version('penstock')}")
    except PackageNotFoundError:
        tell("penstock, not installed")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="penstock", description="A durable workflow engine on Apache Kafka."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    dev = commands.add_parser(
        "dev", help="run everything in this process, on the embedded log: no Kafka needed"
    )
    _add_serving(dev)
    dev.add_argument("--fresh", action="store_true", help="delete what is in the directory first")
    dev.add_argument(
        "--sync", action="store_true", help="survive a power cut, not only a crash: slower"
    )
    dev.add_argument(
        "--no-builtin",
        dest="builtin",
        action="store_false",
        help="without the worker of the engine's own tasks",
    )
    dev.set_defaults(do=_run, kafka=None)

    server = commands.add_parser("server", help="run the engine and its gateway on Kafka")
    _add_kafka(server, required=kafka_default() is None)
    _add_serving(server)
    server.add_argument(
        "--cluster",
        type=_cluster,
        default=CLUSTER_DEFAULT,
        metavar="NAME",
        help="the prefix of all topics (%(default)s)",
    )
    server.add_argument(
        "--adopt-log",
        action="store_true",
        help="take the stores' positions for what was delivered, once, after the"
        " group's offsets were lost",
    )
    server.add_argument(
        "--session-timeout-ms",
        type=_count,
        metavar="MS",
        default=SESSION_TIMEOUT_MS_DEFAULT,
        help="how long another owner waits for this one (%(default)s)",
    )
    server.set_defaults(do=_run, builtin=False)

    _add_builtin_worker(commands.add_parser("builtin-worker", help="run the engine's own tasks"))

    verify = commands.add_parser(
        "verify", help="fold the log anew and compare with the stores, running or stopped"
    )
    _add_data(verify)
    _add_kafka(verify, required=False)
    verify.set_defaults(do=_verify)

    add_verbs(commands)
    _add_evaluate(commands.add_parser("eval", help="try a template at a place of a run"))
    commands.add_parser("version", help="print the version").set_defaults(do=_version)
    return parser


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    url = f"http://{HOST_DEFAULT}:{PORT_DEFAULT}"
    parser.add_argument("place", metavar="WF_RUN_ID[/TASK_RUN]")
    parser.add_argument("template", metavar="'{{ ... }}'")
    parser.add_argument("--thread", type=int, default=0, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--position", type=int, metavar="N", help="of a node run; else where the thread stands"
    )
    parser.add_argument("--text", action="store_true", help="the text, not the value")
    parser.add_argument("--url", default=url, help="the server (%(default)s)")
    parser.add_argument("--tenant", default="default", metavar="NAME", help="(%(default)s)")
    parser.set_defaults(do=_evaluate)


def _add_builtin_worker(parser: argparse.ArgumentParser) -> None:
    default = builtin_default()
    parser.add_argument(
        "--url",
        default=f"http://{HOST_DEFAULT}:{PORT_DEFAULT}",
        help="the server, or kafka://HOST:PORT[/CLUSTER] (%(default)s)",
    )
    parser.add_argument(
        "--tenant", default="default", metavar="NAME", help="whose tasks (%(default)s)"
    )
    parser.add_argument(
        "--slots", type=_count, default=50, metavar="N", help="how many run at once (%(default)s)"
    )
    parser.add_argument(
        "--secrets", type=Path, default=default.secrets, metavar="FILE", help="a TOML file"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="HOST|NETWORK",
        help="beside the internet, where requests may go; may be repeated",
    )
    parser.add_argument(
        "--allow-port",
        dest="allow_ports",
        action="append",
        default=[],
        metavar="PORT",
        help="beside 80 and 443; may be repeated",
    )
    parser.add_argument(
        "--timeout-s",
        type=float,
        default=default.timeout_s,
        metavar="S",
        help="how long a request may take (%(default)s)",
    )
    parser.set_defaults(do=_builtin_worker)


def _add_serving(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    parser.add_argument("--host", default=HOST_DEFAULT, help="where to listen (%(default)s)")
    parser.add_argument(
        "--port", type=_port, help=f"where to listen ({PORT_DEFAULT}, or a free one if it is taken)"
    )
    parser.add_argument(
        "--partitions",
        type=_count,
        metavar="N",
        help=f"of a log that is made now ({PARTITIONS_DEFAULT})",
    )
    parser.add_argument(
        "--failpoint",
        dest="failpoints",
        default="",
        metavar="NAME=ACTION[@N]",
        help="for tests: kill, raise or sleep:S at a named place",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=data_default(),
        metavar="DIR",
        help="the data directory (%(default)s)",
    )


def _add_kafka(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--kafka",
        default=kafka_default(),
        required=required,
        metavar="HOST:PORT",
        help="the brokers, separated by commas",
    )
    parser.add_argument(
        "--kafka-config",
        dest="kafka_settings",
        action="append",
        type=_setting,
        metavar="NAME=VALUE",
        help="a setting of librdkafka; may be repeated",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; 0 stands for a free one")
    return int(text)


def _cluster(text: str) -> str:
    if not is_kebab(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not kebab-case of 1-40 characters")
    return text


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} has not the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
