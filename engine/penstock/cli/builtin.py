"""Running the worker of the engine's own tasks."""

from __future__ import annotations

import argparse
from pathlib import Path

from penstock.cli.words import Verbs, add_log_format, add_server, count, fail, tell
from penstock.config import BuiltinConfig, builtin_default


def add(verbs: Verbs) -> None:
    """builtin-worker."""
    parser = verbs.add_parser("builtin-worker", help="run the engine's own tasks")
    default = builtin_default()
    add_server(parser, "the server, or kafka://HOST:PORT[/CLUSTER] (%(default)s)", kafka=True)
    parser.add_argument(
        "--slots", type=count, default=50, metavar="N", help="how many run at once (%(default)s)"
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
    add_log_format(parser)
    parser.set_defaults(do=_builtin_worker)


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
    except worker.CannotWork as error:
        return fail(str(error))
    return 0
