"""How Penstock is installed: from its file, and nowhere by its bare name, which is another
project's on PyPI.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from penstock import extras
from tests.release.packaging import digests

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = ("docs", "deploy", "engine", "examples", "topics", "ui/src")
WORDS = {".md", ".py", ".yaml", ".yml", ".txt", ".sh", ".ts", ".tsx", ".toml", ".service", ".html"}
BY_NAME = re.compile(r"""\binstall\b[^\n`]*?[\s'"]penstock(?=\[|==|>=|['"`\s.,;)]|$)""", re.M)


def pages() -> Iterator[Path]:
    """All that people read, or programs print."""
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md", "THIRD_PARTY.md", "Makefile"))
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in WORDS and path.is_file() and "ui_dist" not in path.parts:
                yield path


def test_nobody_is_told_to_install_by_the_bare_name() -> None:
    found = {path.relative_to(ROOT).as_posix(): by_name(path.read_text()) for path in pages()}
    assert len(found) > 500 and {"README.md", "docs/DEPLOY.md"} <= set(found)
    assert {name: said for name, said in found.items() if said} == {}


def by_name(text: str) -> list[str]:
    """What in a text would have an installer look the name up."""
    return BY_NAME.findall(text)


@pytest.mark.parametrize(
    ("text", "is_by_name"),
    [
        ("pip install penstock", True),
        ("Then `pip install penstock`.", True),
        ("needs: pip install 'penstock[server,s3]'\")", True),
        ('uv pip install -q "penstock==0.1.0"', True),
        ("pipx install penstock, then", True),
        ('pip install "$(ls RELEASE/penstock-*.whl)[server]" pytest', False),
        ("/opt/penstock/bin/pip install --no-index /wheels/*.whl", False),
        ("install -m 0644 deploy/systemd/penstock.service /etc/systemd/system/", False),
        ("helm install flows deploy/helm/penstock --set x=y", False),
    ],
)
def test_the_bare_name_is_found_where_it_stands(text: str, is_by_name: bool) -> None:
    assert bool(by_name(text)) is is_by_name


def test_what_is_built_is_not_taken_by_the_index() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]


def test_who_is_handed_a_release_can_tell_its_files(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("penstock-1.whl", "penstock-1.tar.gz")]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 1_000)
    (tmp_path / "SHA256SUMS").write_text(digests(files))
    known = ["sha256sum"] if shutil.which("sha256sum") else ["shasum", "-a", "256"]
    check = [*known, "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    files[1].write_bytes(b"another one's")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_each_library_of_an_extra_is_told_by_its_extra() -> None:
    bring: dict[str, set[str]] = {}
    for extra, wanted in PROJECT["optional-dependencies"].items():
        for one in wanted:
            [name] = re.findall(r"^[\w-]+", one)
            bring.setdefault(normal(name), set()).add(extra)
    brought: dict[str, set[str]] = {}
    for library, extra in extras.LIBRARIES.items():
        for name in map(normal, packages_distributions()[library]):
            if name in bring:
                brought.setdefault(name, set()).add(extra)
    assert brought == bring


def normal(name: str) -> str:
    """A distribution's name, as indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_page_has_every_extra() -> None:
    page = (ROOT / "docs" / "DEPLOY.md").read_text()
    [table] = re.findall(r"^\| extra \| for \|\n((?:\|.*\n)+)", page, re.M)
    assert set(re.findall(r"^\| `(\w+)`", table, re.M)) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize(
    ("library", "extra", "words"),
    [
        ("shtab", "cli", ["completion", "bash"]),
        ("yaml", "flows", ["check", "flow.yaml"]),
        ("yaml", "flows", ["flow-schema"]),
        ("starlette", "server", ["dev", "--port", "0"]),
        ("obstore", "s3", ["dev", "--port", "0", "--snapshots", "s3://bucket/here"]),
        ("opentelemetry", "otel", ["dev", "--port", "0"]),
    ],
)
def test_what_is_missing_is_told_with_its_extra(
    library: str, extra: str, words: list[str], tmp_path: Path
) -> None:
    """In a sentence, by every command, with the file as what to install from."""
    script = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from penstock.cli import main; sys.exit(main({words!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "engine"), "PENSTOCK_TRACING": "console"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith(f"penstock: {library} is not installed")
    assert f"RELEASE/penstock-*.whl)[{extra}]" in done.stderr and "Traceback" not in done.stderr
