"""One `penstock dev` for the end-to-end tests of a module."""

from collections.abc import Iterator

import pytest

from penstock import Client
from tests.sdk.servers import running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server") / "data") as url:
        yield url


@pytest.fixture
def client(server: str) -> Iterator[Client]:
    with Client(server) as made:
        yield made
