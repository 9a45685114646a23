"""`penstock worker`, and `penstock dev --worker`: processes that run a module of the user's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError
from tests.cli.calls import process
from tests.sdk.servers import running_server

MODULE = """
from penstock import task, workflow

@task
def greet(name: str) -> str:
    return f"{greeting} {{name}}"

@workflow
def hello(name: str) -> str:
    return greet(name)
"""


def write(folder: Path, greeting: str) -> None:
    """The module; in place of what was there at once, as editors do it."""
    made = folder / "shop.new"
    made.write_text(MODULE.format(greeting=greeting))
    made.replace(folder / "shop.py")


def said(client: Client) -> object:
    """What a run gives; None while nobody can have it."""
    try:
        return client.run("hello", name="Ada").result(timeout=5)
    except PenstockError:
        return None


def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def running(folder: Path, *words: str) -> Generator[subprocess.Popen[bytes]]:
    """A command that runs until it is told to end."""
    with subprocess.Popen([sys.executable, "-m", "penstock.cli", *words], cwd=folder) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_module_is_registered_and_run_and_ends_with_its_signal(tmp_path: Path) -> None:
    write(tmp_path, "Hello")
    with running_server(tmp_path / "data") as url, Client(url) as client:
        with running(tmp_path, "worker", "shop", "--url", url, "--register") as worker:
            until(lambda: said(client) == "Hello Ada")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(20) == 0
        only = "shop:greet", "--name", "w7"
        with running(tmp_path, "worker", *only, "--url", url):
            run = client.run("hello", name="Ada")
            assert run.result(timeout=30) == "Hello Ada"
            assert run.task_runs()[0].attempts[0].worker == "w7"


def test_a_worker_begins_anew_when_a_file_changes_and_ends_with_who_began_it(
    tmp_path: Path,
) -> None:
    """A module that can not be imported waits for its next change."""
    write(tmp_path, "Hello")
    with running_server(tmp_path / "data") as url, Client(url) as client:
        words = "worker", "shop", "--url", url, "--register", "--reload"
        with running(tmp_path, *words) as worker:
            until(lambda: said(client) == "Hello Ada")
            (tmp_path / "shop.py").write_text("def broken(:")
            until(lambda: not children(worker.pid))
            write(tmp_path, "Ahoy")
            until(lambda: said(client) == "Ahoy Ada")
            (child,) = children(worker.pid)
            worker.kill()
            until(lambda: not is_alive(child))


def test_dev_runs_a_worker_beside_it_and_both_end(tmp_path: Path) -> None:
    write(tmp_path, "Hello")
    with running(tmp_path, "dev", "--worker", "shop", "--port", "0", "--data", "data") as dev:
        place = tmp_path / "data" / "server.json"
        until(place.exists)
        url = json.loads(place.read_text())["url"]
        with Client(url) as client:
            until(lambda: said(client) == "Hello Ada")
        (child,) = children(dev.pid)
        dev.send_signal(signal.SIGINT)
        assert dev.wait(30) == 0
        assert not is_alive(child)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nowhere",), "there is no module 'nowhere'"),
        (("json",), "json has no function with @task or @workflow"),
        (("json:dumps",), "json has no task or workflow 'dumps'"),
        (("broken",), 'broken.py", line 1'),
        (("shop", "--url", "nonsense"), "'nonsense': use http://HOST:PORT"),
        (("shop", "--url", "http://127.0.0.1:9", "--register"), "127.0.0.1:9"),
    ],
)
def test_what_can_not_be_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    write(tmp_path, "Hello")
    (tmp_path / "broken.py").write_text("def broken(:")
    monkeypatch.chdir(tmp_path)
    done = process("worker", *words)
    codes = {"nonsense": 2, "http://127.0.0.1:9": 5}
    assert done.returncode == next((codes[word] for word in words if word in codes), 1)
    assert words == ("broken",) or done.stderr.startswith("penstock: ")
    assert why in done.stderr


def children(pid: int) -> list[int]:
    """The processes that a process has begun, and that live."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    text = " ".join((one / "children").read_text() for one in threads)
    return [int(one) for one in text.split() if is_alive(int(one))]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
