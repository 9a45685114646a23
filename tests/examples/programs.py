"""Builds the examples in other languages with their ordinary tools, once for each state of their
sources, into build/examples.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build" / "examples"
BUILD_S: Final = 300


class Language(Struct, frozen=True):
    """How the example in a language is built in a folder that has its sources, and run there."""

    name: str
    greets: str
    tools: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    run: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The tools that this machine does not have."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


GO: Final = Language(
    "go", "Go", ("go",), (("go", "build", "-o", "hello", "."),), ("{folder}/hello",)
)
JAVA: Final = Language(
    "java",
    "Java",
    ("java", "javac", "mvn"),
    (
        ("mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=libs"),
        ("javac", "-Xlint:-path", "-Werror", "-cp", "libs/*", "-d", "classes", "Hello.java"),
    ),
    (
        *("java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"),
        *("-cp", "{folder}/classes:{folder}/libs/*", "Hello"),
    ),
)
JAVASCRIPT: Final = Language(
    "javascript",
    "JavaScript",
    ("node", "npm"),
    (("npm", "ci", "--no-audit", "--no-fund"),),
    ("node", "{folder}/main.mjs"),
)


def command_of(language: Language) -> list[str]:
    """What runs the example; it is built first, if it has changed since."""
    sources = sorted(path for path in (ROOT / "examples" / language.name).iterdir())
    sources = [path for path in sources if path.is_file()]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]

    def build(folder: Path) -> None:
        for path in sources:
            shutil.copy(path, folder)
        for command in language.build:
            run(command, folder)

    folder = _made(BUILD / f"{language.name}-{digest}", build)
    return [part.format(folder=folder) for part in language.run]


def _made(folder: Path, build: Callable[[Path], None]) -> Path:
    """The folder, whole or not at all, also if two build at a time."""
    if not folder.is_dir():
        BUILD.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD, prefix="tmp-") as work:
            made = Path(work, "made")
            made.mkdir()
            build(made)
            with suppress(OSError):  # another process was first
                os.rename(made, folder)
    return folder


def run(command: tuple[str, ...], folder: Path) -> None:
    """Run a tool to its end; a download may fail once."""
    done = None
    for _ in range(2):
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_S,
            env={**os.environ, "GOTOOLCHAIN": "local"},
            check=False,
        )
        if done.returncode == 0:
            return
    assert done is not None
    raise AssertionError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout[-4000:]}")


def environment() -> Mapping[str, str]:
    """What the programs are run with: they have nothing of ours but the schemas."""
    return {**os.environ, "PENSTOCK_SCHEMAS": str(ROOT / "schemas")}
