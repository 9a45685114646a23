"""`penstock what-if`: a real run, folded against another definition of its workflow. Nothing is
written, and no server is told: it gives the recording of the run, and what else is asked is found
out here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from penstock.cli.export import recording_of
from penstock.cli.of_run import add_run
from penstock.cli.words import Verbs, fail, tell, why
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import DefinitionError, NotFound
from penstock.sdk.story import tell_shown as told

if TYPE_CHECKING:
    from penstock.core.command import Command
    from penstock.gateway.what_if import WhatIf

Json = dict[str, Any]

COLUMNS_MIN: Final = 80
BROKEN: Final = (
    *(ImportError, SyntaxError, NameError, AttributeError, TypeError, ValueError, KeyError),
    *(OSError, RuntimeError, DefinitionError),
)
"""What comes of a module with a mistake in it."""


class NoSpec(Exception):
    """What --spec names can not be had; the message says why."""


def add(verbs: Verbs) -> None:
    """what-if."""
    parser = verbs.add_parser(
        "what-if", help="fold a run against another definition, and show where the two part"
    )
    parser.add_argument(
        "--spec",
        required=True,
        metavar="FLOW.yaml|MODULE:WORKFLOW|VERSION",
        help="what the run is to follow in place of its own version",
    )
    parser.add_argument(
        "--answer",
        dest="answers",
        action="append",
        default=[],
        type=_answer,
        metavar="TASK_DEF=JSON",
        help="what a task gives that nobody did then; may be repeated",
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="(%(default)s)"
    )
    add_run(parser)
    parser.set_defaults(do=_what_if)


def _answer(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        if equals and name:
            return name, json.loads(value)
    except (ValueError, RecursionError):
        pass
    raise argparse.ArgumentTypeError(f"{text[:80]!r} has not the form TASK_DEF=JSON")


def _what_if(options: argparse.Namespace) -> int:
    from penstock.core.errors import Reject
    from penstock.gateway.what_if import what_if
    from penstock.processor.recording import of_json

    try:
        recording = recording_of(options)
        puts = _definitions(options, recording)
        found = what_if(of_json(recording), puts, dict(options.answers))
    except NoSpec as error:
        return fail(str(error))
    except Reject as error:
        return fail(f"such a definition is not taken: {error.code}: {error.message}")
    if options.output == "json":
        tell(json.dumps(_as_json(found, recording), ensure_ascii=False, indent=2))
        return 0
    for line in _text(found, recording):
        tell(line)
    return 0


# What the run is to follow.


def _definitions(options: argparse.Namespace, recording: Json) -> list[Command]:
    from penstock.core.commands.put_wf_spec import PutWfSpec
    from penstock.gateway.what_if import followed_by
    from penstock.processor.recording import of_json

    followed = followed_by(of_json(recording)).name
    given: str = options.spec
    if given.isascii() and given.isdecimal():
        puts = [_of_version(options, followed, given)]
    elif given.endswith((".yaml", ".yml")):
        puts = _of_flow(Path(given))
    elif ":" in given:
        puts = _of_module(*given.split(":", 1))
    else:
        raise NoSpec(f"--spec {given[:80]!r} is no file *.yaml, no module:workflow and no version")
    names = [one.name for one in puts if isinstance(one, PutWfSpec)]
    if followed not in names:
        raise NoSpec(f"--spec {given[:80]} defines {', '.join(names)}; the run is of {followed}")
    return [*_beside(options, recording, puts), *puts]


def _of_version(options: argparse.Namespace, name: str, version: str) -> Command:
    from penstock.core.commands.put_wf_spec import PutWfSpec

    if options.data is not None or options.kafka is not None:
        raise NoSpec("a version is asked of a server: use --url, or name a file or a module")
    shown = _get(options, f"/v1/wf-specs/{name}", version=version)
    return PutWfSpec(name=name, spec=shown["spec"])


def _of_flow(path: Path) -> list[Command]:
    from penstock.flows.compiler import compile_flow
    from penstock.flows.document import FlowError
    from penstock.flows.reader import read_flow

    try:
        compiled = compile_flow(read_flow(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise NoSpec(f"{path} can not be read: {why(error)}") from error
    except FlowError as error:
        lines = (
            f"{path}:{one.mark.line}:{one.mark.column}: {one.message}" for one in error.mistakes
        )
        raise NoSpec("\n".join(lines)) from error
    schedules = ("ScheduleWf", "PutWebhook")
    return [one for one in compiled.definitions if type(one).__name__ not in schedules]


def _of_module(module: str, name: str) -> list[Command]:
    from penstock.sdk.register import definitions_of
    from penstock.sdk.workflow import Workflow

    sys.path.insert(0, "")
    try:
        found: Any = getattr(importlib.import_module(module), name, None)
    except BROKEN as error:
        raise NoSpec(f"{module} can not be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if not isinstance(found, Workflow):
        raise NoSpec(f"{module} has no workflow {name!r}")
    return definitions_of([cast("Workflow[..., Any]", found)])


def _beside(options: argparse.Namespace, recording: Json, puts: list[Command]) -> list[Command]:
    """Definitions that the new one names and the run did not use: the engine's own tasks, and those
    that the server has.
    """
    import msgspec

    from penstock.builtin.tasks import BuiltinTasks

    own = {one.name: one.definition for one in BuiltinTasks().all}
    known = {(one["defines"], one["name"]) for one in recording["definitions"]}
    known |= {(type(one).__name__.removeprefix("Put"), getattr(one, "name", "")) for one in puts}
    made: list[Command] = []
    wanted = {pair for one in puts for pair in _named(msgspec.to_builtins(one))}
    for kind, name in sorted(wanted - known):
        if kind == "TaskDef" and name in own:
            made.append(own[name])
        elif options.data is None and options.kafka is None:
            made += _of_server(options, kind, name)
    return made


def _of_server(options: argparse.Namespace, kind: str, name: str) -> list[Command]:
    import msgspec

    from penstock.sdk.register import PATHS

    put, path = next((put, path) for put, path in PATHS.items() if put.__name__ == f"Put{kind}")
    try:
        shown = _get(options, f"{path}/{name}")
    except NotFound:
        return []
    fields = {field.name for field in msgspec.structs.fields(put)} & shown.keys()
    return [msgspec.convert({field: shown[field] for field in fields}, put)]


_KINDS: Final = {
    "task_def": "TaskDef",
    "event_def": "ExternalEventDef",
    "user_task_def": "UserTaskDef",
    "workflow_event_def": "WorkflowEventDef",
}


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """The definitions that a spec names, wherever in it."""
    if isinstance(value, dict):
        for key, part in cast("Json", value).items():
            if key in _KINDS and isinstance(part, str):
                yield _KINDS[key], part
            yield from _named(part)
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            yield from _named(part)


def _get(options: argparse.Namespace, path: str, **params: Any) -> Any:
    with Client(options.url, tenant=options.tenant, deadline_s=options.within) as client:
        return client.call(api.Call(method="GET", path=path, params=params)).body


# What is told.


def _as_json(found: WhatIf, recording: Json) -> Json:
    import msgspec

    shown = msgspec.to_builtins(found)
    return {**shown, "words": words(found), "recording_parts": recording["parts"]}


def words(found: WhatIf) -> str:
    """Where the two part, in a sentence."""
    at = found.parting
    if at is None:
        return "the run goes the same way, at the same times"
    then = None if at.then is None else told(at.then)
    instead = None if at.instead is None else told(at.instead)
    if at.kind == "time":
        return f"the steps are the same; from step {at.step + 1} on the times are not: {instead}"
    if then is None:
        return f"what happened ends after step {at.step}; instead it goes on: {instead}"
    if instead is None:
        return f"it would stand still after step {at.step}, where this happened: {then}"
    return f"they part at step {at.step + 1}: {then}  |  instead: {instead}"


def _text(found: WhatIf, recording: Json) -> Iterator[str]:
    if recording["parts"] is not None:
        yield f"beware: {recording['parts']}"
    for place in recording["masked"]:
        yield f"a stand-in is in the place of what is masked: {place}"
    yield words(found)
    yield ""
    yield from side_by_side([told(one) for one in found.then], [told(one) for one in found.instead])
    for one in found.not_taken:
        yield f"not taken: {one.command} (record {one.offset}): {one.why}"
    if found.stopped is not None:
        yield f"not told to its end: {found.stopped}"


def side_by_side(then: list[str], instead: list[str]) -> Iterator[str]:
    """Two stories: what happened, and what would have; `|` stands between lines that differ."""
    width = (max(COLUMNS_MIN, shutil.get_terminal_size((160, 24)).columns) - 3) // 2
    yield f"{'what happened':<{width}}   what would have"
    matched = SequenceMatcher(None, _timeless(then), _timeless(instead), autojunk=False)
    for tag, left, left_end, right, right_end in matched.get_opcodes():
        for number in range(max(left_end - left, right_end - right)):
            one = then[left + number] if left + number < left_end else ""
            other = instead[right + number] if right + number < right_end else ""
            mark = " " if tag == "equal" else "<" if not other else ">" if not one else "|"
            yield f"{_cut(one, width):<{width}} {mark} {_cut(other, width)}".rstrip()


def _timeless(lines: list[str]) -> list[str]:
    return [line.partition("  ")[2] for line in lines]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
