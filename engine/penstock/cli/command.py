"""What a command line stands for: a module for each kind of verb."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib.metadata import PackageNotFoundError, version

from penstock import extras
from penstock.cli import (
    acts,
    bench,
    builtin,
    care,
    completion,
    counts,
    explain,
    export,
    flows,
    keys,
    openapi,
    past,
    profiles,
    quotas,
    runs,
    serving,
    snapshot,
    tenants,
    what_if,
    working,
)
from penstock.cli.codes import TOLD, Exit, code_of
from penstock.cli.words import Parser, Unwritten, fail, tell
from penstock.config import LOG_LEVEL_VARIABLE, log_format_default, log_level
from penstock.observe.logs import start_logs
from penstock.observe.tracing import tracing


def run(arguments: list[str] | None) -> int:
    """Do what the command line says; the exit code says what came of it (codes.py)."""
    try:
        profile = profiles.begin()
    except profiles.BadProfiles as error:
        return fail(str(error))
    options = command_parser().parsed(arguments)
    if profile is not None:
        profiles.lend(profile, options)
    if (level := log_level()) not in logging.getLevelNamesMapping():
        return fail(f"{LOG_LEVEL_VARIABLE}: there is no level {level[:64]!r}", Exit.USAGE)
    start_logs(level, getattr(options, "log_format", log_format_default()))
    try:
        tracing()  # what that lacks is told before anything begins
        return options.do(options)
    except BrokenPipeError:  # whoever read it has seen enough, as `head` does
        _drop_output()
        return Exit.UNREAD
    except Unwritten as error:
        _drop_output()
        return fail(str(error))
    except TOLD as error:
        return fail(str(error), code_of(error))
    except ModuleNotFoundError as error:
        said = extras.told(error)
        if said is None:
            raise
        return fail(said)


def _drop_output() -> None:
    """Python writes what is left when it ends, and would tell that this fails, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(_: argparse.Namespace) -> int:
    try:
        tell(f"penstock {version('penstock')}")
    except PackageNotFoundError:
        tell("penstock, not installed")
    return 0


def command_parser() -> Parser:
    """The parser of all verbs."""
    parser = Parser(prog="penstock", description="A durable workflow engine on Apache Kafka.")
    said = "print the version"
    parser.add_argument("--version", action="store_const", dest="do", const=_version, help=said)
    verbs = parser.add_subparsers(dest="command", metavar="COMMAND")  # wanted, but for --version
    running = serving, snapshot, working, builtin
    asking = flows, bench, runs, acts, counts, past, export, what_if, care
    kept = profiles, keys, tenants, quotas, openapi, explain
    for kind in (*running, *asking, *kept):
        kind.add(verbs)
    completion.add(verbs, lambda: parser)
    verbs.add_parser("version", help=said).set_defaults(do=_version)
    return parser
