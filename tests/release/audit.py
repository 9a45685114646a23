"""Asks whether something that is locked is known to be unsafe: python -m tests.release.audit

The answer comes from a database on the network. Where that can not be reached, or knows nothing of
these packages, nothing is known, and this says so; it fails only by what it was told.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
NOT_CHECKED: Final = "NOT CHECKED"


class Verdict(Struct, frozen=True):
    """Of how many packages something is known, of how many nothing, and what is unsafe."""

    known: int
    unknown: int
    unsafe: tuple[str, ...]

    def told(self, name: str) -> str:
        """For people."""
        if not self.known:
            return f"{name}: {NOT_CHECKED}: the database of vulnerabilities is out of reach"
        left = f"; {self.unknown} {NOT_CHECKED}" if self.unknown else ""
        if self.unsafe:
            return f"{name}: UNSAFE: {', '.join(self.unsafe)}{left}"
        return f"{name}: nothing is known against {self.known} packages{left}"


def audit(lock: Path) -> Verdict:
    """What is known of a lock file's packages."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--progress-spinner", "off"]
    done = subprocess.run(
        [*command, "-f", "json", "-r", str(lock), "--disable-pip", "--require-hashes"],
        capture_output=True,
        text=True,
        check=False,
    )
    return judged(done.stdout)


def judged(said: str) -> Verdict:
    """What a report comes to; none is written where nobody answers."""
    try:
        packages: list[dict[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    known = [one for one in packages if "skip_reason" not in one]
    unsafe = tuple(
        f"{one['name']} {one['version']} ({', '.join(vuln['id'] for vuln in one['vulns'])})"
        for one in known
        if one["vulns"]
    )
    return Verdict(len(known), len(packages) - len(known), unsafe)


def main() -> int:
    """Ask about each lock file."""
    verdicts = {name: audit(ROOT / name) for name in LOCKS}
    for name, verdict in verdicts.items():
        print(verdict.told(name))
    return int(any(verdict.unsafe for verdict in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main())
