"""The drills of docs/OPERATIONS.md: each names its tests, and these are done as it says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import httpx
import pytest

from penstock import Client, Unavailable, Worker, task, workflow
from penstock.core.commands.run_wf import RunWf
from tests.cli.calls import penstock
from tests.crash.server import Server
from tests.gateway.keys import ADMIN_KEY, guarded
from tests.gateway.served import wait_until
from tests.operations.burying import bury
from tests.operations.works import register
from tests.sdk.servers import running_server

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "OPERATIONS.md"
PARTITIONS = 2  # of tests.crash.server


def drills() -> dict[str, set[str]]:
    """The tests that the page names, by drill."""
    parts = re.split(r"^### Drill: (.+)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {
        name: set(re.findall(r"`([\w/]+\.py::\w+)`", text))
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def marked() -> dict[str, set[str]]:
    """The tests that say which drill they do."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            for mark in getattr(node, "decorator_list", ()):
                if ast.unparse(mark).startswith("pytest.mark.drill("):
                    name = f"{file.relative_to(TESTS)}::{node.name}"
                    found[ast.literal_eval(mark.args[0])].add(name)
    return found


def test_every_drill_is_done_by_the_tests_that_it_names() -> None:
    assert len(drills()) == 7
    assert drills() == dict(marked())


@pytest.mark.drill("dead letters")
@pytest.mark.timeout(180)
def test_a_dead_letter_is_sent_again_once(tmp_path: Path) -> None:
    """A command that an older build could not read, and that this one can."""
    server = Server(tmp_path / "data")
    try:
        server.start()
        register(server)
        server.terminate()
        server.ended(30)
        bury(server.data, RunWf(wf_spec="work", wf_run_id="lost"), PARTITIONS)
        server.start()
        url = f"http://127.0.0.1:{server.port}"
        listed = penstock("dead-letters", "list", "--url", url)
        assert listed.returncode == 0 and "MALFORMED" in listed.stdout
        shown = penstock("dead-letters", "get", "0", "--url", url)
        assert "RunWf" in shown.stdout and "may be retried" in shown.stdout
        assert server.call("GET", "/v1/wf-runs/lost").status_code == 404
        assert penstock("dead-letters", "retry", "0", "--url", url).returncode == 0
        wait_until(lambda: server.call("GET", "/v1/wf-runs/lost").status_code == 200)
        again = penstock("dead-letters", "retry", "0", "--url", url)
        assert again.returncode == 1 and "retried before" in again.stderr
        assert "RETRIED" in penstock("dead-letters", "list", "--url", url).stdout
    finally:
        server.stop()


@task
def greet(name: str) -> str:
    return f"hello {name}"


@workflow
def drilled(name: str) -> str:
    return greet(name)


@pytest.mark.drill("a key is changed")
def test_a_key_is_changed_and_nobody_is_shut_out_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with guarded(tmp_path / "data") as served:
        monkeypatch.setenv("PENSTOCK_API_KEY", ADMIN_KEY)
        where = "--url", served.url
        grant = "shop:ALL_RESOURCES:ALL_ACTIONS"
        old = penstock("keys", "create", "worker", "--grant", grant, *where).stdout.strip()
        wait_until(lambda: is_good(served.url, old))
        with Client(served.url, tenant="shop", api_key=old) as client:
            client.register(drilled)
            with Worker(drilled, url=served.url, tenant="shop", api_key=old):
                assert client.run(drilled, name="Ada").result(timeout=30) == "hello Ada"
                new = penstock("keys", "create", "worker", *where).stdout.strip()
                wait_until(lambda: is_good(served.url, new))
                assert is_good(served.url, old), "both are good meanwhile"
        with Worker(drilled, url=served.url, tenant="shop", api_key=new):
            listed = penstock("keys", "list", "--principal", "worker", *where).stdout
            ids = [key.split("_")[1] for key in (old, new)]
            assert all(one in listed for one in ids)
            assert penstock("keys", "revoke", ids[0], *where).returncode == 0
            wait_until(lambda: not is_good(served.url, old))
            with Client(served.url, tenant="shop", api_key=new) as client:
                assert client.run(drilled, name="Bob").result(timeout=30) == "hello Bob"


def is_good(url: str, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{url}/v1/whoami", headers=headers).status_code == 200


@pytest.mark.drill("an upgrade")
@pytest.mark.timeout(180)
def test_a_server_is_replaced_and_its_runs_go_on(tmp_path: Path) -> None:
    """Stopped with a run that waits for its task, verified, started as the next build would be."""
    data = tmp_path / "data"
    with running_server(data) as url, Client(url) as client:
        client.register(drilled)
        client.run(drilled, name="Ada", wf_run_id="before")
    with pytest.raises(Unavailable), Client(url, deadline_s=0.1) as client:
        client.handle("before").status()
    verified = penstock("verify", "--data", str(data))
    assert verified.returncode == 0 and "NOT EQUAL" not in verified.stdout
    with running_server(data) as url, Client(url) as client:
        assert client.handle("before").status() == "RUNNING"
        with Worker(drilled, url=url):
            assert client.handle("before").result(timeout=60) == "hello Ada"
        doctor = penstock("doctor", "--url", url)
        assert doctor.returncode == 0, doctor.stdout
