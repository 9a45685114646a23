"""A server that refuses a worker's credential says nothing of what the worker has done: that is
told once the credential is good again.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from penstock import Client, RunHandle, TaskContext, Worker, task, workflow
from tests.gateway.keys import everything, grant, guarded, put_key, put_principal
from tests.sdk.front import Said, standing_before
from tests.sdk.test_strange_answers import COME_S, wait_until

pytestmark = pytest.mark.timeout(180)

BEGUN, GOES_ON, KEPT, ENDS = Event(), Event(), Event(), Event()
REFUSED = "its credential is refused; reports that wait for the server: 1"


@task(timeout=150)
def rc_held(ctx: TaskContext) -> int:
    BEGUN.set()
    assert GOES_ON.wait(150)
    ctx.checkpoint("kept")
    KEPT.set()
    assert ENDS.wait(150)
    return ctx.attempt


@workflow
def rc_holding() -> int:
    return rc_held()


@pytest.fixture(autouse=True)
def _anew() -> None:
    for one in (BEGUN, GOES_ON, KEPT, ENDS):
        one.clear()


def refusal(status: int, code: str) -> Said:
    return Said(status, b'{"error": {"code": "%s", "message": "no"}}' % code.encode())


def is_told_once(run: RunHandle[int]) -> None:
    assert run.result(timeout=COME_S) == 1
    (task_run,) = run.task_runs()
    assert len(task_run.attempts) == 1
    assert [one.value for one in run.checkpoints(task_run.guid)] == ["kept"]


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN")])
def test_what_is_done_is_told_when_the_credential_is_good_again(
    client: Client, server: str, caplog: pytest.LogCaptureFixture, status: int, code: str
) -> None:
    """As a node refuses all tokens that has just been started, and does not know their keys yet."""
    client.register(rc_holding)
    with standing_before(server) as front, Worker(rc_holding, url=front.url):
        held = client.run(rc_holding)
        assert BEGUN.wait(COME_S)
        for goes_on, said in ((GOES_ON, "checkpoint"), (ENDS, "report")):
            front.says = (refusal(status, code),)
            goes_on.set()
            wait_until(lambda said=said: front.told[said] >= 3)
            front.says = ()
            assert KEPT.wait(COME_S)
        is_told_once(held)
        assert REFUSED in caplog.text and "is not taken" not in caplog.text


def test_a_right_that_was_taken_away_for_a_moment_costs_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with guarded(tmp_path / "data") as served:
        put_principal(served, "packer", everything("shop"))
        key = put_key(served, "packer", "packerskey00")
        put_principal(served, "buyer", everything("shop"))
        with (
            Client(served.url, api_key=put_key(served, "buyer", "buyerskey000")) as client,
            Worker(rc_holding, url=served.url, api_key=key),
        ):
            client.register(rc_holding)
            held = client.run(rc_holding)
            assert BEGUN.wait(COME_S)
            put_principal(served, "packer", grant("shop", "TASK", "READ"))
            GOES_ON.set()
            ENDS.set()
            wait_until(lambda: REFUSED in caplog.text)
            put_principal(served, "packer", everything("shop"))
            is_told_once(held)
