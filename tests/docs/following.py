"""Follows pages word by word, as a newcomer does: in an empty directory it writes the files that
they name, types their commands, and compares what these say with what is shown.

python -m tests.docs.following         follows docs/tutorial
python -m tests.docs.following --show  and puts what the commands say into the pages

- A block of Python, YAML or the like with a title is a file of that name.
- A `console` block has commands behind `$ `, each with what it says below it. A block with a title
  is another terminal: its command goes on running, until a `^C` in it.
- Where `...` is shown there may be anything; of times, moments and ids of the engine's making only
  the form counts. A command of which nothing is shown may say what it likes, but must end well.

One liberty is taken: the server listens on a free port, since other tests run beside.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.docs.blocks import ROOT, Block, blocks_of
from tests.kafka_broker import free_ports

TUTORIAL: Final = ROOT / "docs" / "tutorial"
HERE: Final = Path(sys.executable).parent
SHOWN_PORT: Final = "7070"
WAIT_S: Final = 90
TYPING_S: Final = 5.0
ASKS: Final = ("penstock why ", "penstock get ", "penstock list ", "penstock logs ")
_FORMS: Final = (
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{3}\b"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<moment>"),
    (re.compile(r"\b(?=\w*\d)\w{22,26}\b"), "<id>"),
    (re.compile(r"\b\d+\.\d\ds\b"), "<seconds>"),
    (re.compile(r"-{5,}"), "<rule>"),
    (re.compile(r" {2,}"), "  "),
)


class Differs(AssertionError):
    """A page does not say what happens."""


class Terminal:
    """A program that goes on running, and what it has said."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str]) -> None:
        self.said = ""
        self.program = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.program.stdout is not None
        for line in self.program.stdout:
            self.said += line

    def end(self) -> None:
        """What Ctrl-C does."""
        if self.program.poll() is None:
            self.program.send_signal(signal.SIGINT)
            try:
                self.program.wait(timeout=WAIT_S)
            except subprocess.TimeoutExpired:
                self.program.kill()
                self.program.wait()
                raise Differs(f"Ctrl-C does not end it:\n{self.said}") from None
        self._reader.join(timeout=WAIT_S)


class Newcomer:
    """Whoever follows the pages."""

    def __init__(self, folder: Path, *, programs: Path = HERE, shows: bool = False) -> None:
        self.folder = folder
        self.shows = shows
        [self.port] = free_ports(1)
        self.terminals: dict[str, Terminal] = {}
        kept = {name: value for name, value in os.environ.items() if "PENSTOCK" not in name}
        self.environment = kept | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PENSTOCK_URL": f"http://127.0.0.1:{self.port}",
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "COLUMNS": "100",
            "PY_COLORS": "0",
        }

    def close(self) -> None:
        """Leave nothing running."""
        for terminal in reversed(self.terminals.values()):
            if terminal.program.poll() is None:
                terminal.program.kill()
                terminal.program.wait()

    def follow(self, block: Block) -> str:
        """Do what a block says; the text that it would have if it told what happened."""
        if block.language != "console":
            if block.title:
                (self.folder / block.title).write_text(block.text, encoding="utf-8")
            return block.text
        told = ""
        for command, shown in typed(block.text):
            try:
                said = self._type(block.title, command, shown)
            except Differs as error:
                raise Differs(f"{block.where}: {command}\n{error}") from None
            told += f"{'' if command == '^C' else '$ '}{command}\n{said}"
            told += "" if told.endswith("\n") else "\n"
        return told

    def _type(self, title: str, command: str, shown: str) -> str:
        if command == "^C":
            self.terminals.pop(title).end()
            return ""
        line = command.replace(SHOWN_PORT, str(self.port))
        if not title:
            return self._run(line, shown)
        if line == "penstock dev":
            line += f" --port {self.port}"
        terminal = self.terminals[title] = Terminal(line, self.folder, self.environment)
        deadline = time.monotonic() + WAIT_S
        while not matches(shown, self._as_shown(terminal.said)):
            if time.monotonic() > deadline or terminal.program.poll() is not None:
                raise Differs(_difference(shown, self._as_shown(terminal.said)))
            time.sleep(0.05)
        return self._as_shown(terminal.said)

    def _run(self, line: str, shown: str) -> str:
        """What only asks is typed again for a while: a person is slower than this, and a run may
        not have come yet to where the page sees it.
        """
        deadline = time.monotonic() + (TYPING_S if line.startswith(ASKS) else 0.0)
        while True:
            try:
                return self._once(line, shown)
            except Differs:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _once(self, line: str, shown: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        said = self._as_shown(done.stdout)
        differs = not matches(shown, said) if shown else done.returncode != 0
        if differs and not self.shows:
            raise Differs(_difference(shown, said))
        return said

    def _as_shown(self, text: str) -> str:
        return text.replace(str(self.port), SHOWN_PORT)


def typed(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what is shown below it."""
    command: str | None = None
    shown = ""
    for line in text.splitlines():
        if line.startswith("$ ") or line == "^C":
            if command is not None:
                yield command, shown
            command, shown = line.removeprefix("$ "), ""
        else:
            shown += f"{line}\n"
    assert command is not None, f"no command in {text!r}"
    yield command, shown


def matches(shown: str, said: str) -> bool:
    """Whether a page may show this for what was said."""
    pattern = re.escape(_formed(shown)).replace(r"\.\.\.", ".*")
    return re.fullmatch(pattern, _formed(said), re.DOTALL) is not None


def _formed(text: str) -> str:
    for form, stands in _FORMS:
        text = form.sub(stands, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _difference(shown: str, said: str) -> str:
    return f"--- the page shows\n{shown}--- but it says\n{said}---"


def followed(
    pages: Iterable[Path], folder: Path, *, programs: Path = HERE, shows: bool = False
) -> dict[Path, str]:
    """Follow pages, one after the other, with the `programs` of an environment; each as it would be
    if it told what happened. Who only `shows` does not compare.
    """
    newcomer = Newcomer(folder, programs=programs, shows=shows)
    told: dict[Path, str] = {}
    try:
        for page in pages:
            text = page.read_text(encoding="utf-8")
            for block in blocks_of(page):
                if block.language:
                    text = text.replace(f"\n{block.text}```", f"\n{newcomer.follow(block)}```", 1)
            told[page] = text
        left = [title for title, one in newcomer.terminals.items() if one.program.poll() is None]
        if left:
            raise Differs(f"the pages leave {left} running")
    finally:
        newcomer.close()
    return told


def tutorial() -> list[Path]:
    """Its pages in order."""
    return sorted(TUTORIAL.glob("[0-9]*.md"))


if __name__ == "__main__":
    to_show = sys.argv[1:] == ["--show"]
    with tempfile.TemporaryDirectory() as empty:
        for path, shown_now in followed(tutorial(), Path(empty), shows=to_show).items():
            if to_show:
                path.write_text(shown_now, encoding="utf-8")
