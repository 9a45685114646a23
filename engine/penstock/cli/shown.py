"""How what a server has answered is shown: as a table, as lines, as JSON or as YAML.

Names and values are whatever somebody has put there: what a terminal would obey is shown, not done.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec
import msgspec.yaml

from penstock.cli.words import tell
from penstock.contracts.answers.common import Done, Excerpt
from penstock.core.definitions.quotas import BOUNDS
from penstock.core.values.timestamps import timestamp_text
from penstock.extras import from_the_wheel

FORMATS: Final = ("table", "wide", "json", "yaml")
CELL_MAX: Final = 48
WATCH_S: Final = 2.0
CLEAR: Final = "\x1b[H\x1b[2J"

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "WfRunHead": ("wf_run_id", "wf_spec", "version", "status", "started_at", "ended_at"),
    "NodeRunShown": ("thread", "position", "node", "node_type", "status", "task", "failure"),
    "NodeRunFound": ("wf_run_id", "thread", "position", "node", "node_type", "status"),
    "TaskRunShown": ("id", "task_def", "status", "thread", "position"),
    "VariableShown": ("thread", "name", "value"),
    "UserTaskShown": ("id", "user_task_def", "status", "user_id", "user_group"),
    "TaskDefShown": ("name", "kind", "return_type", "created_at", "description"),
    "LogShown": ("at", "level", "node", "attempt", "message"),
    "ScheduleShown": ("schedule_id", "wf_spec", "cron", "time_zone", "status", "next_at", "reason"),
    "WaitShown": ("thread", "node", "since", "until", "text"),
    "BulkHead": ("bulk_id", "verb", "status", "matched"),
    "DeadLetterShown": ("number", "at", "code", "topic", "partition", "offset", "message"),
    "TenantShown": ("name", "version", "description"),
    "QuotaShown": ("tenant", "principal", *BOUNDS),
    "OwnQuota": ("tenant", "principal", *BOUNDS, "used"),
}
"""What a table has of each kind, where all that is there would be too much."""

_NAMES: Final = frozenset({"name", "wf_spec", "task_def", "user_task_def", "task", "user_task"})
"""What other commands ask for, besides ids."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def add_output(parser: argparse.ArgumentParser, *, watched: bool = False) -> None:
    """How it is to be shown; and again and again, if nothing is changed by it."""
    parser.add_argument("-o", "--format", choices=FORMATS, default="table", help="(%(default)s)")
    if watched:
        parser.add_argument(
            "--watch", action="store_true", help="again every two seconds, until Ctrl-C"
        )


def watching(options: argparse.Namespace, show: Callable[[], None]) -> None:
    """Show it once, or until Ctrl-C."""
    show()
    while getattr(options, "watch", False):
        time.sleep(WATCH_S)
        if sys.stdout.isatty():
            tell(CLEAR, end="")
        show()


Lines = Callable[[Any, bool], Iterable[str]]
"""What a table says of an answer; `wide` if all of it is wanted."""


def show(value: Any, form: str, lines: Lines | None = None) -> None:
    """An answer, in a form; `lines` are its table, if it has one of its own."""
    if form in ("json", "yaml"):
        _write(plain(value), form)
        return
    told = False
    for line in (lines or lines_of)(value, form == "wide"):
        tell(line)
        told = True
    if not told and sys.stdout.isatty():
        tell("(none)")


def lines_of(value: Any, wide: bool) -> Iterable[str]:
    """Of a list a line for each item, else one for each field."""
    if isinstance(value, list):
        yield from table(cast("list[Any]", value), wide=wide)
    elif isinstance(value, Excerpt):
        part = cast("Excerpt[Any]", value)
        yield from table(part.items, wide=wide)
        if part.truncated:
            yield "... and more"
    elif isinstance(value, msgspec.Struct | Mapping):
        yield from _fields(_row(value))
    else:
        yield text(value)


def plain(value: Any) -> Any:
    """As it comes over HTTP, times in milliseconds, too."""
    return json.loads(
        json.dumps(msgspec.to_builtins(value, builtin_types=(datetime,)), default=text)
    )


def text(value: Any) -> str:
    """A value on one line."""
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case bytes():
            return str(plain(value))
        case datetime():
            return timestamp_text(int(value.timestamp() * 1_000))
        case str():
            return _CONTROL.sub(_escaped, value)
        case int() | float():
            return str(value)
        case _:
            return _CONTROL.sub(_escaped, json.dumps(plain(value), ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _write(value: Any, form: str) -> None:
    if form == "json":
        tell(json.dumps(value, ensure_ascii=False, indent=2))
        return
    try:
        tell(msgspec.yaml.encode(value).decode().rstrip())
    except ImportError as error:
        raise SystemExit(f"penstock: YAML needs: {from_the_wheel('flows')}") from error


def _row(item: Any) -> dict[str, Any]:
    """By the names that it has in JSON."""
    if isinstance(item, Mapping):
        return dict(cast("Mapping[str, Any]", item))
    if isinstance(item, msgspec.Struct):
        beside = Done.__struct_fields__ if isinstance(item, Done) else ()
        names = zip(item.__struct_fields__, item.__struct_encode_fields__, strict=True)
        return {said: getattr(item, name) for name, said in names if name not in beside}
    return {"value": item}


def _fields(row: Mapping[str, Any]) -> Iterable[str]:
    width = max((len(name) for name in row), default=0)
    for name, value in row.items():
        if value is not msgspec.UNSET:
            yield f"{name:<{width}}  {text(value)}".rstrip()


def table(
    items: Sequence[Any], *, wide: bool = False, columns: Sequence[str] = ()
) -> Iterable[str]:
    """A column for each field; all but the last, and what is handed to other commands, are cut
    where they are long, and show it. Of several times the first is there.
    """
    if not items:
        return
    rows = [_row(item) for item in items]
    if wide or not columns:
        all_of_them = list(rows[0])
        columns = all_of_them if wide else COLUMNS.get(type(items[0]).__name__, all_of_them)
    whole = columns if wide else (*filter(_is_handed_on, columns), *columns[-1:])
    if not wide:
        rows = [{name: _first_time(value) for name, value in row.items()} for row in rows]
    cells = [[_cell(row.get(name), whole=name in whole) for name in columns] for row in rows]
    yield from _aligned([[name.upper() for name in columns], *cells])


def _is_handed_on(name: str) -> bool:
    return name.endswith("id") or name in _NAMES


def _first_time(value: Any) -> Any:
    match value:
        case [datetime() as first, *_]:
            return first
        case _:
            return value


def _cell(value: Any, *, whole: bool) -> str:
    said = text(value)
    return said if whole or len(said) <= CELL_MAX else said[: CELL_MAX - 1] + "…"


def _aligned(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
