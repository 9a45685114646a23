"""Asks whether something that is locked is known to be unsafe: python -m tests.release.audit

The answers come from databases on the network. Each is first asked about something that has been
known to be unsafe for years: a mirror may answer to everything that it knows of nothing. Where none
can be believed, nothing is known, and this says so; it fails only by what it was told.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKS: Final = ("requirements.lock", "requirements-dev.lock", "ui/package-lock.json")
OF_NPM: Final = "package-lock.json"
NOT_CHECKED: Final = "NOT CHECKED"
DATABASES: Final = ("pypi", "osv")
UNSAFE_FOR_YEARS: Final = "pyyaml==5.3\n"
NPM_UNSAFE_FOR_YEARS: Final = {
    "package.json": {"name": "known", "version": "1.0.0", "dependencies": {"minimist": "1.2.0"}},
    OF_NPM: {
        "name": "known",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {
            "": {"name": "known", "version": "1.0.0", "dependencies": {"minimist": "1.2.0"}},
            "node_modules/minimist": {"version": "1.2.0"},
        },
    },
}
ASK_S: Final = 300


class Verdict(Struct, frozen=True):
    """Of how many packages something is known, of how many nothing, and what is unsafe."""

    known: int = 0
    unknown: int = 0
    unsafe: tuple[str, ...] = ()

    def told(self, name: str) -> str:
        """For people."""
        if not self.known:
            return f"{name}: {NOT_CHECKED}: no database of vulnerabilities answers to it"
        left = f"; {self.unknown} {NOT_CHECKED}" if self.unknown else ""
        if self.unsafe:
            return f"{name}: UNSAFE: {', '.join(self.unsafe)}{left}"
        return f"{name}: nothing is known against {self.known} packages{left}"


def audit(lock: Path) -> Verdict:
    """What is known of a lock file's packages."""
    return _npm_audit(lock) if lock.name == OF_NPM else _pip_audit(lock)


def _pip_audit(lock: Path) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder, "known.txt")
        known.write_text(UNSAFE_FOR_YEARS)
        for database in DATABASES:
            if judged(_asked_pip(database, known, "--no-deps")).unsafe:
                return judged(_asked_pip(database, lock, "--require-hashes"))
    return Verdict()


def _asked_pip(database: str, lock: Path, *words: str) -> str:
    command = [str(Path(sys.executable).with_name("pip-audit")), "--progress-spinner", "off"]
    return _said(
        [*command, "-s", database, "-f", "json", "-r", str(lock), "--disable-pip", *words], ROOT
    )


def _npm_audit(lock: Path) -> Verdict:
    npm = shutil.which("npm")
    if npm is None:
        return Verdict()
    command = [npm, "audit", "--json", "--package-lock-only"]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in NPM_UNSAFE_FOR_YEARS.items():
            Path(folder, name).write_text(json.dumps(content))
        if not judged_npm(_said(command, Path(folder))).unsafe:
            return Verdict()
    return judged_npm(_said(command, lock.parent))


def _said(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=ASK_S
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


class _Vulnerability(Struct):
    id: str


class _Package(Struct):
    """One that was skipped has no version, and nothing is known of it."""

    name: str
    version: str = ""
    vulns: list[_Vulnerability] | None = None


class _PipReport(Struct):
    dependencies: list[_Package]


class _Found(Struct):
    range: str
    severity: str


class _Total(Struct):
    total: int


class _Metadata(Struct):
    dependencies: _Total


class _NpmReport(Struct):
    vulnerabilities: dict[str, _Found]
    metadata: _Metadata


def judged(said: str) -> Verdict:
    """What a report of pip-audit comes to; none is written where nobody answers, and what is no
    report says nothing.
    """
    try:
        packages = msgspec.json.decode(said, type=_PipReport).dependencies
    except msgspec.DecodeError:
        return Verdict()
    unsafe = tuple(
        f"{one.name} {one.version} ({', '.join(vuln.id for vuln in one.vulns)})"
        for one in packages
        if one.vulns
    )
    known = sum(one.vulns is not None for one in packages)
    return Verdict(known, len(packages) - known, unsafe)


def judged_npm(said: str) -> Verdict:
    """The same of npm."""
    try:
        report = msgspec.json.decode(said, type=_NpmReport)
    except msgspec.DecodeError:
        return Verdict()
    found = report.vulnerabilities.items()
    unsafe = tuple(f"{name} {one.range} ({one.severity})" for name, one in found)
    return Verdict(report.metadata.dependencies.total, 0, unsafe)


def main() -> int:
    """Ask about each lock file."""
    is_unsafe = False
    for name in LOCKS:
        verdict = audit(ROOT / name)
        print(verdict.told(name), flush=True)
        is_unsafe |= bool(verdict.unsafe)
    return int(is_unsafe)


if __name__ == "__main__":
    sys.exit(main())
