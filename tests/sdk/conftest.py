"""One `penstock dev` for the end-to-end tests of a module."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock import AsyncClient, Client
from tests.sdk.both import Anyone, now
from tests.sdk.servers import running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server") / "data") as url:
        yield url


@pytest.fixture
def client(server: str) -> Iterator[Client]:
    with Client(server) as made:
        yield made


Test = Callable[[Anyone], Any]


@pytest.fixture(params=[Client, AsyncClient])
def live(request: pytest.FixtureRequest, server: str) -> Callable[[Test], None]:
    """Lives through a test with a client of one kind."""

    async def lived(test: Test) -> None:
        client = request.param(server)
        try:
            await test(client)
        finally:
            await now(client.close())

    return lambda test: asyncio.run(lived(test))
