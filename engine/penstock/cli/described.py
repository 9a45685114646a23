"""Verbs made of the client's methods, so that each is described once: a method's parameters are its
verb's arguments, and the first sentence of its text is the verb's help.

What a method wants has a place; what it may be given is an option. The types say how it is written:
a duration such as 30s, a time with its zone, KEY=VALUE for each entry, or JSON.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import EnumType
from functools import partial
from inspect import Parameter
from itertools import islice
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, Unpack, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from penstock.cli.asking import asking
from penstock.cli.shown import add_output, show, watching
from penstock.cli.words import Verbs, count, duration_s
from penstock.sdk.client import Client
from penstock.sdk.options import Duration
from penstock.sdk.subject import Subject, lists

SHOWN_MAX: Final = 100
NUMBER_CHARS_MAX: Final = 18


class Method(Struct, frozen=True):
    """A method of the client, or of what a client has: where it is described, and how what it is
    asked of is found; the method that says what would become of the same arguments; and what it is
    `given` always.
    """

    owner: type[Subject[Any]]
    name: str
    of: Callable[[argparse.Namespace, Client], Any]
    rehearsal: str = ""
    given: Mapping[str, Any] = {}


def add_verb(
    verbs: Verbs,
    name: str,
    method: Method,
    *,
    run: bool = False,
    reads: bool = False,
    counts: bool = False,
    aliases: Sequence[str] = (),
) -> None:
    """A verb that calls a method; one about a `run` takes its id first. What only `reads` can be
    watched. One that `counts` goes through all that a method lists, and says how many these are.
    """
    describe: Callable[..., Any] = getattr(method.owner, method.name)
    said = ("how many: " if counts else "") + _sentence(describe)
    parser = verbs.add_parser(name, help=said, aliases=aliases)
    if run:
        parser.add_argument("wf_run_id", metavar="WF_RUN_ID")
    open_ones = (one for one in _parameters(describe) if one[0].name not in method.given)
    taken = [one for one in open_ones if _add_argument(parser, *one)]
    if not counts and isinstance(inspect.getattr_static(method.owner, method.name), lists):
        parser.add_argument(
            "--limit", type=count, default=SHOWN_MAX, metavar="N", help="(%(default)s)"
        )
    if method.rehearsal:
        said = f"do nothing, and say what {method.rehearsal} says"
        parser.add_argument("--dry-run", action="store_true", help=said)
    add_output(parser, watched=reads)

    def do(options: argparse.Namespace, client: Client) -> None:
        def once() -> None:
            args, kwargs = _given(options, [parameter for parameter, _ in taken])
            only = bool(method.rehearsal) and options.dry_run
            called = getattr(method.of(options, client), method.rehearsal if only else method.name)
            answer = called(*args, **{**kwargs, **method.given})
            if counts:
                answer = {"count": sum(1 for _ in answer)}
            elif isinstance(answer, Iterator):
                answer = list(islice(cast("Iterator[Any]", answer), options.limit))
            show(answer, options.format)

        watching(options, once)

    asking(parser, do)


def _sentence(describe: Callable[..., Any]) -> str:
    """The first sentence of what is said of a method, as a line of help."""
    said = " ".join((describe.__doc__ or "").split())
    first = re.split(r"[.;:] ", said)[0].rstrip(".").replace("`", "")
    return first[:1].lower() + first[1:].replace("%", "%%")


def _parameters(describe: Callable[..., Any]) -> Iterator[tuple[Parameter, Any]]:
    hints = get_type_hints(describe)
    for name, parameter in inspect.signature(describe).parameters.items():
        if name == "self":
            continue
        if get_origin(hints[name]) is Unpack:  # options that a dictionary describes
            for field, hint in get_type_hints(*get_args(hints[name])).items():
                yield Parameter(field, Parameter.KEYWORD_ONLY, default=None), hint
        else:
            yield parameter, hints[name]


def _given(
    options: argparse.Namespace, parameters: Sequence[Parameter]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments for a call; what was not said is left to the method."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for parameter in parameters:
        value = getattr(options, _stored(parameter))
        if parameter.kind is Parameter.VAR_POSITIONAL:
            args += value
        elif parameter.kind is Parameter.VAR_KEYWORD:
            kwargs |= value or {}
        elif parameter.default is Parameter.empty:
            args.append(value)
        elif value is not None:
            kwargs[parameter.name] = dict(value) if _is_entries(value) else value
    return args, kwargs


def _is_entries(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, tuple) for one in cast("list[Any]", value)
    )


def _stored(parameter: Parameter) -> str:
    return f"given_{parameter.name}"  # so that none has the name of an option of all verbs


def _add_argument(parser: argparse.ArgumentParser, parameter: Parameter, hint: Any) -> bool:
    """An argument for a parameter, if it can be written on a command line."""
    rest = parameter.kind is Parameter.VAR_KEYWORD
    how = _written(Mapping[str, Any] if rest else hint, parameter)
    if how is None:
        return False
    dest, name = _stored(parameter), parameter.name
    said = ", ".join(how.get("choices", ())) or how.get("metavar")
    placed: Any = {**how, "metavar": name.upper(), "help": None if said in _PLAIN else said}
    names = [dest]
    if parameter.kind is Parameter.VAR_POSITIONAL:
        placed |= {"nargs": "*", "default": []}  # else it is told as missing, too
    elif parameter.default is not Parameter.empty and parameter.kind is not Parameter.KEYWORD_ONLY:
        placed = {"nargs": "?", **placed}
    elif rest or parameter.default is not Parameter.empty:
        names, placed = [f"--{name.replace('_', '-')}"], {**how, "dest": dest}
    parser.add_argument(*names, **placed)
    return True


def _written(hint: Any, parameter: Parameter) -> dict[str, Any] | None:
    """How a type is written, as argparse is told it."""
    if get_origin(hint) in (Union, UnionType):
        kinds: set[Any] = {*get_args(hint)} - {NoneType}
        if kinds == {*get_args(Duration)}:
            return {"type": duration_s, "metavar": "TIME"}
        if len(kinds) > 1:  # what a program has, or its text
            kinds = {one for one in kinds if isinstance(one, EnumType)} or {str}
        hint = kinds.pop()
    if hint is bool:
        if parameter.default in (True, None):
            return {"action": argparse.BooleanOptionalAction, "default": None}
        return {"action": "store_const", "const": True}
    if hint in _SIMPLE:
        read, written = _SIMPLE[hint]
        return {"type": read, "metavar": written}
    if isinstance(hint, type) and issubclass(hint, Struct):
        return {"type": partial(_struct, hint), "metavar": "JSON"}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if isinstance(hint, EnumType):
        return {"choices": [str(one) for one in cast("Any", hint)]}
    if get_origin(hint) is Mapping:
        texts = get_args(hint) == (str, str)
        if not texts:
            return {"type": _object, "metavar": "JSON"}
        many = "nargs" if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD else "action"
        value = "*" if many == "nargs" else "append"
        none: dict[str, Any] = {"default": []} if many == "nargs" else {}
        return {"type": _entry, "metavar": "KEY=VALUE", many: value, **none}
    if get_origin(hint) is Sequence:
        return {"action": "append", "metavar": "TEXT"}
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no JSON: {error}; a text has quotes of its own: '\"text\"'"
        ) from error


def _object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no JSON object, such as '{{\"a\": 1}}'")
    return cast("dict[str, Any]", value)


def _struct(kind: type[Struct], text: str) -> Struct:
    try:
        return msgspec.convert(_object(text), kind)
    except msgspec.ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text[:80]!r}: {error}") from error


def _entry(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} has not the form KEY=VALUE")
    return name, value


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no time such as 2026-01-31T12:00:00Z"
        ) from error
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone; UTC is written with a Z")
    return at


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > NUMBER_CHARS_MAX:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from 0 on")
    return int(text)


_SIMPLE: Final[Mapping[Any, tuple[Callable[[str], Any], str]]] = {
    int: (_number, "N"),
    str: (str, "TEXT"),
    datetime: (_time, "TIME"),
    Any: (_json, "JSON"),
}
"""How simple types are read, and written."""
_PLAIN: Final = ("N", "TEXT")  # goes without saying
