"""What the `penstock` command does with flows: check, deploy and run them, and say their schema."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.cli.asking import client_of
from penstock.cli.codes import Exit, code_of
from penstock.cli.shown import add_output, show
from penstock.cli.words import Verbs, add_server, fail, remark, tell, why
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError, RunFailed
from penstock.sdk.handle import RunHandle


def add(verbs: Verbs) -> None:
    """check, deploy, flow-schema and run."""
    _flows(verbs, "check", _check, "say what is wrong with flows, and where")
    deploy = _flows(verbs, "deploy", _deploy, "register flows, in the order in which they stand")
    add_server(deploy)
    schema = verbs.add_parser("flow-schema", help="print the JSON Schema of flows, for editors")
    schema.set_defaults(do=_schema)
    run = verbs.add_parser("run", help="start a run of a flow, or of any WfSpec")
    run.add_argument("flow", metavar="NAMESPACE.FLOW")
    run.add_argument("inputs", nargs="*", default=[], type=_input, metavar="NAME=VALUE")
    run.add_argument("--follow", action="store_true", help="tell what happens, until its end")
    run.add_argument("--wait", action="store_true", help="wait for its end, and tell its output")
    run.add_argument("--run-id", metavar="ID", help="an id of your own: again, it is the same run")
    add_output(run)
    add_server(run)
    run.set_defaults(do=_run)


def _flows(
    verbs: Verbs, name: str, do: Callable[[argparse.Namespace], int], said: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=said)
    parser.add_argument("flows", type=Path, nargs="+", metavar="FLOW.yaml")
    parser.set_defaults(do=do)
    return parser


def _input(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} has not the form NAME=VALUE")
    return name, value


def _check(options: argparse.Namespace) -> int:
    def check(text: str) -> list[str]:
        from penstock.flows.compiler import compile_flow
        from penstock.flows.reader import read_flow

        return [f"{compile_flow(read_flow(text)).name} is right as it stands"]

    return _each(options.flows, check)


def _deploy(options: argparse.Namespace) -> int:
    with client_of(options) as client:
        return _each(options.flows, lambda text: client.deploy(text).said)


def _each(paths: list[Path], do: Callable[[str], Any]) -> int:
    """A line for each thing that was done, or for each mistake, in the form that editors know."""
    from penstock.flows.document import FlowError

    wrong = 0
    for path in paths:
        try:
            for line in do(path.read_text(encoding="utf-8")):
                tell(f"{path}: {line}")
        except FlowError as error:
            wrong += 1
            for mistake in error.mistakes:
                mark = mistake.mark
                tell(f"{path}:{mark.line}:{mark.column}: {mistake.message}")
        except (OSError, UnicodeDecodeError) as error:
            return fail(f"{path} can not be read: {why(error)}")
        except PenstockError as error:
            for fault in error.faults:
                if "line" in fault:
                    tell(f"{path}:{fault['line']}:{fault['column']}: {fault['message']}")
            return fail(f"{path}: {error}", code_of(error))
    return 1 if wrong else 0


def _schema(_: argparse.Namespace) -> int:
    from penstock.flows.schema import flow_schema

    tell(json.dumps(flow_schema(), indent=2))
    return 0


def _run(options: argparse.Namespace) -> int:
    """Inputs are read as the flow's inputs are typed. As JSON or YAML the run itself is told, as it
    is in the end: nothing else then stands on stdout.
    """
    with client_of(options) as client:
        types = _input_types(client, options.flow)
        given = {name: _value(text, types.get(name)) for name, text in options.inputs}
        handle = client.run(options.flow, given, wf_run_id=options.run_id)
        if options.format in ("json", "yaml"):
            try:
                _told(handle, options, remark)
            except RunFailed:
                show(handle.get(), options.format)
                raise
            show(handle.get(), options.format)
        else:
            tell(handle.id)
            result = _told(handle, options, tell)
            if options.follow or options.wait:
                tell(json.dumps(result, ensure_ascii=False))
    return Exit.DONE


def _told(handle: RunHandle[Any], options: argparse.Namespace, say: Callable[[str], None]) -> Any:
    """The output of a run, if its end is waited for, and what happens until then."""
    for line in handle.follow_story() if options.follow else ():
        say(line)
    return handle.result() if options.follow or options.wait else None


def _input_types(client: Client, name: str) -> dict[str, str]:
    """The types of what a run is given, by name."""
    spec = client.wf_specs.get(name).spec
    return {one.name: one.type for one in spec.threads[spec.entrypoint].variables}


def _value(text: str, kind: str | None) -> Any:
    """Text is text; all else is JSON, if it can be read so."""
    if kind in (None, "STR", "TIMESTAMP"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
