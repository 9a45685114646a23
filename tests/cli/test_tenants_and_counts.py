"""`penstock tenants`, `quotas`, `counts`, `metrics` and `change-run-state`, against a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from penstock.cli import main
from tests.gateway.served import one_task
from tests.sdk.servers import running_server

Tell = Callable[..., str]


@pytest.fixture
def url(tmp_path: Path) -> object:
    """A server with a run that has ended, whose task has measured something."""
    with running_server(tmp_path / "data", "dev", "--partitions", "2") as address:
        with httpx.Client(base_url=address, timeout=20) as http:

            def good(method: str, path: str, body: object) -> dict[str, list[dict[str, object]]]:
                response = http.request(method, path, json=body)
                assert response.status_code < 300, response.text
                return response.json()

            good("PUT", "/v1/task-defs?wait=all", {"name": "work"})
            good("PUT", "/v1/wf-specs?wait=all", one_task("spec", "work"))
            good("POST", "/v1/wf-runs", {"wf_spec": "spec", "wf_run_id": "one"})
            poll = {"worker": "w", "wait_ms": 20_000}
            [task] = good("POST", "/v1/task-queues/work/poll", poll)["tasks"]
            measured = {"name": "bytes", "kind": "counter", "value": 7.0}
            report = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
            end = {"status": "TASK_SUCCESS", "output": 1, "metrics": [measured]}
            good("POST", "/v1/tasks/report", report | end)
        yield address


def test_verbs_ask_the_server(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    def tell(*words: str, code: int = 0) -> str:
        assert main([*words, "--url", url]) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    assert tell("tenants", "list") == ""
    assert "shop  version 1" in tell("tenants", "put", "shop", "--description", "ours")
    assert tell("tenants", "list").splitlines()[1].split() == ["shop", "1", "ours"]
    assert "shop" in tell("tenants", "delete", "shop")
    assert "TENANT_UNKNOWN" in tell("tenants", "delete", "shop", code=3)

    assert tell("quotas", "list") == ""
    assert "shop  (all of it)  version 1" in tell("quotas", "put", "shop", "--live-runs", "10")
    hers = ("shop", "--principal", "ada")
    assert "shop  ada  version 1" in tell("quotas", "put", *hers, "--runs-per-second", "2")
    _, *listed = tell("quotas", "list", "shop").splitlines()
    assert [line.split() for line in listed] == [
        ["shop", "-", "-", "-", "10"],
        ["shop", "ada", "-", "2", "-"],
    ]
    _, whole, own = tell("quotas", "own").splitlines()
    assert whole.split()[:5] == ["default", "-", "-", "-", "-"]
    assert own.split()[:2] == ["default", "anonymous"]
    assert "no bounds" in tell("quotas", "delete", *hers)
    assert "QUOTA_UNKNOWN" in tell("quotas", "delete", *hers, code=3)
    assert tell("quotas", "list", "another") == ""

    runs = tell("counts", "wf-spec", "spec", "--bucket", "all")
    assert [line.split()[:3] for line in runs.splitlines()] == [
        ["FROM", "WHAT", "COUNT"],
        ["-", "completed", "1"],
        ["-", "started", "1"],
    ]
    assert "attempt_succeeded" in tell("counts", "task-def", "work")
    assert tell("counts", "user-task-def", "form") == ""
    assert "bytes" in tell("metrics", "--task-def", "work", "--bucket", "all")
    assert tell("metrics", "--name", "other") == ""
    assert "WARNED" in tell("change-run-state", "one", "WARNED")
    assert "WF_RUN_UNKNOWN" in tell("change-run-state", "two", "WARNED", code=3)
