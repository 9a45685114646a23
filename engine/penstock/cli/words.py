"""What every verb of the command line is made of: how it tells and fails, and arguments that many
have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from penstock.cli.codes import Exit
from penstock.config import (
    KAFKA_CONFIG_VARIABLE,
    LOG_FORMATS,
    kafka_default,
    kafka_settings_default,
    log_format_default,
    read_kafka_settings,
    snapshots_default,
    tenant_default,
    url_default,
)
from penstock.sdk.api import checked_url

WITHIN_S: Final = 10.0
CHOICES_TOLD_MAX: Final = 8
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600}


class Verbs(Protocol):
    """To what a verb is added."""

    def add_parser(
        self, name: str, *, help: str, aliases: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        """The parser of a new verb."""
        ...


class Parser(argparse.ArgumentParser):
    """One that says what is wrong in a sentence, and where the arguments are told. For a word that
    is none of many, those that look like it are named, not all.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.set_defaults(parsed_by=self)  # that of the verb, in the end

    def parsed(self, arguments: list[str] | None) -> argparse.Namespace:
        """The options; what is not known is told by the verb, whose help says what is."""
        options, unknown = self.parse_known_args(arguments)
        verb = vars(options).pop("parsed_by")  # what is left is what was said
        if unknown:
            verb.error(f"unrecognized arguments: {' '.join(unknown)}")
        if options.do is None:
            verb.error("the following arguments are required: COMMAND")
        return options

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(one) for one in action.choices]
        like = get_close_matches(str(value).lower(), choices)
        if len(choices) <= CHOICES_TOLD_MAX:
            said = f"choose from {', '.join(choices)}"
        else:
            said = f"did you mean {' or '.join(like)}?" if like else "there is none like it"
        raise argparse.ArgumentError(action, f"invalid choice: {str(value)[:80]!r}; {said}")

    def error(self, message: str) -> NoReturn:
        """End, with the code of a wrong command line."""
        raise SystemExit(fail(f"{message}; see {self.prog} --help", Exit.USAGE))


def fail(message: str, code: Exit = Exit.FAILED) -> int:
    """Say why it can not be done; the exit code."""
    remark(f"penstock: {message}")
    return code


def remark(line: str) -> None:
    """A line beside what was asked for."""
    print(line, file=sys.stderr, flush=True)


def why(error: OSError | UnicodeDecodeError) -> str:
    """What is wrong with a file, whose name stands beside it."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error)


class Unwritten(Exception):
    """What was asked for can not be written: the disk is full, say."""


def tell(line: str, end: str = "\n") -> None:
    """A line of what was asked for."""
    try:
        print(line, end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten(f"the output can not be written: {why(error)}") from error


def add_server(
    parser: argparse.ArgumentParser, said: str = "the server (%(default)s)", *, kafka: bool = False
) -> None:
    """Which server is asked, and whose things; a worker may ask Kafka itself."""
    kind = _kafka_or_server if kafka else _server
    parser.add_argument("--url", type=kind, default=url_default(), help=said)
    named = tenant_default()
    parser.add_argument(
        "--tenant",
        default=named,
        metavar="NAME",
        help=f"({named or 'the only one of the credential, else default'})",
    )
    parser.add_argument(
        "--within",
        type=duration_s,
        default=WITHIN_S,
        metavar="TIME",
        help=f"how long to go on asking a server that is away or overloaded ({WITHIN_S:g}s)",
    )


def _server(text: str) -> str:
    try:
        return checked_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _kafka_or_server(text: str) -> str:
    if not text.startswith(("kafka://", "http://", "https://")):
        said = f"{text!r}: use http://HOST:PORT or kafka://HOST:PORT[/CLUSTER]"
        raise argparse.ArgumentTypeError(said)
    return text if text.startswith("kafka://") else _server(text)


def duration_s(text: str) -> float:
    """A duration such as 30s, 10m or 2h, in seconds."""
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS_S or not 0 < int(number) < 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 30s, 10m or 2h")
    return float(int(number) * _UNITS_S[unit])


def add_log_format(parser: argparse.ArgumentParser) -> None:
    """How what runs for long writes its log lines."""
    parser.add_argument(
        "--log-format",
        choices=LOG_FORMATS,
        default=log_format_default(),
        help="of the lines on stderr (%(default)s)",
    )


def count(text: str) -> int:
    """A number above 0."""
    if not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Where snapshots are."""
    parser.add_argument(
        "--snapshots",
        default=snapshots_default(),
        metavar="DIR|s3://BUCKET/PREFIX",
        help="where snapshots of the stores are kept",
    )


def add_kafka(parser: argparse.ArgumentParser, *, required: bool, default: str | None) -> None:
    """Which Kafka, and how to talk to it."""
    parser.add_argument(
        "--kafka",
        default=default,
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
        help="a setting of librdkafka; may be repeated. Others on the machine can see it: passwords"
        " belong into a file",
    )
    parser.add_argument(
        "--kafka-config-file",
        dest="kafka_settings",
        action="extend",
        type=_settings_file,
        metavar="FILE",
        help="such settings, a line each; those of the file that PENSTOCK_KAFKA_CONFIG names hold"
        " where nothing else is said",
    )


def kafka_of(options: argparse.Namespace) -> str | None:
    """The brokers that are named; of a directory, which may belong to them, else those of the
    environment.
    """
    named: str | None = options.kafka
    return named or (None if options.data is None else kafka_default())


def kafka_settings_of(options: argparse.Namespace) -> dict[str, str]:
    """What the command line says of Kafka, over the file that the environment names."""
    try:
        return {**kafka_settings_default(), **dict(options.kafka_settings or ())}
    except (OSError, ValueError) as error:
        raise SystemExit(fail(f"{KAFKA_CONFIG_VARIABLE}: {error}")) from error


def _settings_file(text: str) -> list[tuple[str, str]]:
    try:
        return list(read_kafka_settings(Path(text)).items())
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} has not the form NAME=VALUE")
    return name, value
