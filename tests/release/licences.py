"""Writes THIRD_PARTY.md: what an installation brings along, by which licence; and checks it.

python -m tests.release.licences           writes
python -m tests.release.licences --check   exits 1, naming what differs
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
FILE: Final = ROOT / "THIRD_PARTY.md"
LOCK: Final = ROOT / "requirements-dev.lock"
UI_LOCK: Final = ROOT / "ui" / "package-lock.json"
HEAD: Final = """\
# Third-party licences

<!-- Made by `make licences`. -->

Penstock is under the Apache License 2.0. None of what it needs is in its own packages but for the
dashboard's libraries, which are built into it, with the texts of their licences (`/ui/licences.txt`
of a server); pip installs the rest. The source of elkjs is at <https://github.com/kieler/elkjs>.

"""
_NAMES: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
ALLOWED: Final = frozenset(
    (
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0"),
        *("PSF-2.0", "EPL-2.0", "Unlicense", "Zlib", "0BSD"),
    )
)
"""Of a choice one must be among these. A new one is looked at before it is added here."""

Row = tuple[str, str, str, str]  # name, version, licence, what for


def python_rows() -> list[Row]:
    """What pip installs, with all extras, as far as this machine has it."""
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))
    found: dict[str, str] = {}
    ours = distribution("penstock").metadata.get_all("Provides-Extra") or ()
    pending = [("penstock", frozenset({"", *ours}), "")]
    while pending:
        name, extras, used_for = pending.pop(0)
        if name in found:
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another Python or platform than this
        found[name] = used_for
        for need in map(Requirement, needs):
            of = [one for one in sorted(extras) if _holds(need, one)]
            if of:
                what_for = used_for or of[0] or "always"
                inner = frozenset({"", *need.extras})
                pending.append((canonicalize_name(need.name), inner, what_for))
    del found["penstock"]
    return [(name, locked[name], licence_of(name), found[name]) for name in sorted(found)]


def _holds(need: Requirement, extra: str) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": extra})


def licence_of(name: str) -> str:
    """A package's licence, in SPDX's words."""
    told = distribution(name).metadata
    expression = told.get("License-Expression")
    if expression:
        return expression
    names = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or ()]
    known = [_NAMES[one] for one in names if one in _NAMES]
    if known:
        return " OR ".join(sorted(set(known)))
    text = (told.get("License") or "").strip()
    return text if text and len(text) < 40 else "unknown"


def dashboard_packages() -> dict[str, dict[str, Any]]:
    """What is built into the dashboard, by name, as it is locked."""
    packages: dict[str, Any] = json.loads(UI_LOCK.read_text())["packages"]
    return {
        path.rpartition("node_modules/")[2]: one
        for path, one in sorted(packages.items())
        if path and not one.get("dev")
    }


def dashboard_rows() -> list[Row]:
    """The same, as rows."""
    found = dashboard_packages().items()
    return [(name, one["version"], one["license"], "dashboard") for name, one in found]


def rows() -> list[Row]:
    """Everything."""
    return [*python_rows(), *dashboard_rows()]


def line(row: Row) -> str:
    """A row as it stands in the file."""
    return "| " + " | ".join(row) + " |"


def text() -> str:
    """The file."""
    lines = ["| package | version | licence | comes with |", "|---|---|---|---|"]
    return HEAD + "\n".join([*lines, *map(line, rows())]) + "\n"


def differences(told: str) -> list[str]:
    """What the file does not say as it is. Rows of packages that are not installed here, such as
    those for another Python, are let be, as long as they are locked.
    """
    wanted = {row[0]: line(row) for row in rows()}
    there = {one.split(" | ")[0].lstrip("| "): one for one in told.splitlines() if "|" in one}
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))
    found = [one for name, one in wanted.items() if there.get(name) != one]
    heads = wanted.keys() | {"package", "---|---|---|---|"}
    return found + [
        f"{one}: nothing needs it"
        for name, one in there.items()
        if name not in heads and f" {locked.get(name, '')} " not in one
    ]


def main(arguments: list[str]) -> int:
    """Write, or check."""
    if arguments == ["--check"]:
        found = differences(FILE.read_text() if FILE.exists() else "")
        for one in found:
            sys.stderr.write(f"THIRD_PARTY.md: {one}; run `make licences`\n")
        return int(bool(found))
    FILE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
