"""How verbs show what a server has said: as a table for people, or as JSON for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from penstock.cli.words import tell

Json = dict[str, Any]

CELL_CHARS_MAX: Final = 60
_OF_COMMANDS: Final = ("repeated", "position")


def add_output(parser: argparse.ArgumentParser) -> None:
    """How the answer is shown."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "wide", "json"),
        default="table",
        help="(%(default)s); wide has all fields, and cuts none",
    )


def show_list(options: argparse.Namespace, items: Iterable[Any], columns: Sequence[str]) -> None:
    """Each item in a line, or all in one list."""
    plain = [_plain(one) for one in items]
    if options.output == "json":
        _show_json(plain)
        return
    wide = options.output == "wide"
    if wide and plain:
        columns = [*columns, *(name for name in plain[0] if name not in columns)]
    most = None if wide else CELL_CHARS_MAX
    lines = [[_cell(one.get(name), most) for name in columns] for one in plain]
    widths = [max(map(len, column)) for column in zip(*[[*columns], *lines], strict=True)]
    for line in [[name.upper() for name in columns], *lines]:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        tell("  ".join(cells).rstrip())


def show(options: argparse.Namespace, item: Any) -> None:
    """One item: a field a line, or as it comes."""
    plain = _plain(item)
    if options.output == "json":
        _show_json(plain)
        return
    width = max(map(len, plain), default=0)
    most = None if options.output == "wide" else CELL_CHARS_MAX
    for name, value in plain.items():
        tell(f"{name.ljust(width)}  {_cell(value, most)}".rstrip())


def show_told(options: argparse.Namespace, of: str, told: Any) -> None:
    """What a command was answered: whose, and what that has become."""
    plain = _plain(told)
    if options.output == "json":
        _show_json(plain)
        return
    parts = [f"{name} {_cell(plain[name], None)}" for name in plain if name not in _OF_COMMANDS]
    tell("  ".join([printable(of), *(parts or ["done"])]))


def printable(text: str) -> str:
    """Without what a terminal would take for more than text: anybody may have written it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _show_json(value: Any) -> None:
    tell(json.dumps(value, ensure_ascii=False, indent=2))


def _plain(item: Any) -> Json:
    return msgspec.to_builtins(item)


def _cell(value: Any, most: int | None) -> str:
    if value is None or value == "":
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = printable(text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"
