"""What is wrong with a command line, for every verb that the parser has: one sentence, the code of
docs/CLI.md, no traceback. A new verb is tried by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from penstock.cli import main
from penstock.cli.codes import MEANS, Exit
from tests.cli.calls import Said
from tests.cli.installed import Installed, installed
from tests.cli.verbs import WRONG, Verb, all_verbs, is_any_text, refuses
from tests.gateway.served import Served, serving

VERBS: Final = {verb.name: verb for verb in all_verbs()}
NOWHERE: Final = "http://127.0.0.1:9"
AT_ONCE: Final = 24

SERVES: Final = frozenset({"dev", "server", "worker", "builtin-worker"})
"""What goes on until it is ended."""
IN_FILES: Final = frozenset({"check", "deploy"})
OTHERWISE: Final = {
    **dict.fromkeys(("tenants put", "quotas put", "principals put"), Exit.DONE),
    # An event may come before its run; and nothing has happened by a name that nobody has.
    **dict.fromkeys(("list external-event", "counts wf-spec", "counts task-def"), Exit.DONE),
    "counts user-task-def": Exit.DONE,
    "validate struct-def": Exit.DONE,  # of a first version, too
    # What is asked for can not be, whatever is there.
    **dict.fromkeys(("bulk preview", "bulk start", "schedules make"), Exit.FAILED),
    "keys revoke": Exit.FAILED,
}
"""What comes of a verb about something that is not there, where that is no NOT_FOUND."""


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with installed(tmp_path_factory.mktemp("said")) as one:
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("every")) as one:
        yield one


def at_once(
    call: Installed, calls: Iterable[list[str]], wrong: Callable[[Said], str | None]
) -> str:
    """What is wrong with each of many calls."""
    calls = list(calls)
    assert calls
    with ThreadPoolExecutor(AT_ONCE) as threads:
        said = threads.map(lambda words: call(*words), calls)
        found = [(words, one, wrong(one)) for words, one in zip(calls, said, strict=True)]
    return "\n".join(
        f"{why}: penstock {' '.join(words)}: {one}" for words, one, why in found if why
    )


def is_told(*codes: Exit) -> Callable[[Said], str | None]:
    """Whether it is told in a sentence, with one of these codes."""

    def wrong(said: Said) -> str | None:
        if said.returncode not in codes:
            return f"not {codes}"
        lines = said.stderr.splitlines()
        if len(lines) != 1 or not lines[0].startswith("penstock: "):
            return "no sentence"
        return None

    return wrong


def test_the_page_has_the_codes() -> None:
    """docs/CLI.md and codes.py say the same of each."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "CLI.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page, re.M)
    assert rows == [(str(int(code)), said) for code, said in MEANS.items()]


def test_an_option_that_is_none(call: Installed) -> None:
    calls = [[*verb.said(), "--no-such-option"] for verb in VERBS.values()]
    assert at_once(call, calls, is_told(Exit.USAGE)) == ""


def test_an_argument_that_is_missing(call: Installed) -> None:
    calls = [
        verb.said()[: len(verb.words) + number]
        for verb in VERBS.values()
        for number in range(len(verb.placed))
    ]
    assert at_once(call, calls, is_told(Exit.USAGE)) == ""


def test_a_verb_that_is_none(call: Installed) -> None:
    above = {verb.words[:-1] for verb in VERBS.values()}
    calls = [[*words, "frobnicate"] for words in above] + [list(words) for words in above]
    assert at_once(call, calls, is_told(Exit.USAGE)) == ""


def test_a_value_that_has_not_its_form(call: Installed) -> None:
    """Numbers, times, durations, JSON, choices: whatever an argument has a form for."""
    calls = [words for verb in VERBS.values() for words in _formless(verb)]
    assert len(calls) > len(VERBS)
    assert at_once(call, calls, is_told(Exit.USAGE)) == ""


def _formless(verb: Verb) -> Iterator[list[str]]:
    for action in verb.placed:
        if not is_any_text(action) and refuses(verb.parser, action, WRONG):
            yield verb.said(**{action.dest: WRONG})
    for action in verb.optional:
        if not is_any_text(action) and refuses(verb.parser, action, WRONG):
            yield [*verb.said(), *action.option_strings[-1:], WRONG]


def test_an_address_that_is_none(call: Installed) -> None:
    calls = [[*verb.said(), "--url", "nowhere"] for verb in VERBS.values() if verb.has("--url")]
    assert at_once(call, calls, is_told(Exit.USAGE)) == ""


@pytest.mark.timeout(300)
def test_a_server_that_is_not_there(call: Installed, tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text("id: one\nnamespace: a\ntasks: [{id: say, type: log, message: hi}]\n")
    calls = [
        [*verb.said(flows=str(flow)), "--url", NOWHERE, "--within", "1s"]
        for verb in VERBS.values()
        if verb.has("--url") and verb.name not in SERVES
    ]
    assert at_once(call, calls, is_told(Exit.NO_ANSWER)) == ""


@pytest.mark.timeout(300)
def test_what_is_not_there(call: Installed, served: Served, tmp_path: Path) -> None:
    """NOT_FOUND, of every verb that is about something with a name; no other that is not told."""
    asking = [verb for verb in VERBS.values() if verb.has("--url") and verb.placed]
    asking.sort(key=lambda verb: OTHERWISE.get(verb.name) is Exit.DONE)  # what makes one is last
    wrong: list[str] = []
    for verb in asking:
        if verb.name in SERVES | IN_FILES:
            continue
        expected = OTHERWISE.get(verb.name, Exit.NOT_FOUND)
        said = call(*verb.said(), "--url", served.url)
        why = None if said.returncode == expected == 0 else is_told(expected)(said)
        if why:
            wrong.append(f"{why}: penstock {' '.join(verb.said())}: {said}")
    assert not wrong, "\n".join(wrong)


def test_the_version_is_asked_for_as_of_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """As a verb, and as an option without one; without either a verb is missing."""
    assert main(["version"]) == main(["--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    with pytest.raises(SystemExit) as wrong:
        main([])
    assert wrong.value.code == Exit.USAGE
