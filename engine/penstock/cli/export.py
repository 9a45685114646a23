"""`penstock export-test`: a run of a real server as a test that folds its commands again."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from pprint import pformat
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

from penstock.cli.of_run import add_run, asked, plain, read
from penstock.cli.words import Verbs, fail, tell, why
from penstock.sdk.client import Client

if TYPE_CHECKING:
    from penstock.processor.past import Past
    from penstock.testing.recorded import FoldedRun

Json = dict[str, Any]

WIDTH: Final = 94
_RUN: Final = ("tenant", "wf_run_id", "partition", "partitions", "until_ms")


def add(verbs: Verbs) -> None:
    """export-test."""
    parser = verbs.add_parser(
        "export-test", help="write a pytest file that folds the commands of a run again"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write it there; else it is printed"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    add_run(parser)
    parser.set_defaults(do=_export)


def _export(options: argparse.Namespace) -> int:
    output: Path | None = options.output
    if output is not None and output.exists() and not options.force:
        return fail(f"{output} is there already; --force writes over it")
    try:
        recording = recording_of(options)
        if recording["parts"] is not None:
            return fail(f"no test was written: {recording['parts']}")
        text = test_text(recording)
        if output is None:
            tell(text.rstrip())
            return 0
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        return fail(f"{output} can not be written: {why(error)}")
    count = len(recording["turns"])
    tell(f"{output}: {count} turns; run it with: pytest {output}")
    for place in recording["masked"]:
        tell(f"a stand-in is in the place of what is masked: {place}")
    return 0


def recording_of(options: argparse.Namespace) -> Json:
    """The recording of the run that is asked for."""

    def online(client: Client) -> Json:
        return read(client, options.wf_run_id, "/recording")

    def offline(past: Past, _: int) -> Json:
        from penstock.contracts.wire import TENANT_DEFAULT
        from penstock.gateway.past import sees_all
        from penstock.gateway.recorded import recording_of

        tenant = options.tenant or TENANT_DEFAULT
        return plain(recording_of(past, tenant, options.wf_run_id, sees_all))

    return asked(options, online, offline)


def test_text(recording: Json) -> str:
    """The text of the test; what it asserts is what the recording folds to here."""
    from penstock.testing.recorded import Recorded

    named = {name: recording[name] for name in _RUN}
    parts = {"definitions": recording["definitions"], "turns": recording["turns"]}
    return "\n".join(_lines(recording, named, Recorded(**named, **parts).fold()))


def _lines(recording: Json, named: Json, run: FoldedRun) -> Iterator[str]:
    yield from _head(recording)
    yield "from penstock.testing import Recorded"
    yield ""
    yield "DEFINITIONS = ["
    for one in recording["definitions"]:
        yield _item(one)
    yield "]"
    yield ""
    yield "TURNS = ["
    for one in recording["turns"]:
        yield f"    # {one.get('command', 'timers that were due')}"
        yield _item(one)
    yield "]"
    yield ""
    yield "RUN = Recorded("
    for name, value in named.items():
        yield f"    {name}={value!r},"
    yield "    definitions=DEFINITIONS,"
    yield "    turns=TURNS,"
    yield ")"
    yield ""
    yield from _literal("STORY", run.story())
    yield ""
    yield ""
    name = re.sub(r"\W", "_", recording["wf_run_id"], flags=re.ASCII)
    yield f"def test_the_run_{name}_goes_as_it_went() -> None:"
    yield "    run = RUN.fold()"
    yield f"    assert run.status == {run.status!r}"
    yield from _asserted("output", run.output)
    yield f"    assert run.failure {_is(run.failure)}"
    yield "    assert run.story() == STORY"
    yield ""


def _head(recording: Json) -> Iterator[str]:
    yield f'"""The run {recording["wf_run_id"]}, folded again; written by `penstock export-test`.'
    yield ""
    yield "It needs no server and no broker, only pytest and Penstock with its extra `server`."
    if recording["masked"]:
        yield "Stand-ins are in the place of what is masked:"
        yield ""
        for place in recording["masked"]:
            yield "    " + re.sub(r'[\\"]', "'", place)
    yield '"""'
    yield ""


def _item(value: Json) -> str:
    return indent(pformat(value, width=WIDTH, sort_dicts=False), "    ") + ","


def _literal(name: str, lines: list[str]) -> Iterator[str]:
    yield f"{name} = ["
    for line in lines:
        yield f"    {line!r},"
    yield "]"


def _asserted(name: str, value: Any) -> Iterator[str]:
    if value is None:
        yield f"    assert run.{name} is None"
        return
    text = pformat(value, width=WIDTH - 20, sort_dicts=False)
    yield f"    assert run.{name} == " + indent(text, "    ").lstrip()


def _is(value: str | None) -> str:
    return "is None" if value is None else f"== {value!r}"
