"""`--snapshots` on the command line: a server takes them, `verify` and a new disk use them."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from penstock.gateway.pages import UI, is_built
from penstock.server.running import NO_PAGES
from tests.cli.calls import penstock, process
from tests.cli.test_verify import lines_of, some_work
from tests.gateway.served import wait_until
from tests.sdk.servers import running_server


@pytest.mark.timeout(150)
@pytest.mark.drill("restore from a snapshot")
def test_a_server_with_snapshots_comes_back_from_them(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "snapshots"
    place = "--data", str(data), "--snapshots", str(kept)
    words = ["dev", "--partitions", "1", "--snapshots", str(kept), "--snapshot-every", "1s"]
    with running_server(data, *words) as url:
        some_work(url)

        def is_kept() -> bool:
            [one] = httpx.get(f"{url}/v1/cluster").json()["partitions"]
            return one.get("snapshot", {}).get("next_offset") == one["next_offset"]

        wait_until(is_kept)
        runs = httpx.get(f"{url}/v1/wf-runs").json()["items"]
        there = penstock("snapshot", "list", "--url", url, "-o", "json")
    stopped = penstock("snapshot", "list", *place, "-o", "json")
    assert json.loads(there.stdout)[0] in json.loads(stopped.stdout), "no server is needed"
    assert len(lines_of(penstock("verify", *place))) == 2
    shutil.rmtree(data / "stores")
    with running_server(data, *words) as url:
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        assert httpx.get(f"{url}/v1/wf-runs").json()["items"] == runs
    log = (tmp_path / "data.log").read_text()
    assert "partition 0 is restored, as of" in log
    [pages] = [line for line in log.splitlines() if line.startswith("  pages   ")]
    assert pages.split()[1:] == ([f"{url}{UI}"] if is_built() else NO_PAGES.split())


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["dev", "--snapshot-every", "soon"], 2, "is no duration"),
        (["dev", "--snapshots-kept", "1"], 2, "keep 2 or more"),
        (["dev", "--truncate-log"], 2, "unrecognized"),
        (["dev", "--port", "0", "--snapshots", "ftp://x/y"], 1, "no place for snapshots"),
    ],
)
def test_a_wrong_place_or_schedule_is_explained(
    tmp_path: Path, words: list[str], status: int, text: str
) -> None:
    done = process(*words, "--data", str(tmp_path))
    assert done.returncode == status
    assert text in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--data", "nowhere"], 2, "--data needs --snapshots"),
        (["--snapshots", "kept"], 2, "--snapshots needs --data"),
        (["--data", "nowhere", "--snapshots", "kept"], 1, "there is no directory nowhere"),
        (["--data", ".", "--snapshots", "kept"], 1, "is no data directory"),
    ],
)
def test_a_directory_that_is_none_has_no_snapshots(
    words: list[str], status: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = process("snapshot", "list", *words)
    assert done.returncode == status
    assert text in done.stderr


def test_the_place_of_the_environment_is_for_directories_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is asked whatever the environment says of a place."""
    monkeypatch.setenv("PENSTOCK_SNAPSHOTS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    server = process("snapshot", "list", "--url", "http://127.0.0.1:9", "--within", "1s")
    assert server.returncode == 5
    directory = process("snapshot", "list", "--data", "nowhere")
    assert (directory.returncode, "there is no directory nowhere" in directory.stderr) == (1, True)
