"""Whose a client and a worker are, if they do not say it: of the tenant that their key is for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from penstock import AsyncClient, Client, Forbidden, Worker, task, workflow
from tests.gateway.keys import everything, guarded, put_key, put_principal
from tests.gateway.served import Served

pytestmark = pytest.mark.timeout(180)
RESULT_S = 90


@task
def te_double(x: int) -> int:
    return 2 * x


@workflow
def te_doubled(x: int) -> int:
    return te_double(x)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with guarded(tmp_path_factory.mktemp("tenants")) as made:
        yield made


def key_for(served: Served, name: str, *tenants: str) -> str:
    """The key of somebody who may do all in these."""
    put_principal(served, name, *map(everything, tenants))
    return put_key(served, name, f"{name}key00000")


def test_a_key_for_one_tenant_says_which_it_is(served: Served) -> None:
    key = key_for(served, "shopkeeper", "shop")
    with (
        Client(served.url, api_key=key) as client,
        Worker(te_doubled, url=served.url, api_key=key),
    ):
        client.register(te_doubled)
        run = client.run(te_doubled, x=4)
        assert run.result(timeout=RESULT_S) == 8
        shown = served.call("GET", f"/v1/wf-runs/{run.id}", tenant="shop")
        assert shown.json()["wf_run_id"] == run.id
        assert served.call("GET", f"/v1/wf-runs/{run.id}").status_code == 404

    async def awaited() -> int:
        async with AsyncClient(served.url, api_key=key) as ours:
            with Worker(te_doubled, url=served.url, api_key=key):
                return await (await ours.run(te_doubled, x=5)).result(timeout=RESULT_S)

    assert asyncio.run(awaited()) == 10


def test_of_several_tenants_one_is_named(served: Served) -> None:
    key = key_for(served, "roamer", "north", "south")
    with Client(served.url, api_key=key) as lost, pytest.raises(Forbidden, match="'default'"):
        lost.register(te_doubled)
    with (
        Client(served.url, tenant="north", api_key=key) as north,
        Client(served.url, tenant="south", api_key=key) as south,
    ):
        north.register(te_doubled)
        assert [one.name for one in north.wf_specs.list()] == ["te_doubled"]
        assert list(south.wf_specs.list()) == []


def test_who_may_do_all_is_in_the_default_one(served: Served) -> None:
    key = key_for(served, "allmighty", "*")
    with Client(served.url, api_key=key) as client:
        client.register(te_doubled)
    assert served.good("GET", "/v1/wf-specs/te_doubled")["name"] == "te_doubled"
