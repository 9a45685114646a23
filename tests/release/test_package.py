"""The wheel and the source distribution, built, and installed in empty environments: `make
package-test`, which builds the dashboard before.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from penstock.gateway.pages import DIST as UI_BUILT
from tests.docs.blocks import blocks_of
from tests.docs.following import TUTORIAL, followed, tutorial
from tests.release.licences import dashboard_packages
from tests.release.packaging import ROOT, bill, build, constraints, environment, install
from tests.sdk.servers import START_S

pytestmark = [pytest.mark.package, pytest.mark.timeout(600)]
HELLO = (ROOT / "examples" / "hello.py").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and what it needs, and nothing else."""
    python = environment(tmp_path_factory.mktemp("wheel") / "venv")
    install(python, built[0])
    return python


def bare(python: Path) -> Mapping[str, str]:
    """An environment without this checkout, or anything of ours."""
    kept = {name: value for name, value in os.environ.items() if "PENSTOCK" not in name}
    kept = {name: value for name, value in kept.items() if not name.startswith("PYTHON")}
    return kept | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def said(python: Path, folder: Path, *command: str) -> str:
    done = subprocess.run(
        [str(python.parent / command[0]), *command[1:]],
        cwd=folder,
        env=bare(python),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def dev(python: Path, folder: Path) -> Iterator[str]:
    """`penstock dev`, as it is installed; its address."""
    command = [str(python.parent / "penstock"), "dev", "--port", "0"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=bare(python), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield told_address(server, folder)
    finally:
        server.terminate()
        server.wait(timeout=30)


def told_address(server: subprocess.Popen[bytes], folder: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        said = (folder / "server.log").read_text()
        assert server.poll() is None, said
        found = re.search(r"http +(http://\S+)\n[\s\S]*ready", said)
        if found is not None:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"no server in {START_S} s")


def test_both_have_the_package_and_its_contracts(built: tuple[Path, Path]) -> None:
    wheel, source = built
    name = f"penstock-{version('penstock')}"
    assert (wheel.name, source.name) == (f"{name}-py3-none-any.whl", f"{name}.tar.gz")
    inside = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(source) as packed:
        sources = {one.removeprefix(f"{name}/") for one in packed.getnames()}
    for path in (ROOT / "engine" / "penstock").rglob("*.py"):
        relative = path.relative_to(ROOT / "engine").as_posix()
        assert relative in inside and f"engine/{relative}" in sources
    for folder in ("schemas", "topics"):
        for path in (one for one in (ROOT / folder).rglob("*") if one.is_file()):
            relative = path.relative_to(ROOT).as_posix()
            assert f"penstock/_contracts/{relative}" in inside and relative in sources
    assert "penstock/py.typed" in inside
    assert any(one.endswith("licenses/LICENSE") for one in inside) and "LICENSE" in sources
    assert not any(one.startswith(("tests", "docs")) for one in inside | sources)
    made = [one for one in UI_BUILT.rglob("*") if one.is_file()]
    pages = {f"penstock/gateway/ui_dist/{one.relative_to(UI_BUILT).as_posix()}" for one in made}
    assert any(one.endswith(".js") for one in pages)
    assert pages == {one for one in inside if "/ui_dist/" in one and not one.endswith("/")}
    assert {f"engine/{one}" for one in pages} <= sources


def test_the_dashboard_brings_the_licences_of_what_is_built_into_it(
    built: tuple[Path, Path],
) -> None:
    """Of what the bundler has really put in, and that is what is listed."""
    text = zipfile.ZipFile(built[0]).read("penstock/gateway/ui_dist/licences.txt").decode()
    told = dict(re.findall(r"^## (\S+) - (\S+) \(", text, re.MULTILINE))
    assert told == {name: one["version"] for name, one in dashboard_packages().items()}
    assert "Permission is hereby granted" in text and "Eclipse Public License - v 2.0" in text


def test_dev_starts_and_serves_where_nothing_else_is(installed: Path, tmp_path: Path) -> None:
    assert said(installed, tmp_path, "penstock", "version") == f"penstock {version('penstock')}\n"
    with dev(installed, tmp_path) as url:
        assert httpx.get(f"{url}/readyz").status_code == 200
        page = httpx.get(url, follow_redirects=True)
        assert page.status_code == 200
        assert "<script" in page.text
        scripts = re.findall(r'src="(/ui/assets/[^"]+\.js)"', page.text)
        assert scripts and all(httpx.get(f"{url}{one}").status_code == 200 for one in scripts)
        (tmp_path / "hello.py").write_text(HELLO.replace("http://127.0.0.1:7070", url))
        assert said(installed, tmp_path, "python", "hello.py") == "Hello, Ada!\n"
    where = said(installed, tmp_path, "python", "-c", IMPORTED)
    assert str(installed.parents[1]) in where, "it is the installed one"


@pytest.mark.timeout(900)
def test_a_newcomer_installs_it_as_the_tutorial_says_and_follows_that_to_its_end(
    built: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pip, in an empty directory, by the words of the page; libraries are those locked."""
    [block] = [one for one in blocks_of(TUTORIAL / "README.md") if "pip install" in one.text]
    assert "python3 -m venv .venv\n" in block.text and "RELEASE" in block.text
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    words = block.text.replace("python3", str(python)).replace("RELEASE", str(built[0].parent))
    locked = tmp_path / "constraints.txt"
    locked.write_text(constraints())
    folder = tmp_path / "new"
    folder.mkdir()
    done = subprocess.run(
        ["bash", "-euc", words],
        cwd=folder,
        env={**bare(python), "PIP_CONSTRAINT": str(locked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    programs = folder / ".venv" / "bin"
    where = said(programs / "python", folder, "python", "-c", IMPORTED)
    assert Path(where.strip()).is_relative_to(folder), "it is the installed one"
    monkeypatch.delenv("PYTHONPATH", raising=False)
    followed(tutorial(), folder, programs=programs)


IMPORTED = "import penstock; print(penstock.__file__)"


def test_the_source_can_be_installed_too(built: tuple[Path, Path], tmp_path: Path) -> None:
    python = environment(tmp_path / "venv")
    install(python, built[1])
    assert said(python, tmp_path, "penstock", "version") == f"penstock {version('penstock')}\n"
    assert "BAD_SPEC" in said(python, tmp_path, "penstock", "explain", "BAD_SPEC")
    wheel = {one for one in zipfile.ZipFile(built[0]).namelist() if one.startswith("penstock/")}
    [packages] = python.parents[1].glob("lib/python3.*/site-packages")
    there = {one.relative_to(packages).as_posix() for one in packages.glob("penstock/**/*")}
    assert "penstock/gateway/ui_dist/index.html" in wheel
    assert wheel <= there, "a wheel that is made of the source has all that ours has"


def test_what_is_installed_is_listed(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "sbom.cdx.json"
    bill(installed, file)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text()) is None
    told = json.loads(file.read_text())
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    named = {(one["name"].lower(), one["version"]) for one in told["components"]}
    lock = re.findall(r"^([a-z0-9-]+)==([^ \\]+)", (ROOT / "requirements.lock").read_text(), re.M)
    versions = dict(lock)
    for name in ("confluent-kafka", "fastavro", "msgspec", "rocksdict", "starlette", "uvicorn"):
        assert (name, versions[name]) in named
    assert told["metadata"]["component"]["name"] == "penstock"
    for name, one in dashboard_packages().items():
        assert (name, one["version"]) in named
    references = {one["ref"] for one in told["dependencies"]}
    assert {one["bom-ref"] for one in told["components"]} <= references
    [root] = [one for one in told["dependencies"] if one["ref"] == "root-component"]
    assert "pkg:npm/preact@" in " ".join(root["dependsOn"])
