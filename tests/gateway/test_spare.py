"""Who is let in by a node that owns nothing, and by one whose partitions are late."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from penstock.core.commands.task_started import TaskStarted
from penstock.core.definitions.principals import Action, Grant, Resource
from penstock.core.ids import partition_of_run
from penstock.gateway.access import OPEN
from penstock.gateway.app import ROUTES
from penstock.gateway.at_once import bounds_of
from penstock.gateway.auth import Caller
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.forward import Forwarder
from penstock.gateway.task_queue import TaskQueues
from penstock.gateway.task_starts import STARTED, PollingWorker
from tests.gateway.keys import (
    ADMIN_KEY,
    client_of,
    everything,
    grant,
    guarded,
    put_key,
    put_principal,
)
from tests.gateway.served import PARTITIONS, Served, serving, shape_of_error, wait_until
from tests.gateway.spare import Spare, spare_beside


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """It owns all partitions, and asks for credentials."""
    with guarded(Path(tmp_path_factory.mktemp("owner"))) as made:
        yield made


@pytest.fixture(scope="module")
def spare(owner: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spare]:
    """It owns none."""
    with spare_beside(owner, Path(tmp_path_factory.mktemp("spare"))) as made:
        yield made


def refused(answer: httpx.Response) -> tuple[int, str]:
    return shape_of_error(answer)[:2]


def test_a_key_is_good_at_a_node_that_owns_nothing(owner: Served, spare: Spare) -> None:
    """For runs of every partition, and for what this node answers itself; until it is revoked."""
    put_principal(owner, "sam", everything("default"))
    key = put_key(owner, "sam", "samskey00")
    owner.a_task_def("spare-job")
    owner.a_wf_spec("spare-job", "spare-job")
    with spare.with_key(key) as sam:
        told = sam.get("/v1/whoami").json()
        assert (told["principal"], told["tenant"]) == ("sam", "default")
        seen: set[int] = set()
        while len(seen) < PARTITIONS:
            run = sam.post("/v1/wf-runs", json={"wf_spec": "spare-job"}).json()["wf_run_id"]
            assert sam.get(f"/v1/wf-runs/{run}").status_code == 200
            seen.add(partition_of_run(run, PARTITIONS))
        assert sam.get("/v1/task-defs/spare-job").status_code == 200
        assert len(sam.get("/v1/wf-runs").json()["items"]) >= PARTITIONS
        assert refused(sam.get("/metrics")) == (403, "PERMISSION_DENIED")
        other = {"Penstock-Tenant": "acme"}
        assert refused(sam.get("/v1/wf-runs", headers=other)) == (403, "PERMISSION_DENIED")
        owner.good("DELETE", "/v1/api-keys/samskey00")
        wait_until(lambda: sam.get("/v1/whoami").status_code == 401)
        assert sam.get("/v1/whoami").headers["WWW-Authenticate"] == "Bearer"


def test_a_header_beyond_ascii_is_no_defect_there(spare: Spare) -> None:
    """Who the caller is has to be asked elsewhere, with what he has said."""
    with spare.with_key("psk_nobodyskey1_aaaaaaaaaaaaaaaaaaaaaaaa") as nobody:
        for name in (b"Penstock-Tenant", b"User-Agent"):
            answer = nobody.get("/v1/whoami", headers=[(name, b"\xe9")])
            assert refused(answer)[0] in {400, 401}


def test_what_all_partitions_say_is_gathered_there(owner: Served, spare: Spare) -> None:
    """By the node that was asked, which has none of them."""
    owner.a_task_def("spare-breaker", breaker={"level": 0.5, "window": 3})
    with spare.with_key(ADMIN_KEY) as admin:
        shown = admin.get("/v1/task-queues/spare-breaker/breaker").json()["items"]
        assert [one["partition"] for one in shown] == list(range(PARTITIONS))
        unknown = admin.get("/v1/task-queues/spare-nothing/breaker")
        assert refused(unknown) == (404, "TASK_DEF_UNKNOWN")
        assert admin.get("/v1/task-defs/spare-breaker/counts").json()["items"] == []


@pytest.mark.parametrize("key", [None, "psk_nobodyskey1_aaaaaaaaaaaaaaaaaaaaaaaa", "a.b.c"])
def test_nobody_else_comes_in_there(spare: Spare, key: str | None) -> None:
    """By any route; nor if it looks as if another node had sent it."""
    with spare.with_key(key) as nobody:
        for one in ROUTES:
            path = re.sub(r"\{\w+:whole\}", "0", one.path).replace("{", "").replace("}", "")
            if one.path not in OPEN:
                answer = nobody.request(one.method, path)
                assert refused(answer) == (401, "UNAUTHENTICATED"), path
        hop = {"Penstock-Forwarded-By": "http://127.0.0.1:1"}
        answer = nobody.get("/v1/wf-runs", headers=hop)
        assert answer.status_code == 401
        asked_for_another = nobody.get("/v1/whoami", headers=hop)
        assert asked_for_another.status_code in {401, 421}


def test_a_webhook_comes_in_there(owner: Served, spare: Spare) -> None:
    """Its run is on any partition."""
    owner.a_task_def("spare-hook")
    owner.a_wf_spec("spare-hook", "spare-hook")
    hook = {"name": "spare-hook", "wf_spec": "spare-hook", "key": "k" * 20}
    owner.good("PUT", "/v1/webhooks?wait=all", hook)
    with spare.with_key(None) as anybody:
        for _ in range(6):
            assert anybody.post(f"/v1/webhooks/spare-hook/{'k' * 20}").status_code == 201


def test_nodes_that_know_nobody_do_not_ask_each_other_for_ever(
    owner: Served, spare: Spare, tmp_path: Path
) -> None:
    """Nor is anybody let in for want of an answer."""
    with (
        spare_beside(owner, tmp_path, spare.url) as second,
        second.with_key("psk_nobodyskey1_aaaaaaaaaaaaaaaaaaaaaaaa") as client,
    ):
        for path in ("/v1/whoami", "/v1/wf-runs"):
            assert refused(client.get(path)) == (421, "NOT_OWNER")


def test_a_node_that_asks_for_nothing_vouches_for_nobody(owner: Served, tmp_path: Path) -> None:
    with (
        serving(tmp_path / "open") as lax,
        spare_beside(owner, tmp_path, lax.url) as strict,
        strict.with_key("psk_nobodyskey1_aaaaaaaaaaaaaaaaaaaaaaaa") as client,
    ):
        assert refused(client.get("/v1/whoami")) == (503, "UNREACHED")


def test_a_late_partition_lets_nobody_in(owner: Served) -> None:
    """It may not have heard of what was revoked: the least late one is asked, if it is not late."""
    sampler = owner.made.app.state.gateway.sampler
    with client_of(owner, "lana", everything("default")) as lana:
        assert lana.get("/v1/whoami").status_code == 200
        late = dict.fromkeys(range(PARTITIONS), 1000.0)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sampler, "late_s", late.__getitem__)
            status, code, message = shape_of_error(lana.get("/v1/whoami"))
            assert (status, code) == (503, "RESTORING")
            assert "far behind" in message
            late[2] = 0.0
            assert lana.get("/v1/whoami").status_code == 200
        assert lana.get("/v1/whoami").status_code == 200


ALL = Grant(("default",), (Resource.ALL_RESOURCES,), (Action.ALL_ACTIONS,))


def test_what_a_gateway_refuses_is_no_answer_of_the_fold(owner: Served, spare: Spare) -> None:
    """A task is kept for the next worker when the one that polls can not come in (any more)."""
    owner.a_task_def("spare-task")
    owner.a_wf_spec("spare-task", "spare-task")
    wf_run_id = owner.run("spare-task")
    made, worker = owner.made, PollingWorker("w")
    key = put_key_of_worker(owner)

    async def ask() -> None:
        forwarder = Forwarder(  # its connections are of this event loop
            nodes=spare.gateway.forwarder.nodes,
            engine=spare.gateway.engine,
            limits=spare.gateway.limits,
            bounds=bounds_of(spare.gateway.limits),
        )
        gone_bad = Caller("default", "w", (ALL,), "Bearer psk_revokedkey_aaaaaaaaaaaaaaaaaaaa")
        started = TaskStarted(wf_run_id=wf_run_id, guid="g" * 8, attempt=1, worker="w")
        with pytest.raises(ApiError) as raised:
            await forwarder.say(started, STARTED, gone_bad, "spare-said")
        assert raised.value.code is EdgeCode.UNAUTHENTICATED
        queues = TaskQueues(
            log=made.log,
            avro=made.avro,
            topics=made.topics,
            forwarder=forwarder,
            limits=spare.gateway.limits,
        )
        gone = asyncio.get_running_loop().create_future()

        async def poll(caller: Caller) -> list[str]:
            tasks = await queues.poll(
                caller, "spare-task", worker=worker, tasks_max=1, wait_s=10.0, gone=gone
            )
            return [task.wf_run_id for task in tasks]

        try:
            with pytest.raises(ApiError) as raised:
                await poll(gone_bad)
            assert raised.value.code is EdgeCode.UNAUTHENTICATED
            lost = Caller("default", "w", (ALL,), f"Bearer {key_for_others(owner)}")
            with pytest.raises(ApiError) as raised:
                await poll(lost)
            assert raised.value.code == "PERMISSION_DENIED"
            denied = Caller("default", "w", (ALL,), f"Bearer {denied_key(owner)}")
            with pytest.raises(ApiError) as raised:
                await poll(denied)
            assert raised.value.code == "PERMISSION_DENIED"
            assert await poll(Caller("default", "w", (ALL,), f"Bearer {key}")) == [wf_run_id]
        finally:
            queues.close()
            await queues.closed()
            await forwarder.closed()

    asyncio.run(ask())


def put_key_of_worker(owner: Served) -> str:
    """Of one that may do all."""
    put_principal(owner, "willing", everything("default"))
    return put_key(owner, "willing", "willing00")


def key_for_others(owner: Served) -> str:
    """Of one that may run other tasks only."""
    put_principal(owner, "lost", grant("default", "TASK", "RUN", "another"))
    return put_key(owner, "lost", "lostkey00")


def denied_key(owner: Served) -> str:
    """Of one that may run none."""
    put_principal(owner, "denied", grant("default", "TASK", "READ"))
    return put_key(owner, "denied", "denied000")
