"""`penstock export-test` and `what-if`: of a server's runs, and of a directory without one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.calls import penstock
from tests.cli.test_past_and_care import some_runs
from tests.sdk.servers import running_server

MODULE = """
from penstock import task, workflow


@task
def work() -> None: ...


@workflow
def spec() -> None:
    work()
    work()


number = 1
"""
FLOW = """
id: spec
namespace: other
tasks:
  - id: say
    type: log
    message: hello
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("again") / "data"


@pytest.fixture(scope="module")
def url(directory: Path) -> Iterator[str]:
    with running_server(directory, "dev", "--partitions", "2") as address:
        some_runs(address)
        yield address


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user stands, with a module and a flow."""
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import nothing_at_all")
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "bad.yaml").write_text("id: [")
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_run_becomes_a_test_that_runs_anywhere(url: str, folder: Path) -> None:
    done = penstock("export-test", "ended", "--url", url, "-o", "test_ended.py")
    assert (done.returncode, "pytest test_ended.py" in done.stdout) == (0, True), done.stderr
    text = (folder / "test_ended.py").read_text()
    assert "assert run.status == 'COMPLETED'" in text
    assert "run COMPLETED" in text
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_ended.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    again = penstock("export-test", "ended", "--url", url, "-o", "test_ended.py")
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    forced = penstock("export-test", "ended", "--url", url, "-o", "test_ended.py", "--force")
    assert forced.returncode == 0
    shown = penstock("export-test", "ended", "--url", url).stdout
    assert _but_for_now(shown) == _but_for_now(text)


def _but_for_now(text: str) -> str:
    """Without how late it was when it was exported."""
    lines = [line for line in text.rstrip().splitlines() if "until_ms=" not in line]
    assert len(lines) < len(text.splitlines())
    return "\n".join(lines)


def test_what_if_shows_where_the_two_part(url: str, folder: Path) -> None:
    done = penstock("what-if", "ended", "--spec", "mine:spec", "--url", url)
    assert done.returncode == 0, done.stderr
    assert "they part at step" in done.stdout
    assert "what happened" in done.stdout
    given = ("--answer", "work=null", "-o", "json")
    found = json.loads(
        penstock("what-if", "ended", "--spec", "mine:spec", "--url", url, *given).stdout
    )
    assert found["parting"]["kind"] == "step"
    assert found["instead"][-1]["status"] == "COMPLETED"
    assert found["then"][-1]["status"] == "COMPLETED"

    same = penstock("what-if", "ended", "--spec", "1", "--url", url)
    assert same.stdout.startswith("the run goes the same way, at the same times")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("99", "SPEC_UNKNOWN"),
        ("none.yaml", "can not be read"),
        ("bad.yaml", "bad.yaml:"),
        ("flow.yaml", "the run is of spec"),
        ("mine:none", "has no workflow"),
        ("mine:number", "has no workflow"),
        ("broken:spec", "can not be imported"),
        ("nothing", "is no file *.yaml"),
    ],
)
def test_a_spec_that_can_not_be_had_is_explained(
    url: str, folder: Path, spec: str, said: str
) -> None:
    done = penstock("what-if", "ended", "--spec", spec, "--url", url)
    code = 3 if said.endswith("_UNKNOWN") else 1
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [("export-test",), ("what-if", "--spec", "1")])
def test_what_is_not_there_is_said(url: str, tmp_path: Path, verb: tuple[str, ...]) -> None:
    none = penstock(*verb, "nobody", "--url", url)
    assert (none.returncode, "WF_RUN_UNKNOWN" in none.stderr) == (3, True), none.stderr
    nowhere = penstock(*verb, "ended", "--data", str(tmp_path / "nowhere"))
    assert (nowhere.returncode, "no directory" in nowhere.stderr) == (1, True)
    assert "Traceback" not in none.stderr + nowhere.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("export-test",),
        ("export-test", "../x"),
        ("export-test", "a b"),
        ("what-if", "ended"),
        ("what-if", "ended", "--spec", "1", "--answer", "work"),
        ("what-if", "ended", "--spec", "1", "--answer", "work={"),
        ("what-if", "ended", "--spec", "1", "--answer", "work=" + "[" * 100_000),
        ("what-if", "ended", "--spec", "1", "-o", "yaml"),
    ],
)
def test_hostile_arguments_get_a_sentence(words: tuple[str, ...]) -> None:
    done = penstock(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("penstock: ") and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_nothing_is_written_and_a_directory_says_the_same(url: str, directory: Path) -> None:
    """While the server has the directory it is asked; its log is as long as before."""

    def ends() -> Any:
        return httpx.get(f"{url}/v1/cluster").json()["partitions"]

    online = penstock("export-test", "ended", "--url", url).stdout
    assert penstock("export-test", "ended", "--data", str(directory)).stdout == online
    assert penstock("what-if", "ended", "--spec", "1", "--url", url).returncode == 0
    before = httpx.get(f"{url}/v1/verify", timeout=60).json()["items"]
    assert penstock("export-test", "killed", "--url", url).returncode == 0
    after = httpx.get(f"{url}/v1/verify", timeout=60).json()["items"]
    assert [one["fold_digest"] for one in before] == [one["fold_digest"] for one in after]


def test_without_a_server(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, "dev", "--partitions", "2") as url:
        some_runs(url)
        online = penstock("export-test", "ended", "--url", url).stdout
    offline = penstock("export-test", "ended", "--data", str(data))
    assert _but_now(offline.stdout) == _but_now(online)
    found = penstock("what-if", "ended", "--spec", "mine:spec", "--data", str(data))
    assert "they part at step" in found.stdout, found.stderr
    version = penstock("what-if", "ended", "--spec", "1", "--data", str(data))
    assert (version.returncode, "asked of a server" in version.stderr) == (1, True)


def _but_now(text: str) -> list[str]:
    """The lines, but for when it was asked."""
    return [line for line in text.splitlines() if "until_ms" not in line]
