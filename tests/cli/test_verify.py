"""`penstock verify`: the log folded anew gives the stores, while a server runs and when it is
stopped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from penstock.core.state.run import WfRun
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import decode_row
from tests.cli.calls import Said, penstock, process
from tests.gateway.served import one_task, wait_until
from tests.sdk.servers import running_server


def some_work(url: str) -> None:
    with httpx.Client(base_url=url, timeout=20) as http:

        def good(method: str, path: str, body: Any) -> Any:
            response = http.request(method, path, json=body)
            assert response.status_code < 300, response.text
            return response.json()

        good("PUT", "/v1/task-defs", {"name": "work"})
        good("PUT", "/v1/wf-specs", one_task("spec", "work"))
        for _ in range(10):
            good("POST", "/v1/wf-runs", {"wf_spec": "spec"})
        body = {"worker": "w", "wait_ms": 10_000, "tasks_max": 5}
        for task in good("POST", "/v1/task-queues/work/poll", body)["tasks"]:
            report = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
            good("POST", "/v1/tasks/report", {**report, "status": "TASK_SUCCESS"})


def lines_of(done: Said) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.endswith(", equal") for line in lines)
    return lines


def test_verify_agrees_live_and_stopped_and_sees_a_changed_store(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, "dev", "--partitions", "2") as url:
        some_work(url)
        assert len(lines_of(penstock("verify", "--data", str(data)))) == 2
    assert len(lines_of(penstock("verify", "--data", str(data)))) == 2
    with running_server(data) as url:
        some_work(url)
        assert len(lines_of(penstock("verify", "--data", str(data)))) == 2

    meddle(data)
    unequal = penstock("verify", "--data", str(data))
    assert unequal.returncode == 1
    assert "NOT EQUAL" in unequal.stdout


def meddle(data: Path) -> None:
    """Change a row behind the engine's back."""
    for number in range(2):
        store = RocksStores(data / "stores").open(number)
        with closing(store):
            runs = [key for key, _ in store.scan(b"default\x00r", b"default\x00s")]
            for key in runs:
                if key.endswith(b"\x00w"):
                    run = decode_row(WfRun, store.get(key) or b"")
                    run.labels = {"meddled": "yes"}
                    store.write({key: msgspec.msgpack.encode(run)})
                    return
    raise AssertionError("there is a run somewhere")


@pytest.mark.fault(9)
def test_a_second_server_on_a_directory_is_told_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data) as url:
        second = process("dev", "--data", str(data), "--port", "0")
        assert second.returncode == 1
        assert "is in use by another process" in second.stderr
        assert url in second.stderr


def test_a_directory_keeps_its_number_of_partitions(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, "dev", "--partitions", "2"):
        pass
    other = process("dev", "--data", str(data), "--port", "0", "--partitions", "3")
    assert other.returncode == 1
    assert "2 partitions, not 3" in other.stderr
    with running_server(data) as url:
        assert len(httpx.get(f"{url}/v1/cluster").json()["partitions"]) == 2
    with running_server(data, "dev", "--fresh", "--partitions", "1") as url:
        assert len(httpx.get(f"{url}/v1/cluster").json()["partitions"]) == 1


def test_a_port_that_is_taken_is_an_error_if_it_was_asked_for(tmp_path: Path) -> None:
    with running_server(tmp_path / "one") as url:
        port = url.rpartition(":")[2]
        second = process("dev", "--data", str(tmp_path / "two"), "--port", port)
        assert second.returncode == 1
        assert f"can not listen on 127.0.0.1:{port}" in second.stderr


def test_lost_stores_are_folded_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data) as url:
        some_work(url)
        runs = httpx.get(f"{url}/v1/wf-runs").json()["items"]
    shutil.rmtree(data / "stores")
    with running_server(data) as url:
        wait_until(lambda: _caught_up(url))
        assert httpx.get(f"{url}/v1/wf-runs").json()["items"] == runs
        assert len(lines_of(penstock("verify", "--data", str(data)))) == 4


def _caught_up(url: str) -> bool:
    """Whether every partition has folded its log to the end."""
    partitions = httpx.get(f"{url}/v1/cluster").json()["partitions"]
    return all(one["next_offset"] == one["log_end"] for one in partitions)


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ([], 2, "required"),
        (["nonsense"], 2, "invalid choice"),
        (["dev", "--port", "x"], 2, "is no port"),
        (["dev", "--partitions", "0"], 2, "is no number above 0"),
        (["server"], 2, "--kafka"),
        (["server", "--kafka", "x", "--cluster", "Bad Name"], 2, "kebab-case"),
        (["server", "--kafka", "x", "--kafka-config", "x"], 2, "NAME=VALUE"),
        (["verify", "--data", "/nonexistent/there"], 1, "no directory"),
    ],
)
def test_a_wrong_command_line_is_explained(words: list[str], status: int, text: str) -> None:
    done = penstock(*words)
    assert done.returncode == status
    assert text in done.stderr


def test_a_failpoint_that_is_none_is_explained(tmp_path: Path) -> None:
    done = process("dev", "--data", str(tmp_path), "--port", "0", "--failpoint", "x=y")
    assert (done.returncode, "failpoint" in done.stderr) == (1, True)


def test_a_processor_that_fails_ends_the_process(tmp_path: Path) -> None:
    done = _failing(tmp_path)
    assert done.returncode == 1
    assert "the processor has stopped" in done.stdout


def _failing(data: Path) -> subprocess.CompletedProcess[str]:
    """A server whose fold fails at its first batch."""
    command = [sys.executable, "-m", "penstock.cli", "dev", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-builtin", "--failpoint", "before_produce=raise"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            if "http " in line:
                url = line.split()[1]
            if "ready" in line:
                break
        with pytest.raises(httpx.HTTPError):
            httpx.put(f"{url}/v1/task-defs", json={"name": "x"}, timeout=10).raise_for_status()
        out, err = process.communicate(timeout=20)
        return subprocess.CompletedProcess(command, process.returncode, out, err)
    finally:
        process.kill()


def test_what_a_command_is_told_is_explained() -> None:
    """Also what nobody has answered; and a word that is almost one is named."""
    told = process("search", "wf-run", "--url", "http://127.0.0.1:9", "--within", "1s")
    code = told.stderr.removeprefix("penstock: ").partition(":")[0]
    explained = process("explain", code)
    assert (explained.returncode, code) == (0, "UNREACHABLE")
    assert "penstock dev" in explained.stdout
    assert process("lst").stderr.startswith(
        "penstock: argument COMMAND: invalid choice: 'lst'; did you mean list"
    )
    assert "did you mean node-run" in process("get", "nodeRun").stderr
    assert "there is none like it" in process("frobnicate").stderr
