"""Writes docs/reference/ from the code, and checks that what stands there is what the code says.

python -m tests.docs.reference           writes
python -m tests.docs.reference --check   exits 1, naming what differs
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from penstock.config import ENVIRONMENT
from tests.docs.reference import commands, errors, metrics, nodes, settings

FOLDER: Final = Path(__file__).resolve().parents[3] / "docs" / "reference"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "nodes.md": nodes.page,
    "commands.md": commands.page,
    "errors.md": errors.page,
    "metrics.md": metrics.page,
    "settings.md": settings.page,
}
MADE: Final = "<!-- Made by `make reference` from the code: edit that, not this. -->\n\n"


def texts() -> dict[str, str]:
    """Every page. Defaults are those of an environment in which nothing is said."""
    kept = {name: os.environ.pop(name) for name in ENVIRONMENT if name in os.environ}
    try:
        return {name: MADE + page().rstrip() + "\n" for name, page in PAGES.items()}
    finally:
        os.environ.update(kept)


def differences(folder: Path = FOLDER) -> list[str]:
    """What stands in the folder and should not, or should and does not, or differs."""
    wanted = texts()
    there = {path.name for path in folder.glob("*.md")}
    found = [f"{name}: nothing makes this page" for name in sorted(there - wanted.keys())]
    for name, text in wanted.items():
        if name not in there:
            found.append(f"{name}: missing")
        elif (folder / name).read_text(encoding="utf-8") != text:
            found.append(f"{name}: differs from the code")
    return found


def main(arguments: list[str]) -> int:
    """Write, or check."""
    if arguments == ["--check"]:
        found = differences()
        for line in found:
            sys.stderr.write(f"docs/reference/{line}; run `make reference`\n")
        return int(bool(found))
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
